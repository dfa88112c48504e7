// A PCMU party: sends a tone in real time, keeps every packet it gets with time, sequence, timestamp, SSRC.
import dgram from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { tone, ulawEncode, ulawDecode } from './audio.js';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { freePort } from './ports.js';
import { PATIENCE_MS, deferred, slower, within } from './process.js';

const waits = monitorEventLoopDelay({ resolution: 10 });
waits.enable();

export class RtpParty {
  constructor() {
    this.packets = []; // {at, payloadType, seq, ts, ssrc, marker, payload, from}
    this.waiters = [];
    this.socket = dgram.createSocket('udp4');
    this.socket.on('message', (data, from) => this.#take(data, from));
    this.ssrc = randomBytes(4).readUInt32BE(0);
    this.seq = randomBytes(2).readUInt16BE(0) >> 1;
    this.ts = randomBytes(4).readUInt32BE(0) >>> 1;
  }

  static async open(port, address = '127.0.0.1') {
    const party = new RtpParty();
    const bound = deferred();
    party.socket.once('error', bound.reject);
    party.socket.bind(port || await freePort(), address, bound.resolve);
    await bound.promise;
    party.port = party.socket.address().port;
    party.address = address;
    return party;
  }

  #take(bytes, from) {
    if (this.only && from.address !== this.only) return; // the one address that reaches it
    if (bytes.length < 12 || bytes[0] >> 6 !== 2) return;
    const type = bytes[1] & 0x7f;
    if (bytes[1] >= 192 && bytes[1] <= 223) return; // RTCP on the same port
    const data = this.open ? this.open(bytes) : bytes; // lib/srtp.js
    if (!data) {
      this.refused = (this.refused || 0) + 1; // not protected with the agreed key
      return;
    }
    const skip = 12 + (data[0] & 15) * 4;
    this.packets.push({
      at: Number(process.hrtime.bigint() / 1000n) / 1000,
      payloadType: type,
      marker: data[1] >> 7 === 1,
      seq: data.readUInt16BE(2),
      ts: data.readUInt32BE(4),
      ssrc: data.readUInt32BE(8),
      payload: Buffer.from(data.subarray(skip)),
      from,
    });
    this.waiters = this.waiters.filter((waiter) => {
      const done = waiter.test(this.packets);
      if (done) waiter.resolve();
      return !done;
    });
  }

  /** Waits until test(packets) is true. */
  until(test, ms = 5000, what = 'RTP') {
    if (test(this.packets)) return Promise.resolve();
    const waiter = { test, ...deferred() };
    this.waiters.push(waiter);
    return within(waiter.promise, ms, `${what} (${this.packets.length} packets so far)`);
  }

  /** Waits for `count` more packets. */
  more(count, ms = 5000) {
    const goal = this.packets.length + count;
    return this.until((packets) => packets.length >= goal, ms, `${count} RTP packets`);
  }

  /** Waits for a window of so many packets in which `measure` (of its sound) is above the limit; gives that value. */
  async hears(measure, limit, count = 75, ms = PATIENCE_MS) {
    let best = -Infinity;
    for (const end = Date.now() + ms * slower; best <= limit && Date.now() < end;) {
      const from = this.packets.length;
      await this.more(count);
      best = Math.max(best, measure(this.sound(from)));
    }
    return best;
  }

  sendPacket(to, payload, { payloadType = 0, marker = false, samples = 160 } = {}) {
    const head = Buffer.alloc(12);
    head[0] = 0x80;
    head[1] = (marker ? 0x80 : 0) | payloadType;
    head.writeUInt16BE(this.seq, 2);
    head.writeUInt32BE(this.ts, 4);
    head.writeUInt32BE(this.ssrc, 8);
    this.seq = (this.seq + 1) & 0xffff;
    this.ts = (this.ts + samples) >>> 0;
    const packet = Buffer.concat([head, payload]);
    const bytes = this.protect ? this.protect(packet) : packet; // lib/srtp.js
    this.onSend?.(bytes);
    this.socket.send(bytes, to.port, to.address);
  }

  /** Sends a tone until stopSending(): a packet each ptime ms by the clock, catching up when late. */
  sendTone(to, hz, amplitude = 0.3, ptime = 20) {
    const second = ulawEncode(tone(hz, 1, 8000, amplitude)); // hz is whole: the second repeats seamlessly
    const started = process.hrtime.bigint();
    let sent = 0;
    this.stopSending();
    this.timer = setInterval(() => {
      const due = Number((process.hrtime.bigint() - started) / BigInt(ptime * 1000000)) + 1;
      for (; sent < due; sent += 1) {
        const at = (sent * ptime * 8) % 8000;
        this.sendPacket(to, Buffer.concat([second, second]).subarray(at, at + ptime * 8), { marker: sent === 0, samples: ptime * 8 });
      }
    }, 10);
  }

  stopSending() {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** The u-law sound of the packets from index `from` on, in order of arrival. */
  sound(from = 0) {
    return ulawDecode(Buffer.concat(this.packets.slice(from).filter((p) => p.payloadType === 0).map((p) => p.payload)));
  }

  /**
   * Faults of continuity in the audio packets from index `from` on: another SSRC, a gap in the sequence, time that goes
   * back, or that leaps against the clock. On a busy machine packets are late, never early: the earliest of each second
   * is held against the earliest of the second before; forgiven is what this process had to wait, and what was missing
   * between packets.
   */
  faults(from = 0, { clock = 8000, slackMs = 500 * slower + (3 * waits.max) / 1e6 } = {}) {
    const out = [];
    const packets = this.packets.slice(from).filter((p) => p.payloadType !== 101);
    const ahead = packets.map((p) => (((p.ts - packets[0].ts) | 0) / clock) * 1000 - (p.at - packets[0].at));
    for (let i = 1; i < packets.length; i += 1) {
      const a = packets[i - 1];
      const b = packets[i];
      if (b.ssrc !== a.ssrc) out.push(`packet ${i}: SSRC ${a.ssrc} -> ${b.ssrc}`);
      if (((b.seq - a.seq) & 0xffff) !== 1) out.push(`packet ${i}: sequence ${a.seq} -> ${b.seq}`);
      if (((b.ts - a.ts) | 0) <= 0) out.push(`packet ${i}: timestamp ${a.ts} -> ${b.ts}`);
    }
    for (let at = 50; at + 25 <= packets.length; at += 50) {
      const leap = Math.max(...ahead.slice(at, at + 50)) - Math.max(...ahead.slice(at - 50, at));
      let missingMs = 0;
      for (let i = at - 49; i < Math.min(at + 50, packets.length); i += 1) missingMs += Math.max(0, packets[i].at - packets[i - 1].at - 40);
      if (Math.abs(leap) > slackMs + missingMs) out.push(`packets ${at - 50} to ${at + 50}: time moved ${leap.toFixed(0)} ms against the clock`);
    }
    return out;
  }

  close() {
    this.stopSending();
    this.socket.close();
  }
}
