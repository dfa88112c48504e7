/* Ring tone and key clicks, made here: no file, no request. */

const KEYS: Record<string, [number, number]> = {
  1: [697, 1209], 2: [697, 1336], 3: [697, 1477], 4: [770, 1209], 5: [770, 1336], 6: [770, 1477],
  7: [852, 1209], 8: [852, 1336], 9: [852, 1477], '*': [941, 1209], 0: [941, 1336], '#': [941, 1477],
};

/** Something that sounds, on the speaker that was chosen for it. */
class Outlet {
  private readonly context: AudioContext & { setSinkId?: (id: string) => Promise<void> } = new AudioContext();
  private element: HTMLAudioElement | null = null;

  get sounding() {
    if (this.context.state === 'suspended') void this.context.resume();
    return this.context;
  }

  /** Once it may sound: at once, or with the first click. */
  get ready(): Promise<void> {
    return this.context.resume();
  }

  /** Where tones go. */
  get end(): AudioNode {
    return this.through ?? this.context.destination;
  }

  private through: MediaStreamAudioDestinationNode | null = null;

  /** A speaker that was unplugged meanwhile is the default one. */
  async to(deviceId: string) {
    if (this.context.setSinkId) {
      await this.context.setSinkId(deviceId).catch(() => {});
      return;
    }
    if (!canChooseSpeaker() || (!deviceId && !this.element)) return;
    // the context has no speaker of its own in this browser: an element has
    this.through ??= this.context.createMediaStreamDestination();
    this.element ??= new Audio();
    this.element.srcObject ??= this.through.stream;
    await this.element.setSinkId(deviceId).catch(() => {});
    await this.element.play().catch(() => {});
  }

  close() {
    this.element?.pause();
    void this.context.close();
  }
}

let house: Outlet | null = null;
let ringTimer = 0;
let rings = 0;

const outlet = () => house ??= new Outlet();

/** Whether this browser lets a page choose the speaker at all. */
export const canChooseSpeaker = () => 'setSinkId' in HTMLMediaElement.prototype;

function tone(hz: number, from: number, seconds: number, loudness: number, kind: OscillatorType = 'sine', on: Outlet = outlet()) {
  const ground = on.sounding;
  const source = ground.createOscillator();
  const gain = ground.createGain();
  const at = ground.currentTime + from;
  source.type = kind;
  source.frequency.value = hz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.01);
  gain.gain.setValueAtTime(loudness, at + seconds - 0.03);
  gain.gain.linearRampToValueAtTime(0, at + seconds);
  source.connect(gain).connect(on.end);
  source.start(at);
  source.stop(at + seconds);
}

/** Where it rings; the speaker of calls may be another one. */
export function chooseRinger(deviceId: string) {
  localStorage.setItem('ringer', deviceId);
  void outlet().to(deviceId);
}

export const ringer = () => localStorage.getItem('ringer') ?? '';

export function keyTone(key: string) {
  const pair = KEYS[key];
  if (pair) for (const hz of pair) tone(hz, 0, 0.12, 0.06);
}

async function ringOnce() {
  rings += 1;
  const mine = rings;
  await outlet().ready;
  if (mine !== rings) return; // before the first click they would gather, and all sound with it
  // two soft chords, a pause: heard in the next room, bearable in this one
  for (const [from, low] of [[0, 523.25], [0.45, 659.25]] as const) {
    tone(low, from, 0.4, 0.16, 'triangle');
    tone(low * 1.5, from, 0.4, 0.08, 'sine');
  }
}

export function startRinging() {
  if (ringTimer) return;
  const wanted = ringer();
  if (wanted) void outlet().to(wanted);
  void ringOnce();
  ringTimer = window.setInterval(() => void ringOnce(), 2500);
}

/** The browser lets this page make no sound yet: it wants a click first. */
export const isSilenced = () => house?.sounding.state === 'suspended';

export function stopRinging() {
  clearInterval(ringTimer);
  ringTimer = 0;
  rings += 1; // also what waits for a click
}

/** Three rising tones where calls are heard. */
export async function testSpeaker(deviceId: string) {
  const there = new Outlet();
  await there.to(deviceId);
  [523.25, 659.25, 783.99].forEach((hz, at) => tone(hz, at * 0.25, 0.24, 0.2, 'sine', there));
  setTimeout(() => there.close(), 1200);
}

export const testRing = () => void ringOnce();
