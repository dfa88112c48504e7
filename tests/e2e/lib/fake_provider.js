// A scripted provider with sound: takes the registration, answers calls, calls in. PCMU.
import { SipEndpoint, mediaOf, sdp, token, uriOf } from './sip.js';
import { RtpParty } from './rtp.js';
import { host } from './router.js';

export class FakeProvider {
  /** options: seen {address, port}: where it says that it sees us. */
  static async open(options = {}) {
    const provider = new FakeProvider();
    provider.options = options;
    provider.sip = await SipEndpoint.open({ to: { address: host, port: 1 } });
    provider.rtp = await RtpParty.open(0);
    provider.sip.onMessage = (message) => provider.#on(message);
    return provider;
  }

  /** Its part of the configuration. */
  account(id, more = {}) {
    return {
      id, domain: 'far.example', outboundProxy: { address: host, port: this.sip.port, transport: 'udp' }, username: '4930123',
      password: 'pw', codecs: ['PCMU'], registerIntervalSec: 60, qualifySec: 0, ...more,
    };
  }

  #on(message) {
    if (message.method === 'REGISTER') {
      const { seen } = this.options;
      const via = message.headers.find(([name]) => name === 'via');
      if (seen) via[1] = via[1].replace(';rport', `;received=${seen.address};rport=${seen.port}`);
      this.contact = uriOf(message.get('contact'));
      this.sip.reply(message, 200, 'OK', { headers: [['Expires', message.get('expires')]] });
    } else if (message.method === 'BYE' || message.method === 'OPTIONS') {
      this.sip.reply(message, 200, 'OK');
    }
  }

  /** The address in the SDP may be the one it says that it sees: the way there is the host's all the same. */
  #send(body, hz) { this.rtp.sendTone({ address: host, port: mediaOf(body).port }, hz); }

  /** Answers the call of this number with a tone. */
  async answer(number, hz) {
    const invite = await this.sip.expect((m) => m.method === 'INVITE' && m.uri.includes(number), 5000, `INVITE to ${number}`);
    this.#send(invite.body, hz);
    this.sip.reply(invite, 200, 'OK', { body: sdp(host, this.rtp.port) });
    await this.sip.expect((m) => m.method === 'ACK', 5000, 'ACK');
  }

  /** Calls the account; gives the dialog's fields once it was answered. */
  async call(router, from, hz) {
    this.sip.options.to = { address: host, port: router.sipPort };
    const fields = { method: 'INVITE', uri: this.contact, to: '<sip:+4930123@far.example>', from: `<sip:${from}@far.example>;tag=${token()}`, user: from, body: sdp(host, this.rtp.port) };
    await this.sip.transact(fields, { ms: 10000 });
    if (fields.answer.status !== 200) throw new Error(`the call in: ${fields.answer.start}`);
    this.sip.ack(fields);
    this.#send(fields.answer.body, hz);
    return fields;
  }

  hangup(fields) { return this.sip.transact(this.sip.within(fields, 'BYE')); }

  async stop() {
    this.rtp.close();
    this.sip.close();
  }
}
