/*
 * The softphone as a state machine: registration, calls in and out, coming back after a reload or another network.
 *
 * The order of messages is docs/api.md's: offer (a session of audio, tied to no call), answer, link (session and call
 * become one). No DOM: socket, audio, REST and timer come in, so tests drive all of it.
 */
import type { Call, Leg, RouterEvent } from './types.js';

export type PhoneState = 'off' | 'registering' | 'ready' | 'refused' | 'not-built';
/** preparing: microphone and offer; ringing: somebody calls us; calling: they are rung; lost: the way to the router broke. */
export type CallState = 'preparing' | 'ringing' | 'connecting' | 'calling' | 'talking' | 'ended';
export type MediaState = 'none' | 'checking' | 'up' | 'broken' | 'failed';

export interface PhoneCall {
  key: string;
  callId: string | null;
  sessionId: string | null;
  direction: 'in' | 'out';
  number: string;
  name: string | null;
  state: CallState;
  media: MediaState;
  isMuted: boolean;
  /** It was shown: a call that another page of ours took never is. */
  hasRung: boolean;
  /** We put the others on hold. */
  isHeld: boolean;
  beganAt: number;
  answeredAt: number | null;
  /** ended: why, as a reason word or a sentence. */
  why: string;
}

export interface Media {
  /** Makes a session and gives its offer. Without microphone it stays silent until openMic. */
  offer(sessionId: string, withMic: boolean, isMuted?: boolean): Promise<string>;
  accept(sessionId: string, sdp: string): Promise<void>;
  openMic(sessionId: string): Promise<void>;
  mute(sessionId: string, isMuted: boolean): void;
  /** @return false: this session cannot send digits in its audio */
  digits(sessionId: string, digits: string): boolean;
  /** Nothing is heard of the other side. */
  hush(sessionId: string, isHushed: boolean): void;
  close(sessionId: string): void;
  onState: (sessionId: string, state: MediaState) => void;
}

export interface PhoneRest {
  start(to: string, from?: string): Promise<{ callId: string }>;
  change(callId: string, legId: string, what: { held?: boolean }): Promise<unknown>;
  add(callId: string, to: string): Promise<unknown>;
  digits(callId: string, legId: string, digits: string): Promise<unknown>;
  transfer(callId: string, legId: string, to: string): Promise<unknown>;
  join(callId: string, legId: string, otherCallId: string): Promise<unknown>;
}

/** What a reload takes along. */
export interface Kept {
  token: string;
  deviceId: string;
  /** Sessions whose microphone is muted: it must not open by itself. */
  muted?: string[];
  /** Sessions that were hung up and of which the router has not said so: they must not come back. */
  over?: string[];
}

export interface PhoneGround {
  send(message: object): boolean;
  /** Another socket: one socket is one registration. */
  renewLine(): void;
  media: Media;
  rest: PhoneRest;
  /** The router's own picture of a call. */
  call(callId: string): Call | undefined;
  now(): number;
  /** A time of the router on this machine's clock. */
  timeOf(at: string): number;
  id(): string;
  after(ms: number, fn: () => void): unknown;
  cancel(timer: unknown): void;
  kept(): Kept | null;
  keep(kept: Kept | null): void;
  /** "" for a guest. */
  wantedDevice(): string;
  name(): string;
}

const SHOWN_AFTER_END_MS = 4000;
/** What went wrong is a sentence with a cure: time to read it, and to do it. */
const SHOWN_AFTER_FAULT_MS = 60000;
/** An offer that is not linked dies at the router after 60 s. */
const OFFER_LASTS_MS = 50000;
/** Another page of ours may be placing this call: wait before ringing for it. */
const OWN_CALL_WAIT_MS = 1500;
/** Broken says that nothing came for some seconds already. */
const REOFFER_MS = 1000;
/** No answer to an offer that takes a call back: the socket only looks alive, as after sleep or on another network. Doubled
    each time, as a slow machine may be what is late. */
const RESUME_ANSWER_MS = 2000;
const RESUME_DOUBLED_MAX = 3;
/** After each registration the router tells again what rings here. */
const TOLD_AGAIN_MS = 2000;

interface Inner extends PhoneCall {
  isAnswered: boolean; /* webrtc-answer was taken */
  isLinked: boolean;
  isWanted: boolean; /* the user answered, or dialled */
  isMoved: boolean; /* to other parties than were called */
  offeredAt: number;
  toldIn: number; /* the registration in which the router last said that it rings */
  timer: unknown;
  resumeTimer: unknown;
  resuming: object | null; /* the attempt to take it back that counts: the last */
  resumes: number; /* attempts since it was last up */
}

export class Phone {
  state: PhoneState = 'off';
  deviceId = '';
  refusal = '';
  readonly calls: PhoneCall[] = [];

  private token = '';
  private readonly watchers = new Set<() => void>();
  private readonly faults = new Set<(sentence: string) => void>();
  /** Calls announced while POST /api/call runs: one of them is ours. */
  private early: RouterEvent[] | null = null;
  private posts = 0;
  /** Calls this page placed; the router rings it for them, and it never rings. */
  private readonly placed = new Set<string>();
  /** Kept.over */
  private readonly over = new Set<string>();
  private registrations = 0;
  private isLive = false;

  constructor(private readonly ground: PhoneGround) {
    ground.media.onState = (sessionId, state) => this.onMedia(sessionId, state);
  }

  watch(fn: () => void) {
    this.watchers.add(fn);
    return () => this.watchers.delete(fn);
  }

  /** Sentences for people about what failed. */
  onFault(fn: (sentence: string) => void) {
    this.faults.add(fn);
    return () => this.faults.delete(fn);
  }

  get active(): PhoneCall | undefined {
    return this.calls.find((call) => call.state !== 'ended' && call.state !== 'ringing' && !call.isHeld)
      ?? this.calls.find((call) => call.state !== 'ended' && call.state !== 'ringing');
  }

  get ringing(): PhoneCall[] {
    return this.calls.filter((call) => call.state === 'ringing');
  }

  /* ---- registration ---- */

  /** The line to the router is up, or down. */
  line(isLive: boolean) {
    const was = this.isLive;
    this.isLive = isLive;
    if (isLive && !was && this.state !== 'not-built') this.register();
    if (!isLive && this.state !== 'not-built') this.state = 'off';
    this.changed();
  }

  register() {
    const kept = this.token ? { token: this.token, deviceId: this.deviceId } : this.ground.kept();
    const deviceId = this.ground.wantedDevice();
    const isSame = kept !== null && (deviceId ? kept.deviceId === deviceId : kept.deviceId.startsWith('guest:') || kept.deviceId === '');
    this.state = 'registering';
    this.ground.send({
      type: 'webrtc-register',
      ...(deviceId ? { deviceId } : {}),
      name: this.ground.name(),
      ...(isSame ? { token: kept.token } : {}),
    });
    this.changed();
  }

  /** Another device was chosen: begin anew. */
  registerAnew() {
    const wasReady = this.state === 'ready';
    this.token = '';
    this.ground.keep(null);
    if (!this.isLive || this.state === 'not-built') return;
    if (wasReady) this.ground.renewLine();
    else this.register();
  }

  private registered(event: RouterEvent) {
    this.token = String(event.token ?? '');
    this.deviceId = String(event.deviceId ?? '');
    this.state = 'ready';
    this.refusal = '';
    const { muted = [], over = [] } = this.ground.kept() ?? {};
    const legs = (event.legs ?? []) as { callId: string; sessionId: string }[];
    for (const sessionId of new Set([...this.over, ...over])) this.hangUpAgain(sessionId, legs.some((leg) => leg.sessionId === sessionId));
    this.registrations += 1;
    const now = this.registrations;
    if (this.inner.some((call) => call.direction === 'in' && !call.isWanted)) this.ground.after(TOLD_AGAIN_MS, () => this.stopRinging(now));
    for (const call of this.inner) {
      const there = legs.find((leg) => leg.sessionId === call.sessionId);
      const isThere = there !== undefined;
      if (there) call.callId = there.callId; // it may have moved meanwhile
      if (call.isLinked && !isThere && call.state !== 'ended') this.end(call, 'unreachable', false);
      else if (isThere && call.media !== 'up' && call.state !== 'ended') void this.resume(call);
    }
    for (const leg of legs) {
      if (!this.over.has(leg.sessionId) && !this.inner.some((call) => call.sessionId === leg.sessionId)) this.revive(leg.callId, leg.sessionId, muted.includes(leg.sessionId));
    }
    this.keep();
    this.changed();
  }

  /** The line was down, or only looked alive, when it was hung up. */
  private hangUpAgain(sessionId: string, isThere: boolean) {
    if (isThere) this.ground.send({ type: 'webrtc-hangup', sessionId });
    if (isThere) this.over.add(sessionId);
    else this.over.delete(sessionId);
  }

  /** What was not told again has ended, or was answered elsewhere, while the line was down. */
  private stopRinging(registration: number) {
    for (const call of this.inner) {
      if (call.state !== 'ringing' || call.toldIn >= registration) continue;
      this.end(call, this.ground.call(call.callId!)?.state === 'answered' ? 'answered_elsewhere' : 'cancelled', false);
    }
  }

  /** A call that stood before the page was loaded anew. */
  private revive(callId: string, sessionId: string, isMuted: boolean) {
    const view = this.ground.call(callId);
    const call = this.add('out', '', null);
    Object.assign(call, { callId, sessionId, isMuted, isLinked: true, isWanted: true, state: 'connecting' });
    if (view) this.onCall(view);
    void this.resume(call);
  }

  private async resume(call: Inner) {
    const sessionId = call.sessionId!;
    const mine = {};
    call.resuming = mine;
    this.ground.media.close(sessionId);
    call.media = 'checking';
    try {
      const sdp = await this.ground.media.offer(sessionId, true, call.isMuted || call.isHeld);
      if (call.resuming !== mine) return;
      this.quiet(call);
      if (call.state === 'ended') this.ground.media.close(sessionId);
      else if (this.ground.send({ type: 'webrtc-offer', sessionId, sdp, resume: this.token })) this.awaitAnswer(call);
    } catch (error) {
      if (call.resuming !== mine) return; // it was closed for a later attempt
      this.fail(call, error);
    }
    this.changed();
  }

  private awaitAnswer(call: Inner) {
    this.ground.cancel(call.resumeTimer);
    const doubled = Math.min(call.resumes, RESUME_DOUBLED_MAX);
    call.resumes += 1;
    call.resumeTimer = this.ground.after(RESUME_ANSWER_MS * 2 ** doubled, () => {
      if (call.state !== 'ended' && this.state === 'ready') this.ground.renewLine(); // registered again, it is offered again
    });
  }

  /** The machine slept, or is on another network: what looks connected may be dead. Calls come back on a new socket. */
  startOver() {
    for (const call of this.inner) {
      if (call.isLinked && call.state !== 'ended') call.media = 'broken';
    }
    if (this.isLive) this.ground.renewLine();
    this.changed();
  }

  /* ---- what people do ---- */

  /** Calls a number. The microphone opens first: without it nobody is rung. */
  async dial(to: string, name: string | null = null) {
    const call = this.add('out', to, name);
    call.isWanted = true;
    call.sessionId = this.ground.id();
    this.changed();
    try {
      await this.holdOthers(call);
      const sdp = await this.ground.media.offer(call.sessionId, true);
      if (this.isOver(call)) {
        this.ground.media.close(call.sessionId);
        return;
      }
      call.offeredAt = this.ground.now();
      if (!this.ground.send({ type: 'webrtc-offer', sessionId: call.sessionId, sdp })) throw new Error('the line to the router is down');
      this.posts += 1;
      this.early ??= [];
      try {
        const { callId } = await this.ground.rest.start(to, this.deviceId);
        call.callId = callId;
        this.placed.add(callId);
        if (this.isOver(call)) this.ground.send({ type: 'webrtc-reject', callId });
      } finally {
        this.posts -= 1;
        this.sortEarly();
      }
      if (!this.isOver(call)) this.linkWhenReady(call);
    } catch (error) {
      this.fail(call, error);
    }
    this.changed();
  }

  async answer(key: string) {
    const call = this.inner.find((other) => other.key === key);
    if (!call || call.state !== 'ringing') return;
    call.state = 'connecting';
    call.isWanted = true;
    this.changed();
    try {
      await this.holdOthers(call);
      if (!call.sessionId || this.ground.now() - call.offeredAt > OFFER_LASTS_MS) await this.prepare(call, true);
      else await this.ground.media.openMic(call.sessionId);
      if (!this.isOver(call)) this.linkWhenReady(call);
    } catch (error) {
      this.turnAway(call, error);
    }
    this.changed();
  }

  /** It was answered and cannot be: the caller is not left ringing. */
  private turnAway(call: Inner, error: unknown) {
    if (call.callId) this.ground.send({ type: 'webrtc-reject', callId: call.callId });
    this.fail(call, error);
  }

  hangUp(key: string) {
    const call = this.inner.find((other) => other.key === key);
    if (!call || call.state === 'ended') return;
    if (call.state === 'ringing' && call.callId) this.ground.send({ type: 'webrtc-reject', callId: call.callId });
    else if (call.callId && !call.isLinked && call.direction === 'in') this.ground.send({ type: 'webrtc-reject', callId: call.callId });
    this.end(call, call.state === 'ringing' ? 'declined' : 'hangup', true);
  }

  /** An ended call is shown no longer. */
  forget(key: string) {
    const call = this.inner.find((other) => other.key === key);
    if (call?.state !== 'ended') return;
    this.ground.cancel(call.timer);
    this.remove(call);
  }

  mute(key: string, isMuted: boolean) {
    const call = this.inner.find((other) => other.key === key);
    if (!call?.sessionId) return;
    call.isMuted = isMuted;
    this.quiet(call);
    this.keep();
    this.changed();
  }

  /** One other party hears music; of several we step out, and they go on talking. */
  async hold(key: string, isHeld: boolean) {
    const call = this.inner.find((other) => other.key === key);
    const view = call?.callId ? this.ground.call(call.callId) : undefined;
    if (!call?.sessionId || !call.callId || !view || call.isHeld === isHeld) return;
    const own = this.ownLeg(call, view);
    const others = view.legs.filter((leg) => leg !== own && leg.role === 'participant');
    const subject = others.length === 1 ? others[0] : own;
    if (!isHeld) await this.holdOthers(call);
    if (subject) await this.ground.rest.change(call.callId, subject.legId, { held: isHeld });
    call.isHeld = isHeld;
    this.quiet(call);
    this.changed();
  }

  async digits(key: string, digits: string) {
    const call = this.inner.find((other) => other.key === key);
    if (!call?.sessionId || !call.callId || this.ground.media.digits(call.sessionId, digits)) return;
    const view = this.ground.call(call.callId);
    const other = view?.legs.find((leg) => leg !== this.ownLeg(call, view));
    if (other) await this.ground.rest.digits(call.callId, other.legId, digits);
  }

  /** Connects the other party with somebody else; we are out of the call then. */
  async transfer(key: string, to: string) {
    const call = this.inner.find((other) => other.key === key);
    const view = call?.callId ? this.ground.call(call.callId) : undefined;
    if (!call?.callId || !view) return;
    const own = this.ownLeg(call, view);
    const others = view.legs.filter((leg) => leg !== own && leg.role === 'participant');
    if (others.length !== 1) throw new Error('only a call with one other party can be transferred');
    await this.ground.rest.transfer(call.callId, others[0].legId, to);
  }

  /** Two calls become one, without us: who waits is connected with who we talk to. */
  async connect(key: string, otherKey: string) {
    const call = this.inner.find((item) => item.key === key);
    const other = this.inner.find((item) => item.key === otherKey);
    const view = call?.callId ? this.ground.call(call.callId) : undefined;
    if (!call?.callId || !other?.callId || !view) return;
    const own = this.ownLeg(call, view);
    const parties = view.legs.filter((leg) => leg !== own && leg.role === 'participant');
    if (parties.length !== 1) throw new Error('only a call with one other party can be connected');
    await this.ground.rest.join(call.callId, parties[0].legId, other.callId);
  }

  async addParty(key: string, to: string) {
    const call = this.inner.find((other) => other.key === key);
    if (call?.callId) await this.ground.rest.add(call.callId, to);
  }

  /** Ends everything of this page: logging out, or another device. */
  endAll() {
    for (const call of this.inner) if (call.state !== 'ended') this.hangUp(call.key);
    this.token = '';
    this.over.clear();
    this.ground.keep(null);
    this.state = this.state === 'not-built' ? 'not-built' : 'off';
    this.isLive = false;
    this.changed();
  }

  /* ---- what the router says ---- */

  onEvent(event: RouterEvent) {
    switch (event.type) {
      case 'webrtc-registered':
        this.registered(event);
        break;
      case 'webrtc-incoming':
        for (const call of this.inner) if (call.callId === event.callId) call.toldIn = this.registrations;
        if (this.early) this.early.push(event);
        else this.incoming(event);
        break;
      case 'webrtc-answer':
        void this.answered(event);
        break;
      case 'webrtc-cancelled':
        this.early = this.early?.filter((other) => other.callId !== event.callId) ?? null;
        this.endBy((call) => call.callId === event.callId && !call.isLinked, String(event.reason ?? 'cancelled'));
        break;
      case 'webrtc-hangup':
        if (this.over.delete(String(event.sessionId))) this.keep();
        this.endBy((call) => call.sessionId === event.sessionId, String(event.reason ?? 'hangup'));
        break;
      case 'webrtc-moved':
        this.moved(event);
        break;
      case 'call_ended':
        this.placed.delete(String(event.callId));
        this.endBy((call) => call.callId === event.callId, String(event.reason ?? 'hangup'));
        break;
      case 'error':
        this.refused(event);
        break;
      default:
        if (event.call) this.callChanged(event);
    }
  }

  /** An event about one leg has the call without legs: the store has taken it in before us. */
  private callChanged(event: RouterEvent) {
    const view = event.call?.legs ? event.call : this.ground.call(String(event.callId));
    if (view) this.onCall(view);
  }

  private incoming(event: RouterEvent) {
    const callId = String(event.callId);
    if (this.placed.has(callId) || this.inner.some((call) => call.callId === callId && call.state !== 'ended')) return;
    const isOwn = event.direction === 'outbound';
    const call = this.add('in', String((isOwn ? event.to : event.from) ?? ''), isOwn ? null : ((event.fromName as string) ?? null));
    call.callId = callId;
    if (isOwn) {
      call.state = 'preparing';
      call.timer = this.ground.after(OWN_CALL_WAIT_MS, () => {
        if (call.state === 'preparing') this.ring(call);
      });
    } else {
      this.ring(call);
    }
    this.changed();
  }

  private ring(call: Inner) {
    call.state = 'ringing';
    call.hasRung = true;
    // ready before the answer, so that it is heard at once; the microphone stays closed until then
    this.prepare(call, false).catch((error) => {
      if (this.isOver(call)) return;
      if (call.isWanted) {
        this.turnAway(call, error);
        return;
      }
      this.ground.media.close(call.sessionId!);
      call.sessionId = null; // the answer tries again, and says what is wrong
    });
    this.changed();
  }

  private async prepare(call: Inner, withMic: boolean) {
    const old = call.sessionId;
    if (old) this.ground.media.close(old);
    const sessionId = this.ground.id();
    Object.assign(call, { sessionId, isAnswered: false, offeredAt: this.ground.now() });
    const sdp = await this.ground.media.offer(sessionId, withMic);
    if (call.sessionId !== sessionId || this.isOver(call)) {
      this.ground.media.close(sessionId);
      return;
    }
    if (!this.ground.send({ type: 'webrtc-offer', sessionId, sdp })) throw new Error('the line to the router is down');
  }

  private async answered(event: RouterEvent) {
    const call = this.inner.find((other) => other.sessionId === event.sessionId && other.state !== 'ended');
    if (!call) return;
    this.ground.cancel(call.resumeTimer);
    try {
      call.media = call.media === 'up' ? 'up' : 'checking';
      await this.ground.media.accept(call.sessionId!, String(event.sdp));
      call.isAnswered = true;
      if (call.isWanted && !call.isLinked) this.linkWhenReady(call);
    } catch (error) {
      this.fail(call, error);
    }
    this.changed();
  }

  private linkWhenReady(call: Inner) {
    if (call.isLinked || !call.isAnswered || !call.callId || !call.isWanted) return;
    call.isLinked = true;
    call.state = call.direction === 'out' ? 'calling' : 'connecting';
    this.ground.send({ type: 'webrtc-link', callId: call.callId, sessionId: call.sessionId });
    const view = this.ground.call(call.callId);
    if (view) this.onCall(view);
  }

  private sortEarly() {
    if (this.posts > 0 || !this.early) return;
    const early = this.early;
    this.early = null;
    for (const event of early) this.incoming(event);
  }

  /** The router's picture of a call changed. */
  private onCall(view: Call) {
    const call = this.inner.find((other) => other.callId === view.callId && other.state !== 'ended');
    if (!call || !call.isLinked) return;
    const own = this.ownLeg(call, view);
    const others = view.legs.filter((leg) => leg !== own);
    const isTalking = others.some((leg) => leg.state === 'answered') || (others.length === 0 && view.state === 'answered'); // the first in a conference
    const [only] = others.length === 1 ? others : [];
    if (!call.number && others.length > 0) call.answeredAt = view.answeredAt ? this.ground.timeOf(view.answeredAt) : null;
    if (only && (!call.number || call.isMoved)) Object.assign(call, { number: only.number ?? only.name ?? view.to, name: only.name });
    else if (!call.number) call.number = view.to;
    if (only && call.state !== 'talking') call.name ??= only.name; // who comes later into a room gives it no name
    if (isTalking && call.state !== 'talking') {
      call.state = 'talking';
      call.answeredAt ??= this.ground.now();
    }
    call.isHeld = others.length === 1 ? others[0].held : own?.held ?? call.isHeld;
    this.quiet(call);
    this.changed();
  }

  /** The same audio goes on in another call: a conference that was in use, somebody else by a transfer. */
  private moved(event: RouterEvent) {
    const call = this.inner.find((other) => other.sessionId === event.sessionId && other.state !== 'ended');
    if (!call) return;
    call.callId = String(event.callId);
    if (call.state === 'talking') Object.assign(call, { isMoved: true, number: '', name: null }); // who it is now, the call says
    else call.state = 'talking'; // in the room that was dialled
    call.answeredAt ??= this.ground.now();
    const view = this.ground.call(call.callId);
    if (view) this.onCall(view);
    this.changed();
  }

  private refused(event: RouterEvent) {
    const sessionId = event.sessionId as string | undefined;
    const call = this.inner.find((other) => other.state !== 'ended' && (sessionId ? other.sessionId === sessionId : event.callId !== undefined && other.callId === event.callId));
    const detail = String(event.detail ?? event.code ?? 'refused');
    if (event.code === 'not-built') {
      this.state = 'not-built';
    } else if (event.inReplyTo === 'webrtc-register') {
      this.state = 'refused';
      this.refusal = detail;
      if (this.token || this.ground.kept()) this.registerAnew(); // the token of another login, or an old one
    } else if (event.code === 'no-audio') {
      this.say(detail); // the call may still come up: its verdict says more
    } else if (call && event.inReplyTo !== 'webrtc-hangup' && event.inReplyTo !== 'webrtc-reject') {
      this.end(call, detail, true);
      this.say(detail);
    }
    this.changed();
  }

  private onMedia(sessionId: string, state: MediaState) {
    const call = this.inner.find((other) => other.sessionId === sessionId && other.state !== 'ended');
    if (!call) return;
    call.media = state;
    if (state === 'up') call.resumes = 0;
    this.ground.cancel(call.timer);
    if ((state === 'broken' || state === 'failed') && call.isLinked) {
      call.timer = this.ground.after(state === 'failed' ? 0 : REOFFER_MS, () => {
        if (call.state !== 'ended' && call.media !== 'up' && this.state === 'ready') void this.resume(call);
      });
    }
    this.changed();
  }

  /* ---- small things ---- */

  private get inner() {
    return this.calls as Inner[];
  }

  /* TypeScript forgets what awaits change */
  private isOver(call: Inner): boolean {
    return call.state === 'ended';
  }

  private ownLeg(call: Inner, view: Call): Leg | undefined {
    const browsers = view.legs.filter((leg) => leg.kind === 'webrtc');
    return browsers.find((leg) => (leg as Leg & { sessionId?: string }).sessionId === call.sessionId)
      ?? browsers.find((leg) => leg.deviceId === this.deviceId) ?? browsers[0];
  }

  private keep() {
    const muted = this.inner.filter((call) => call.isMuted && call.sessionId && call.state !== 'ended').map((call) => call.sessionId!);
    this.ground.keep({ token: this.token, deviceId: this.deviceId, ...(muted.length ? { muted } : {}), ...(this.over.size ? { over: [...this.over] } : {}) });
  }

  /* On hold neither microphone nor speaker is open, whatever the router plays to whom. */
  private quiet(call: Inner) {
    if (!call.sessionId) return;
    this.ground.media.mute(call.sessionId, call.isMuted || call.isHeld);
    this.ground.media.hush(call.sessionId, call.isHeld);
  }

  private async holdOthers(except?: Inner) {
    for (const other of this.inner) {
      if (other !== except && other.state === 'talking' && !other.isHeld) await this.hold(other.key, true).catch(() => {});
    }
  }

  private add(direction: 'in' | 'out', number: string, name: string | null): Inner {
    const call: Inner = {
      key: this.ground.id(), callId: null, sessionId: null, direction, number, name, state: 'preparing', media: 'none',
      isMuted: false, hasRung: direction === 'out', isHeld: false, beganAt: this.ground.now(), answeredAt: null, why: '',
      isAnswered: false, isLinked: false, isWanted: false, isMoved: false, offeredAt: 0, toldIn: this.registrations,
      timer: null, resumeTimer: null, resuming: null, resumes: 0,
    };
    this.calls.unshift(call);
    return call;
  }

  private endBy(test: (call: Inner) => boolean, reason: string) {
    for (const call of this.inner) if (call.state !== 'ended' && test(call)) this.end(call, reason, false);
  }

  private fail(call: Inner, error: unknown) {
    const text = error instanceof Error ? error.message : String(error);
    if (call.state !== 'ended') this.end(call, text, true);
    this.say(text);
  }

  private end(call: Inner, why: string, isTold: boolean) {
    const wasQuiet = call.state === 'preparing' && call.direction === 'in';
    const isKnown = call.isLinked || call.offeredAt > 0; // the router has this session
    if (call.sessionId && isKnown && (isTold || !call.isLinked)) this.ground.send({ type: 'webrtc-hangup', sessionId: call.sessionId });
    if (call.sessionId) this.ground.media.close(call.sessionId);
    if (call.sessionId && call.isLinked && isTold) this.over.add(call.sessionId);
    this.ground.cancel(call.timer);
    this.ground.cancel(call.resumeTimer);
    call.state = 'ended';
    call.why = why;
    if (this.over.size) this.keep();
    call.timer = this.ground.after(wasQuiet ? 0 : why.includes(' ') ? SHOWN_AFTER_FAULT_MS : SHOWN_AFTER_END_MS, () => this.remove(call));
    this.changed();
  }

  private remove(call: Inner) {
    const at = this.inner.indexOf(call);
    if (at >= 0) this.calls.splice(at, 1);
    this.changed();
  }

  private say(text: string) {
    for (const fn of [...this.faults]) fn(text);
  }

  private changed() {
    for (const fn of [...this.watchers]) fn();
  }
}
