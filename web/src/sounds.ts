/* Ring tone and key clicks, made here: no file, no request. */

const KEYS: Record<string, [number, number]> = {
  1: [697, 1209], 2: [697, 1336], 3: [697, 1477], 4: [770, 1209], 5: [770, 1336], 6: [770, 1477],
  7: [852, 1209], 8: [852, 1336], 9: [852, 1477], '*': [941, 1209], 0: [941, 1336], '#': [941, 1477],
};

let context: (AudioContext & { setSinkId?: (id: string) => Promise<void> }) | null = null;
let ringTimer = 0;

function audio() {
  context ??= new AudioContext();
  if (context.state === 'suspended') void context.resume();
  return context;
}

function tone(hz: number, from: number, seconds: number, loudness: number, kind: OscillatorType = 'sine', ground: AudioContext = audio()) {
  const source = ground.createOscillator();
  const gain = ground.createGain();
  const at = ground.currentTime + from;
  source.type = kind;
  source.frequency.value = hz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.01);
  gain.gain.setValueAtTime(loudness, at + seconds - 0.03);
  gain.gain.linearRampToValueAtTime(0, at + seconds);
  source.connect(gain).connect(ground.destination);
  source.start(at);
  source.stop(at + seconds);
}

/** Where it rings; the speaker of calls may be another one. */
export function chooseRinger(deviceId: string) {
  localStorage.setItem('ringer', deviceId);
  void audio().setSinkId?.(deviceId).catch(() => {});
}

export const ringer = () => localStorage.getItem('ringer') ?? '';

export function keyTone(key: string) {
  const pair = KEYS[key];
  if (pair) for (const hz of pair) tone(hz, 0, 0.12, 0.06);
}

function ringOnce() {
  // two soft chords, a pause: heard in the next room, bearable in this one
  for (const [from, low] of [[0, 523.25], [0.45, 659.25]] as const) {
    tone(low, from, 0.4, 0.16, 'triangle');
    tone(low * 1.5, from, 0.4, 0.08, 'sine');
  }
}

export function startRinging() {
  if (ringTimer) return;
  const wanted = ringer();
  if (wanted) void audio().setSinkId?.(wanted).catch(() => {});
  ringOnce();
  ringTimer = window.setInterval(ringOnce, 2500);
}

export function stopRinging() {
  clearInterval(ringTimer);
  ringTimer = 0;
}

/** Three rising tones where calls are heard. */
export async function testSpeaker(deviceId: string) {
  const ground: NonNullable<typeof context> = new AudioContext();
  await ground.setSinkId?.(deviceId).catch(() => {});
  [523.25, 659.25, 783.99].forEach((hz, at) => tone(hz, at * 0.25, 0.24, 0.2, 'sine', ground));
  setTimeout(() => void ground.close(), 1200);
}

export const testRing = () => ringOnce();
