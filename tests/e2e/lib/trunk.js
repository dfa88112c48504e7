// Scripted providers, and what a test asks of the router about them.
import { host, poll } from './router.js';
import { domain, passwordOf } from './kamailio.js';
import { SipEndpoint, token, uriOf } from './sip.js';

export const account = (port, username, more = {}) => ({
  id: `p${username}`, domain, outboundProxy: { address: host, port, transport: 'udp' }, username,
  password: passwordOf(username), codecs: ['PCMU', 'PCMA'], registerIntervalSec: 60, qualifySec: 0, ...more,
});

export const stateOf = async (router, id) => (await router.api.get('/api/providers')).items.find((item) => item.id === id);
export const until = (router, id, wanted, ms = 8000) => poll(async () => {
  const state = await stateOf(router, id);
  return state && wanted(state) ? state : null;
}, ms, `provider ${id}`);

export class Trunk {
  static async open(port = 0, address = host) {
    const trunk = new Trunk();
    trunk.sip = await SipEndpoint.open({ to: { address: host, port: 1 }, port, address });
    trunk.port = trunk.sip.port;
    trunk.registers = [];
    trunk.sip.onMessage = (message) => trunk.#on(message);
    return trunk;
  }

  /** Answers as a server that sees us at `seen` {address, port} says it in the Via. */
  reply(message, ...rest) {
    if (this.seen) {
      const line = message.headers.find(([name]) => name === 'via');
      line[1] = line[1].replace(';rport', `;received=${this.seen.address};rport=${this.seen.port}`);
    }
    this.sip.reply(message, ...rest);
  }

  #on(message) {
    if (message.method === 'OPTIONS') this.reply(message, 200, 'OK');
    if (message.method !== 'REGISTER') return;
    this.registers.push(message);
    if (this.status) {
      this.reply(message, this.status, 'No');
      return;
    }
    if (!message.get('authorization')) {
      this.reply(message, 401, 'Unauthorized', { headers: [['WWW-Authenticate', `Digest realm="${domain}", nonce="${token()}", algorithm=MD5, qop="auth"`]] });
      return;
    }
    this.contact = uriOf(message.get('contact'));
    this.reply(message, 200, 'OK', { headers: [['Expires', message.get('expires')]] });
  }

  close() { this.sip.close(); }

  async stop() { this.close(); }
}
