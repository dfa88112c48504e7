/* The browser's side of audio: microphone, one peer connection for each session, speakers, levels, figures. */
import type { Media, MediaState } from './phone.js';

export interface Figures {
  codec: string | null;
  lossPct: number | null;
  jitterMs: number | null;
  rttMs: number | null;
  mos: number | null;
}

export interface Devices {
  microphones: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

/** A microphone that is only looked at. */
export interface Listening {
  level(): number;
  stop(): void;
}

interface Session {
  pc: RTCPeerConnection;
  sender: RTCRtpSender;
  audio: HTMLAudioElement;
  mic: MediaStream | null;
  isMuted: boolean;
  timer: number;
  last: { lost: number; received: number } | null;
  figures: Figures;
  levels: { mine: Meter | null; theirs: Meter | null };
}

/** What keeps people from hearing or being heard in the middle of a call: as long as it lasts, with its cure. */
const TROUBLES = {
  microphone: 'The microphone is gone, so you are not heard. Plug one in; the call goes on with it.',
  speaker: 'The speaker you chose is gone: the default one of this computer sounds instead.',
  click: 'The browser keeps this page silent until you click anywhere in it, or press a key.',
};
type Trouble = keyof typeof TROUBLES;

/** Names what the browser's exception means, and the cure. */
export function micFault(error: unknown): string {
  if (/denied by system/i.test((error as { message?: string })?.message ?? '')) return 'The system keeps the microphone from this browser. Allow it in the privacy settings of the system, then try again.';
  const name = (error as { name?: string })?.name ?? '';
  if (!window.isSecureContext || !navigator.mediaDevices) return 'The browser gives the microphone only to pages over HTTPS or on this machine itself. Open the page by its https address.';
  if (name === 'NotAllowedError') return 'The microphone is not allowed for this page. Click the lock or the microphone beside the address and allow it.';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'No microphone was found. Plug one in, or choose another under Sound.';
  if (name === 'NotReadableError') return 'The microphone is held by another program. Close that program and try again.';
  return `The microphone cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
}

/** E-model, as far as three figures tell: 4.4 is the best a line reaches. */
export function scoreOf(lossPct: number, jitterMs: number, rttMs: number): number {
  const delay = rttMs / 2 + 2 * jitterMs + 40;
  const fromDelay = 0.024 * delay + (delay > 177 ? 0.11 * (delay - 177) : 0);
  const fromLoss = (95 * lossPct) / (lossPct + 10); // Opus with FEC hides much
  const r = Math.max(0, Math.min(93.2, 93.2 - fromDelay - fromLoss));
  return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
}

/* One second is too short to judge by: about five count. */
function smooth(old: number | null, value: number) {
  return old === null ? value : old + (value - old) / 5;
}

/** Loudness of a stream, 0 to 1, as the eye expects it. */
class Meter {
  private readonly source: MediaStreamAudioSourceNode;
  private readonly analyser: AnalyserNode;
  private readonly data: Float32Array<ArrayBuffer>;

  constructor(context: AudioContext, stream: MediaStream) {
    this.source = context.createMediaStreamSource(stream);
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.data = new Float32Array(this.analyser.fftSize);
    this.source.connect(this.analyser);
  }

  read(): number {
    this.analyser.getFloatTimeDomainData(this.data);
    let sum = 0;
    for (const value of this.data) sum += value * value;
    const db = 10 * Math.log10(sum / this.data.length + 1e-9);
    return Math.max(0, Math.min(1, (db + 60) / 55));
  }

  close() {
    this.source.disconnect();
  }
}

const STATS_MS = 1000;

class BrowserMedia implements Media {
  onState: (sessionId: string, state: MediaState) => void = () => {};
  /** Trouble came (its words) or went (""). */
  onTrouble: (words: string) => void = () => {};
  private readonly found = new Set<Trouble>();
  private readonly sessions = new Map<string, Session>();
  private context: AudioContext | null = null;

  get microphone() {
    return localStorage.getItem('microphone') ?? '';
  }

  get speaker() {
    return localStorage.getItem('speaker') ?? '';
  }

  constructor() {
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.devicesChanged());
  }

  get troubles(): string[] {
    return [...this.found].map((trouble) => TROUBLES[trouble]);
  }

  private mark(trouble: Trouble, isThere: boolean) {
    if (this.found.has(trouble) === isThere) return;
    if (isThere) this.found.add(trouble);
    else this.found.delete(trouble);
    this.onTrouble(isThere ? TROUBLES[trouble] : '');
  }

  /* Something was plugged in or out while people talk. */
  private async devicesChanged() {
    if (this.sessions.size === 0) return;
    for (const session of this.sessions.values()) {
      if (session.mic?.getAudioTracks()[0].readyState === 'ended') await this.otherMicrophone(session);
    }
    if (!this.speaker) return;
    const { speakers } = await this.devices();
    const isGone = speakers.every((device) => device.deviceId !== this.speaker);
    for (const session of this.sessions.values()) await this.routeTo(session.audio, isGone ? '' : this.speaker);
    this.mark('speaker', isGone);
  }

  /* Unplugged: the call goes on with one that is there, or comes. */
  private async otherMicrophone(session: Session) {
    try {
      await this.use(session, await this.openMicrophone());
      this.mark('microphone', false);
    } catch {
      this.mark('microphone', true);
    }
  }

  /* Until the first click some browsers stay silent. */
  private play(session: Session) {
    session.audio.play().then(() => this.mark('click', false), (error: Error) => {
      if (error.name !== 'NotAllowedError') return;
      this.mark('click', true);
      const once = new AbortController();
      for (const event of ['click', 'keydown']) {
        addEventListener(event, () => {
          once.abort();
          this.audioContext();
          this.play(session);
        }, { signal: once.signal });
      }
    });
  }

  private audioContext() {
    this.context ??= new AudioContext();
    if (this.context.state === 'suspended') void this.context.resume();
    return this.context;
  }

  async openMicrophone(): Promise<MediaStream> {
    const wanted = this.microphone;
    const plain = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: wanted ? { ...plain, deviceId: { exact: wanted } } : plain });
    } catch (error) {
      if (!wanted || (error as Error).name !== 'OverconstrainedError') throw new Error(micFault(error));
      localStorage.removeItem('microphone'); // it was unplugged: any will do
      return this.openMicrophone();
    }
  }

  async listen(): Promise<Listening> {
    const stream = await this.openMicrophone();
    const meter = new Meter(this.audioContext(), stream);
    return {
      level: () => meter.read(),
      stop: () => {
        meter.close();
        for (const track of stream.getTracks()) track.stop();
      },
    };
  }

  async devices(): Promise<Devices> {
    const found = navigator.mediaDevices ? await navigator.mediaDevices.enumerateDevices() : [];
    return {
      microphones: found.filter((device) => device.kind === 'audioinput' && device.deviceId),
      speakers: found.filter((device) => device.kind === 'audiooutput' && device.deviceId),
    };
  }

  async offer(sessionId: string, withMic: boolean, isMuted = false): Promise<string> {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    const audio = new Audio();
    audio.autoplay = true;
    const transceiver = pc.addTransceiver('audio', { direction: 'sendrecv' });
    const session: Session = {
      pc, sender: transceiver.sender, audio, mic: null, isMuted, timer: 0, last: null,
      figures: { codec: null, lossPct: null, jitterMs: null, rttMs: null, mos: null }, levels: { mine: null, theirs: null },
    };
    this.sessions.set(sessionId, session);
    session.timer = window.setInterval(() => void this.measure(session), STATS_MS);
    pc.ontrack = ({ track }) => this.hear(session, track);
    pc.onconnectionstatechange = () => this.tellState(sessionId, session);
    pc.oniceconnectionstatechange = () => this.tellState(sessionId, session);
    try {
      if (withMic) await this.openMic(sessionId);
      await pc.setLocalDescription();
    } catch (error) {
      if (this.sessions.get(sessionId) === session) this.close(sessionId); // else it was, for a later one of this name
      throw error;
    }
    // the router is ICE-lite and learns our addresses from our checks: nothing to gather first
    return pc.localDescription!.sdp;
  }

  private hear(session: Session, track: MediaStreamTrack) {
    const stream = new MediaStream([track]);
    session.audio.srcObject = stream;
    void this.routeTo(session.audio, this.speaker);
    this.play(session);
    session.levels.theirs = new Meter(this.audioContext(), stream);
  }

  private async routeTo(audio: HTMLAudioElement, sinkId: string) {
    const element = audio as HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };
    await element.setSinkId?.(sinkId).catch(() => {}); // unplugged meanwhile: the default one speaks
  }

  private tellState(sessionId: string, session: Session) {
    if (this.sessions.get(sessionId) !== session) return;
    const ice = session.pc.iceConnectionState;
    const all = session.pc.connectionState;
    const state: MediaState = all === 'connected' ? 'up'
      : all === 'failed' || ice === 'failed' ? 'failed'
        : ice === 'disconnected' || all === 'disconnected' ? 'broken' : 'checking';
    this.onState(sessionId, state);
  }

  async accept(sessionId: string, sdp: string) {
    const session = this.sessions.get(sessionId);
    if (!session) return;
    await session.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  async openMic(sessionId: string) {
    const session = this.sessions.get(sessionId);
    if (!session || session.mic) return;
    await this.use(session, await this.openMicrophone());
  }

  private async use(session: Session, mic: MediaStream) {
    const [track] = mic.getAudioTracks();
    const isOver = () => ![...this.sessions.values()].includes(session);
    let fault: unknown = null;
    track.enabled = !session.isMuted;
    if (!isOver()) await session.sender.replaceTrack(track).catch((error) => { fault = error; });
    if (fault || isOver()) { // the call ended while the microphone was being opened: that must not stay open
      for (const one of mic.getTracks()) one.stop();
      if (!isOver()) throw fault;
      return;
    }
    track.enabled = !session.isMuted; // or was muted meanwhile
    track.onended = () => void this.otherMicrophone(session);
    for (const old of session.mic?.getTracks() ?? []) {
      old.onended = null;
      old.stop();
    }
    session.mic = mic;
    session.levels.mine?.close();
    session.levels.mine = new Meter(this.audioContext(), mic);
  }

  /** Another microphone or speaker, also in the middle of a call. */
  async choose(kind: 'microphone' | 'speaker', deviceId: string) {
    localStorage.setItem(kind, deviceId);
    for (const session of this.sessions.values()) {
      if (kind === 'speaker') await this.routeTo(session.audio, deviceId);
      else if (session.mic) await this.use(session, await this.openMicrophone());
    }
  }

  mute(sessionId: string, isMuted: boolean) {
    const session = this.sessions.get(sessionId);
    if (!session) return;
    session.isMuted = isMuted;
    for (const track of session.mic?.getAudioTracks() ?? []) track.enabled = !isMuted;
  }

  digits(sessionId: string, digits: string): boolean {
    const dtmf = this.sessions.get(sessionId)?.sender.dtmf;
    if (!dtmf?.canInsertDTMF) return false;
    dtmf.insertDTMF(dtmf.toneBuffer + digits, 120, 70);
    return true;
  }

  hush(sessionId: string, isHushed: boolean) {
    const session = this.sessions.get(sessionId);
    if (session) session.audio.muted = isHushed;
  }

  levels(sessionId: string): { mine: number; theirs: number } {
    const session = this.sessions.get(sessionId);
    return {
      mine: session && !session.isMuted ? session.levels.mine?.read() ?? 0 : 0,
      theirs: session && !session.audio.muted ? session.levels.theirs?.read() ?? 0 : 0,
    };
  }

  figures(sessionId: string): Figures | null {
    return this.sessions.get(sessionId)?.figures ?? null;
  }

  /** What failed in a session that did not come up: the way (ICE) or the keys (DTLS). */
  failedPart(sessionId: string): 'ice' | 'dtls' | null {
    const session = this.sessions.get(sessionId);
    if (!session) return null;
    const ice = session.pc.iceConnectionState;
    if (ice !== 'connected' && ice !== 'completed') return 'ice';
    return session.sender.transport?.state === 'connected' ? null : 'dtls';
  }

  /** The browser has given it up. */
  isOver(sessionId: string): boolean {
    const pc = this.sessions.get(sessionId)?.pc;
    return !pc || pc.connectionState === 'failed' || pc.iceConnectionState === 'failed';
  }

  private async measure(session: Session) {
    const report = await session.pc.getStats().catch(() => null);
    if (!report) return;
    const figures = { ...session.figures };
    report.forEach((item) => {
      if (item.type === 'inbound-rtp' && item.kind === 'audio') {
        const before = session.last;
        session.last = { lost: item.packetsLost, received: item.packetsReceived };
        figures.jitterMs = item.jitter * 1000;
        figures.codec = report.get(item.codecId)?.mimeType?.replace(/^audio\//, '') ?? null;
        const got = item.packetsReceived - (before?.received ?? 0);
        const lost = Math.max(0, item.packetsLost - (before?.lost ?? 0));
        if (got > 0) figures.lossPct = smooth(figures.lossPct, (100 * lost) / (lost + got));
      }
      if (item.type === 'candidate-pair' && item.nominated && item.currentRoundTripTime !== undefined) figures.rttMs = item.currentRoundTripTime * 1000;
      if (item.type === 'remote-inbound-rtp' && item.roundTripTime !== undefined) figures.rttMs = item.roundTripTime * 1000;
    });
    if (figures.lossPct !== null && figures.jitterMs !== null) figures.mos = scoreOf(figures.lossPct, figures.jitterMs, figures.rttMs ?? 0);
    session.figures = figures;
  }

  close(sessionId: string) {
    const session = this.sessions.get(sessionId);
    if (!session) return;
    this.sessions.delete(sessionId);
    clearInterval(session.timer);
    session.pc.close();
    for (const track of session.mic?.getTracks() ?? []) track.stop();
    session.levels.mine?.close();
    session.levels.theirs?.close();
    session.audio.srcObject = null;
    if (this.sessions.size === 0) this.found.clear();
  }
}

export const media = new BrowserMedia();
