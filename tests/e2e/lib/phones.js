// Shapes that several tests share: phones on a router, and message-level parties.
import { Baresip } from './baresip.js';
import { freePort } from './ports.js';
import { Sipp } from './sipp.js';
import { snr } from './audio.js';
import { PATIENCE_MS } from './process.js';
import { RtpParty } from './rtp.js';
import { SipEndpoint, mediaOf, sdp, token } from './sip.js';
import { host, poll } from './router.js';

/** A registered baresip for the extension. */
export function phone(router, extension, options = {}) {
  const port = options.transport === 'tls' ? router.tlsPort : router.sipPort;
  return Baresip.registered({ user: extension, password: `pw${extension}`, server: `${host}:${port}`, ...options });
}

/** Waits until the last second at a baresip has a tone above 20 dB of all else; gives that SNR. */
export async function toneAt(desk, hz) {
  let best = -100;
  await poll(() => {
    const { samples, rate } = desk.heardLast(1);
    if (samples.length >= rate) best = Math.max(best, snr(samples, rate, hz));
    return best > 20;
  }, PATIENCE_MS, `${hz} Hz at ${desk.options.user}`).catch((error) => { throw Object.assign(error, { message: `${error.message}: SNR ${best.toFixed(1)} dB` }); });
  return best;
}

/** Ends all, whatever happens to one of them. */
export async function stopAll(...parties) {
  for (const result of await Promise.allSettled(parties.filter(Boolean).map((party) => party.stop()))) {
    if (result.status === 'rejected') throw result.reason;
  }
}

/** A line of SIPp's users file. */
export const csvLine = (extension) => `${extension};pw${extension};[authentication username=${extension} password=pw${extension}]`;

/** Registers an extension for a SIPp that will listen at the same port, then starts it. */
export async function sippPhone(router, extension, options) {
  const port = await freePort();
  const endpoint = await SipEndpoint.open({ to: { address: host, port: router.sipPort }, port });
  const answer = await endpoint.register(extension, `pw${extension}`);
  endpoint.close();
  if (answer.status !== 200) throw new Error(`REGISTER ${extension}: ${answer.start}`);
  return Sipp.start({ calls: 1000000, ...options, port, timeoutSec: options.timeoutSec || 120 });
}

/** A message-level phone with an RTP socket: one call at a time. */
export class ScriptPhone {
  ended = new Set(); // Call-IDs of the BYEs that hungUp() gave

  static async open(router, extension, options = {}) {
    const phone = new ScriptPhone();
    phone.router = router;
    phone.extension = extension;
    phone.password = options.password ?? `pw${extension}`;
    phone.sip = await SipEndpoint.open({
      to: { address: host, port: options.port || router.sipPort }, transport: options.transport || 'udp',
    });
    phone.rtp = await RtpParty.open(0);
    if (options.register !== false) {
      const answer = await phone.sip.register(extension, phone.password);
      if (answer.status !== 200) throw new Error(`REGISTER ${extension}: ${answer.start}`);
      phone.isRegistered = true;
    }
    return phone;
  }

  get offer() { return sdp(host, this.rtp.port); }

  uri(to) { return `sip:${to}@${host}:${this.router.sipPort}`; }

  /** Calls; gives the dialog's fields with .answer once a final response came (acknowledged when 2xx). */
  async call(to, { ms = 5000, body = this.offer, headers = [], callId, once } = {}) {
    const fields = { method: 'INVITE', uri: this.uri(to), body, headers: [...headers], callId, from: `<sip:${this.extension}@${host}>;tag=${token()}` };
    await this.sip.transact(fields, { user: this.extension, password: this.password, ms, once });
    if (fields.answer.status < 300) {
      this.sip.ack(fields);
      this.remoteMedia = mediaOf(fields.answer.body);
    }
    return fields;
  }

  /** The next INVITE that comes in (a new one, not a repeated one). */
  async incoming(ms = 5000, from = 0) {
    return this.sip.expect((m) => m.method === 'INVITE' && !/;\s*tag=/.test(m.get('to')), ms, 'INVITE', from);
  }

  ring(invite) { this.sip.reply(invite, 180, 'Ringing'); }

  /** Answers 200 and waits for the ACK. */
  async accept(invite, { waitAck = true, headers = [] } = {}) {
    this.remoteMedia = invite.body ? mediaOf(invite.body) : undefined;
    const from = this.sip.received.length;
    this.sip.reply(invite, 200, 'OK', { body: this.offer, headers });
    if (waitAck) await this.sip.expect((m) => m.method === 'ACK', 15000, 'ACK', from);
  }

  hangup(fields) {
    return this.sip.transact(this.sip.within(fields, 'BYE'), { user: this.extension, password: this.password });
  }

  /** The next BYE (of another call than the last time), answered. */
  async hungUp(ms = 5000) {
    const bye = await this.sip.expect((m) => m.method === 'BYE' && !this.ended.has(m.get('call-id')), ms, 'BYE');
    this.ended.add(bye.get('call-id'));
    this.sip.reply(bye, 200, 'OK');
    return bye;
  }

  sendTone(hz) { this.rtp.sendTone(this.remoteMedia, hz); }

  /** RTCP receiver reports (RFC 3550 6.4.2) that all of what came is lost, once a second: the timer. */
  reportLoss() {
    const report = Buffer.alloc(32);
    report.writeUInt8(0x81, 0);
    report.writeUInt8(201, 1);
    report.writeUInt16BE(7, 2);
    report.writeUInt32BE(this.rtp.ssrc, 4);
    report.writeUInt32BE(this.rtp.packets.at(-1).ssrc, 8);
    report.writeUInt8(255, 12);
    const cname = Buffer.from([0x81, 202, 0, 2, 0, 0, 0, 0, 1, 1, 97, 0]);
    cname.writeUInt32BE(this.rtp.ssrc, 4);
    return setInterval(() => this.rtp.socket.send(Buffer.concat([report, cname]), this.remoteMedia.port + 1, this.remoteMedia.address), 1000);
  }

  /** Ends it; its registration goes, so that no later call rings a port nobody listens at. */
  async stop() {
    this.rtp.close();
    if (this.isRegistered) await this.sip.register(this.extension, this.password, { expires: 0 }).catch(() => {});
    this.sip.close();
  }
}
