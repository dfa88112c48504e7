/*
 * The live picture: one WebSocket to /api/events, and the calls, devices and providers it keeps up to date.
 *
 * A snapshot starts it (then the lists are read by REST, once), events keep it; after a break the socket asks for what
 * it missed by EPOCH:SEQ. No DOM: the socket, the lists and the timer come in, so tests drive all of it.
 */
import type { Call, Device, Provider, RouterEvent, Status } from './types.js';

export type LinkState = 'off' | 'connecting' | 'live' | 'waiting';

/** What of a WebSocket is used. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface Ground {
  open(query: string): Socket;
  calls(): Promise<Call[]>;
  devices(): Promise<Device[]>;
  providers(): Promise<Provider[]>;
  after(ms: number, fn: () => void): unknown;
  cancel(timer: unknown): void;
  random(): number;
  now(): number;
}

const BACK_OFF_MS = 500;
const BACK_OFF_MAX_MS = 15000;
const CLOCKS_AGREE_MS = 2000;

export class EventStore {
  readonly calls = new Map<string, Call>();
  readonly devices = new Map<string, Device>();
  readonly providers = new Map<string, Provider>();
  status: Status | null = null;
  link: LinkState = 'off';
  /** Whether the lists have been read since the last snapshot. */
  isFilled = false;
  /** Attempts since the line was last live. */
  tries = 0;

  /** How far this machine's clock is ahead of the router's, in ms. */
  private aheadMs = 0;
  private socket: Socket | null = null;
  private timer: unknown = null;
  private epoch = '';
  private seq = -1;
  /** Ids that events have spoken of while the lists are being read: the event knows better. */
  private touched: Set<string> | null = null;
  /** What came about single legs while the lists are read: for the calls as the lists have them. */
  private late: RouterEvent[] = [];
  private loads = 0;
  private readonly watchers = new Set<() => void>();
  private readonly listeners = new Set<(event: RouterEvent) => void>();

  constructor(private readonly ground: Ground) {}

  /** A time of the router as this machine's clock would have said it. */
  timeOf(at: string): number {
    return Date.parse(at) + this.aheadMs;
  }

  /** Tells when anything changed; gives the way to stop that. */
  watch(fn: () => void) {
    this.watchers.add(fn);
    return () => this.watchers.delete(fn);
  }

  /** Every message, after it was taken in. */
  listen(fn: (event: RouterEvent) => void) {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  start() {
    if (this.link === 'off') this.connect();
  }

  /** Ends it and forgets everything: the next start is somebody else's. */
  stop() {
    this.link = 'off';
    this.ground.cancel(this.timer);
    this.timer = null;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.epoch = '';
    this.seq = -1;
    this.tries = 0;
    this.clear();
    this.changed();
  }

  /** Tries at once instead of waiting. */
  retryNow() {
    if (this.link !== 'waiting') return;
    this.ground.cancel(this.timer);
    this.timer = null;
    this.connect();
  }

  /** Another socket at once; nothing is missed. */
  renew() {
    const old = this.socket;
    if (!old) return;
    this.wait();
    old.close();
    this.retryNow();
  }

  /** @return false: the line is down, nothing was sent */
  send(message: object) {
    if (this.link !== 'live' || !this.socket) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private clear() {
    this.calls.clear();
    this.devices.clear();
    this.providers.clear();
    this.status = null;
    this.isFilled = false;
    this.touched = null;
    this.loads += 1;
  }

  private connect() {
    const place = this.epoch && this.seq >= 0 ? `&since=${encodeURIComponent(`${this.epoch}:${this.seq}`)}` : '';
    this.link = 'connecting';
    const socket = this.ground.open(`?types=*${place}`);
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.link = 'live';
      if (this.isFilled) this.tries = 0; // else when the lists are there: a line that gives none is no good one
      this.changed();
      if (this.epoch && !this.isFilled) void this.load(); // the lists were cut short by the break
      this.tell({ type: 'link' });
    };
    socket.onmessage = (message) => {
      if (this.socket === socket) this.take(JSON.parse(message.data));
    };
    socket.onclose = () => {
      if (this.socket === socket) this.wait();
    };
    this.changed();
  }

  private wait() {
    this.socket = null;
    this.link = 'waiting';
    const most = Math.min(BACK_OFF_MS * 2 ** this.tries, BACK_OFF_MAX_MS);
    this.tries += 1;
    // half of it by chance: hundreds of pages must not come back at one instant
    this.timer = this.ground.after(most / 2 + (most / 2) * this.ground.random(), () => {
      this.timer = null;
      this.connect();
    });
    this.changed();
    this.tell({ type: 'link' });
  }

  /** Takes one message in. */
  take(event: RouterEvent) {
    if (event.type === 'snapshot') {
      this.epoch = event.epoch ?? '';
      this.status = event.status ?? null;
      this.compareClocks();
      void this.load();
    } else {
      this.apply(event);
    }
    if (typeof event.seq === 'number') this.seq = event.seq;
    this.tell(event);
    this.changed();
  }

  private compareClocks() {
    if (!this.status?.startedAt) return;
    // uptime is in whole seconds: half of one more in the mean
    const ahead = this.ground.now() - Date.parse(this.status.startedAt) - (this.status.uptimeSec + 0.5) * 1000;
    this.aheadMs = Math.abs(ahead) > CLOCKS_AGREE_MS ? ahead : 0;
  }

  private apply(event: RouterEvent) {
    if (event.type === 'call_ended' && event.callId) {
      this.calls.delete(event.callId);
      this.touched?.add(event.callId);
    } else if (event.call?.legs) {
      this.calls.set(event.call.callId, event.call);
      this.touched?.add(event.call.callId);
    } else if (event.callId && (event.call || event.leg)) {
      this.mend(event.callId, event);
      if (this.touched) this.late.push(event);
    }
    if (event.device) {
      this.devices.set(event.device.id, event.device);
      this.touched?.add(`device ${event.device.id}`);
    }
    if (event.provider) {
      this.providers.set(event.provider.id, event.provider);
      this.touched?.add(`provider ${event.provider.id}`);
    }
    if (event.type === 'config_changed') void this.load();
  }

  /** An event about one leg: it brings this leg, and the call without legs. */
  private mend(callId: string, event: RouterEvent) {
    const call = this.calls.get(callId);
    if (!call) return;
    const { leg } = event;
    let { legs } = call;
    if (leg && event.type === 'leg_removed') legs = legs.filter((old) => old.legId !== leg.legId);
    else if (leg && !legs.some((old) => old.legId === leg.legId)) legs = [...legs, leg];
    else if (leg) legs = legs.map((old) => (old.legId === leg.legId ? { ...old, ...leg } : old));
    this.calls.set(callId, { ...call, ...event.call, legs });
  }

  private async load() {
    this.loads += 1;
    const load = this.loads;
    const touched = new Set<string>();
    this.touched = touched;
    this.late = [];
    try {
      const [calls, devices, providers] = await Promise.all([
        this.ground.calls(), this.ground.devices(), this.ground.providers(),
      ]);
      if (load !== this.loads) return;
      merge(this.calls, calls, (call) => call.callId, (id) => touched.has(id));
      for (const event of this.late) this.mend(String(event.callId), event);
      merge(this.devices, devices, (device) => device.id, (id) => touched.has(`device ${id}`));
      merge(this.providers, providers, (provider) => provider.id, (id) => touched.has(`provider ${id}`));
      this.isFilled = true;
      this.tries = 0;
    } catch {
      if (load !== this.loads) return;
      this.socket?.close(); // the way back reads them again
      this.isFilled = false;
    }
    this.touched = null;
    this.changed();
  }

  private tell(event: RouterEvent) {
    for (const fn of [...this.listeners]) fn(event);
  }

  private changed() {
    for (const fn of [...this.watchers]) fn();
  }
}

/** The list takes the map's place; what an event said meanwhile stays. */
function merge<T>(map: Map<string, T>, list: T[], idOf: (item: T) => string, isTouched: (id: string) => boolean) {
  const before = new Map(map);
  map.clear();
  for (const item of list) {
    const id = idOf(item);
    if (!isTouched(id)) map.set(id, item);
    else if (before.has(id)) map.set(id, before.get(id)!);
  }
  for (const [id, item] of before) if (isTouched(id) && !map.has(id)) map.set(id, item);
}
