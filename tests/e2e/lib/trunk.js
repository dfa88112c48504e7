// Scripted providers, and what a test asks of the router about them.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from './process.js';
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

/** As a provider writes it; more: ", stale=TRUE"... */
export const challenge = (realm = domain, more = '') => `Digest realm="${realm}", nonce="${token()}", algorithm=MD5, qop="auth"${more}`;

/** Set onMessage to see what comes, status to refuse REGISTER, isSuspicious to believe no password, answer to say
 * what REGISTER gets ([status, reason, {headers, contact}]). */
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
    this.onMessage?.(message);
    if (message.method === 'OPTIONS') this.reply(message, 200, 'OK');
    if (message.method !== 'REGISTER') return;
    if (!message.isRepeat) this.registers.push(message);
    if (this.status) {
      this.reply(message, this.status, 'No');
      return;
    }
    if (this.answer) {
      this.reply(message, ...this.answer(message));
      return;
    }
    if (this.isSuspicious || !message.get('authorization')) {
      this.reply(message, 401, 'Unauthorized', { headers: [['WWW-Authenticate', challenge()]] });
      return;
    }
    this.contact = uriOf(message.get('contact'));
    this.reply(message, 200, 'OK', { headers: [['Expires', message.get('expires')]] });
  }

  close() { this.sip.close(); }

  async stop() { this.close(); }
}

/** A certificate for a name, signed by itself: {cert, key, file}. */
export function certificate(name, end = '20491231000000Z') {
  const dir = tempDir('cert');
  const path = (file) => join(dir, file);
  writeFileSync(path('ca.cnf'), `[ca]\ndefault_ca=own\n[own]\ndir=${dir}\ndatabase=${path('index')}\nserial=${path('serial')}\n`
    + `new_certs_dir=${dir}\ndefault_md=sha256\npolicy=any\nx509_extensions=ext\n[any]\ncommonName=supplied\n`
    + `[ext]\nsubjectAltName=DNS:${name}\nbasicConstraints=CA:true\n[req]\ndistinguished_name=dn\n[dn]\n`);
  writeFileSync(path('index'), '');
  writeFileSync(path('serial'), '01\n');
  const openssl = (...args) => {
    const out = spawnSync('openssl', args, { encoding: 'utf8', cwd: dir });
    if (out.status !== 0) throw new Error(out.stderr);
  };
  openssl('req', '-new', '-config', 'ca.cnf', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', 'key.pem', '-out', 'csr.pem');
  openssl('ca', '-selfsign', '-batch', '-notext', '-config', 'ca.cnf', '-keyfile', 'key.pem', '-in', 'csr.pem', '-out', 'cert.pem', '-startdate', '20200101000000Z', '-enddate', end);
  return { cert: readFileSync(path('cert.pem')), key: readFileSync(path('key.pem')), file: path('cert.pem') };
}
