/* The one softphone of this page: the machine, tied to socket, audio, ring tone and what the system shows. */
import { calls as rest } from './api.js';
import { app } from './app-state.js';
import { media } from './media.js';
import { Phone, type Kept, type PhoneCall } from './phone.js';
import { remember } from './recents.js';
import { isSilenced, startRinging, stopRinging } from './sounds.js';

const KEPT = 'phone';
const TITLE_MS = 1000;
const LOCK_MS = 1000;
/** A context that may sound does so by then, also on a slow machine or a speaker that has to wake. */
const RING_TRIED_MS = 2500;

function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export const phone = new Phone({
  send: (message) => app.events.send(message),
  renewLine: () => app.events.renew(),
  media,
  rest,
  call: (callId) => app.events.calls.get(callId),
  now: () => Date.now(),
  timeOf: (at) => app.events.timeOf(at),
  id: randomId,
  after: (ms, fn) => setTimeout(fn, ms),
  cancel: (timer) => clearTimeout(timer as number),
  kept: () => JSON.parse(sessionStorage.getItem(KEPT) ?? 'null') as Kept | null,
  keep: (kept) => {
    if (!kept) {
      sessionStorage.removeItem(KEPT);
      return;
    }
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    void lockToken(kept.token);
  },
  wantedDevice: () => wantedDevice(),
  name: () => app.me?.name ?? '',
});

/** The device this browser rings as; "" is a guest. A user of one device is that device. */
export function wantedDevice(): string {
  return app.me?.role === 'user' ? app.me.deviceId ?? '' : localStorage.getItem('device') ?? '';
}

export function chooseDevice(deviceId: string) {
  localStorage.setItem('device', deviceId);
  phone.registerAnew();
}

/** Readers look and never call. */
export const mayPhone = () => app.maySteer;

let locked = '';

/* A lock for as long as this page lives says that the token is in use. @return false: another page has it */
function lockToken(token: string): Promise<boolean> {
  if (!navigator.locks || locked === token) return Promise.resolve(true);
  locked = token;
  return new Promise((done) => {
    // the page before a reload may hold it for another moment
    navigator.locks.request(`phone ${token}`, { signal: AbortSignal.timeout(LOCK_MS) }, () => {
      done(true);
      return new Promise(() => {});
    }).catch(() => done(false));
  });
}

/* A copied tab brings the token of the tab it was copied from: only one of them may be that phone. */
async function ownTheToken() {
  const kept = sessionStorage.getItem(KEPT);
  if (kept && !(await lockToken((JSON.parse(kept) as Kept).token))) sessionStorage.removeItem(KEPT);
}

const remembered = new Set<string>();

/* A call is remembered once it has ended. */
function rememberEnded() {
  for (const call of phone.calls) {
    if (call.state !== 'ended' || !call.hasRung || remembered.has(call.key)) continue;
    remembered.add(call.key);
    if (call.number === '*43' && call.answeredAt) sessionStorage.setItem('echoed', '1'); // a first step is done
    const isElsewhere = call.why === 'answered_elsewhere';
    remember({ number: call.number, name: call.name, direction: call.direction, at: call.beganAt,
      isMissed: call.direction === 'in' && call.answeredAt === null && call.why !== 'declined' && !isElsewhere });
  }
}

let note: Notification | null = null;
let wasRinging = false;
let titleTimer = 0;
const plainTitle = () => document.title.replace(/^☎ .* · /, '');

function showRinging(ringing: PhoneCall[]) {
  const isRinging = ringing.length > 0;
  if (isRinging === wasRinging) return;
  wasRinging = isRinging;
  clearInterval(titleTimer);
  if (!isRinging) {
    stopRinging();
    note?.close();
    note = null;
    document.title = plainTitle();
    return;
  }
  const who = ringing[0].name ?? ringing[0].number;
  startRinging();
  setTimeout(() => {
    if (wasRinging && isSilenced()) app.say('It rings, but the browser keeps this page silent until you click anywhere in it.', 'bad');
  }, RING_TRIED_MS);
  let isOn = false;
  titleTimer = window.setInterval(() => {
    isOn = !isOn;
    document.title = isOn ? `☎ ${who} · ${plainTitle()}` : plainTitle();
  }, TITLE_MS);
  if (document.hidden && 'Notification' in window && Notification.permission === 'granted') {
    note = new Notification(`${who} is calling`, { tag: 'ringing', requireInteraction: true });
    note.onclick = () => {
      window.focus();
      location.hash = '#/phone';
    };
  }
}

const TICK_MS = 1000;
const SLEPT_MS = 5000;

/* The machine slept when the clock jumps: also timers stand still then. Hidden pages without calls are only slowed down. */
function watchForSleep() {
  let last = Date.now();
  setInterval(() => {
    const gap = Date.now() - last;
    last += gap;
    if (gap > SLEPT_MS && (!document.hidden || phone.active)) phone.startOver();
  }, TICK_MS);
  document.addEventListener('resume', () => phone.startOver());
  addEventListener('online', () => phone.startOver());
}

/** Once, at the start of the page. */
export async function startPhone() {
  await ownTheToken();
  const live = () => app.events.link === 'live' && app.events.isFilled && app.me !== null && mayPhone();
  app.events.watch(() => {
    if (live() !== isUp) {
      isUp = live();
      phone.line(isUp);
    }
  });
  app.events.listen((event) => phone.onEvent(event));
  watchForSleep();
  phone.watch(() => {
    showRinging(phone.ringing);
    rememberEnded();
    app.changed();
  });
  media.onTrouble = (words) => {
    if (words && app.view !== 'phone') app.say(words, 'bad');
    app.changed();
  };
  // the call's own card says it where it is seen
  phone.onFault((sentence) => {
    if (app.view !== 'phone') app.say(sentence[0].toUpperCase() + sentence.slice(1), 'bad');
  });
  app.whenLeaving(() => {
    isUp = false;
    phone.endAll();
  });
}

let isUp = false;
