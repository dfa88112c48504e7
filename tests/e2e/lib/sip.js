// A small SIP endpoint for tests that look at single messages: nothing is sent that the test did not ask for.
import dgram from 'node:dgram';
import net from 'node:net';
import tls from 'node:tls';
import { createHash, randomBytes } from 'node:crypto';
import { freePort } from './ports.js';
import { deferred, within } from './process.js';

export const token = (bytes = 6) => randomBytes(bytes).toString('hex');

const SHORT = { v: 'via', f: 'from', t: 'to', i: 'call-id', m: 'contact', l: 'content-length', c: 'content-type', k: 'supported', s: 'subject', e: 'content-encoding' };

/** {start, method, uri, status, reason, headers: [[name, value]], body, get(name), all(name)} or null. */
export function parse(bytes) {
  const text = bytes.toString('latin1');
  const split = text.indexOf('\r\n\r\n');
  if (split < 0) return null;
  const lines = text.slice(0, split).replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const start = lines.shift();
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    return [SHORT[name] || name, line.slice(colon + 1).trim()];
  });
  const all = (name) => headers.filter((header) => header[0] === name.toLowerCase()).map((header) => header[1]);
  const message = { start, headers, all, get: (name) => all(name)[0], body: text.slice(split + 4), raw: text };
  const response = start.match(/^SIP\/2\.0 (\d{3}) ?(.*)$/);
  if (response) {
    message.status = Number(response[1]);
    message.reason = response[2];
  } else {
    [message.method, message.uri] = start.split(' ');
  }
  return message;
}

export const tagOf = (value) => (String(value).match(/;\s*tag=([^;>\s]+)/i) || [])[1];
export const uriOf = (value) => (String(value).match(/<([^>]+)>/) || [null, String(value).split(';')[0]])[1];

/** When a server says that it has time again. */
function later(seconds) {
  const told = deferred();
  const due = Date.now() + seconds * 1000;
  const timer = setInterval(() => { if (Date.now() >= due) told.resolve(); }, 20);
  return told.promise.finally(() => clearInterval(timer));
}

/** The parameters of a challenge or of credentials. */
export function digestParams(value) {
  const out = {};
  for (const [, name, quoted, plain] of String(value).replace(/^\s*Digest\s+/i, '').matchAll(/(\w[\w-]*)\s*=\s*(?:"([^"]*)"|([^,\s]+))/g)) {
    out[name.toLowerCase()] = quoted ?? plain;
  }
  return out;
}

export function credentials(challenge, { method, uri, user, password, nc = 1, cnonce = token(4) }) {
  const p = digestParams(challenge);
  const algorithm = (p.algorithm || 'MD5').toUpperCase();
  const h = (text) => createHash(algorithm.startsWith('SHA-256') ? 'sha256' : 'md5').update(text).digest('hex');
  const count = nc.toString(16).padStart(8, '0');
  const ha1 = h(`${user}:${p.realm}:${password}`);
  const ha2 = h(`${method}:${uri}`);
  const response = p.qop ? h(`${ha1}:${p.nonce}:${count}:${cnonce}:auth:${ha2}`) : h(`${ha1}:${p.nonce}:${ha2}`);
  return `Digest username="${user}", realm="${p.realm}", nonce="${p.nonce}", uri="${uri}", response="${response}", `
    + `algorithm=${p.algorithm || 'MD5'}${p.qop ? `, qop=auth, nc=${count}, cnonce="${cnonce}"` : ''}`
    + `${p.opaque !== undefined ? `, opaque="${p.opaque}"` : ''}`;
}

export class SipEndpoint {
  constructor(options) {
    this.options = options;
    this.received = []; // every message, with .at in ms and .from, and .isRepeat: its sender had waited in vain for an answer
    this.waiters = [];
    this.seen = new Set();
  }

  /** options: to {address, port}, transport udp|tcp|tls, address, port, only (UDP: the one address that reaches it). */
  static async open(options) {
    const endpoint = new SipEndpoint({ transport: 'udp', address: '127.0.0.1', port: 0, ...options });
    const opened = deferred();
    const { transport, address, port, to } = endpoint.options;
    if (transport === 'udp') {
      endpoint.socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
      endpoint.socket.on('message', (data, from) => endpoint.#take(data, from));
      endpoint.socket.once('error', opened.reject);
      // a port of our own block: what is still sent to a phone that has gone reaches no other test
      endpoint.socket.bind(port || await freePort(), address, opened.resolve);
      await opened.promise;
      endpoint.socket.on('error', () => {});
      endpoint.port = endpoint.socket.address().port;
    } else {
      endpoint.socket = transport === 'tls'
        ? tls.connect({ host: to.address, port: to.port, rejectUnauthorized: false, ...options.tls }, opened.resolve)
        : net.connect({ host: to.address, port: to.port, localAddress: address }, opened.resolve);
      endpoint.socket.once('error', opened.reject);
      await within(opened.promise, 5000, `${transport} connection`);
      endpoint.socket.on('error', () => {});
      endpoint.port = endpoint.socket.localPort;
      endpoint.#frame();
    }
    const closed = deferred();
    endpoint.closed = closed.promise;
    endpoint.socket.once('close', () => { endpoint.isClosed = true; closed.resolve(); });
    return endpoint;
  }

  #frame() {
    let rest = Buffer.alloc(0);
    this.socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (;;) {
        while (rest.length >= 2 && rest[0] === 13 && rest[1] === 10) rest = rest.subarray(2);
        const end = rest.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = Number((rest.toString('latin1', 0, end).match(/^(?:content-length|l)\s*:\s*(\d+)/im) || [0, 0])[1]);
        if (rest.length < end + 4 + length) return;
        this.#take(rest.subarray(0, end + 4 + length), this.options.to);
        rest = rest.subarray(end + 4 + length);
      }
    });
  }

  #take(data, from) {
    if (this.options.only && from.address !== this.options.only) return;
    const message = parse(data);
    if (!message) return;
    message.at = Number(process.hrtime.bigint() / 1000n) / 1000;
    message.from = from;
    message.isRepeat = this.seen.has(message.raw);
    this.seen.add(message.raw);
    this.received.push(message);
    this.waiters = this.waiters.filter((waiter) => {
      const hit = (waiter.repeats || !message.isRepeat) && waiter.test(message);
      if (hit) waiter.resolve(message);
      return !hit;
    });
    this.onMessage?.(message);
  }

  sendRaw(data, to = this.options.to) {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data, 'latin1');
    if (this.options.transport === 'udp') this.socket.send(bytes, to.port, to.address);
    else this.socket.write(bytes);
  }

  /**
   * The first message, also of those that came already (from index `from`), that passes the test. What is only sent again
   * (on a busy machine everything may be) is none, but with `repeats`.
   */
  expect(test, ms = 5000, what = 'SIP message', from = 0, repeats = false) {
    const seen = this.received.slice(from).find((message) => (repeats || !message.isRepeat) && test(message));
    if (seen) return Promise.resolve(seen);
    const waiter = { test, repeats, ...deferred() };
    this.waiters.push(waiter);
    return within(waiter.promise, ms, what).catch((error) => {
      error.message += `; came: ${this.received.slice(from).map((m) => m.start).join(' | ')}`;
      throw error;
    });
  }

  get hostPort() { return `${this.options.address.includes(':') ? `[${this.options.address}]` : this.options.address}:${this.port}`; }

  get transportParam() { return this.options.transport === 'udp' ? '' : `;transport=${this.options.transport}`; }

  via(branch) {
    return `SIP/2.0/${this.options.transport.toUpperCase()} ${this.hostPort};branch=${branch || `z9hG4bK${token()}`};rport`;
  }

  /** A request as text. fields: method, uri, from, to, callId, cseq, branch, headers [[name, value]], body. */
  request(fields) {
    const { method, uri } = fields;
    const lines = [
      `${method} ${uri} SIP/2.0`,
      `Via: ${this.via(fields.branch)}`,
      'Max-Forwards: 70',
      `From: ${fields.from}`,
      `To: ${fields.to}`,
      `Call-ID: ${fields.callId}`,
      `CSeq: ${fields.cseq} ${fields.cseqMethod || method}`,
      ...(fields.contact === null ? [] : [`Contact: ${fields.contact || `<sip:${fields.user || 'test'}@${this.hostPort}${this.transportParam}>`}`]),
      ...(fields.headers || []).map(([name, value]) => `${name}: ${value}`),
      ...(fields.body ? [`Content-Type: ${fields.type || 'application/sdp'}`] : []),
      `Content-Length: ${Buffer.byteLength(fields.body || '')}`,
    ];
    return `${lines.join('\r\n')}\r\n\r\n${fields.body || ''}`;
  }

  /** A response to a request that came in. */
  reply(message, status, reason, { headers = [], body = '', contact, toTag = this.localTag || (this.localTag = token()) } = {}) {
    const to = message.get('to');
    const lines = [
      `SIP/2.0 ${status} ${reason}`,
      ...message.all('via').map((value) => `Via: ${value}`),
      ...message.all('record-route').map((value) => `Record-Route: ${value}`),
      `From: ${message.get('from')}`,
      `To: ${tagOf(to) || status === 100 ? to : `${to};tag=${toTag}`}`,
      `Call-ID: ${message.get('call-id')}`,
      `CSeq: ${message.get('cseq')}`,
      `Contact: ${contact || `<sip:test@${this.hostPort}${this.transportParam}>`}`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
      ...(body ? ['Content-Type: application/sdp'] : []),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.sendRaw(`${lines.join('\r\n')}\r\n\r\n${body}`, message.from);
  }

  /**
   * Sends a request, answers one challenge when a password is given, gives the final response. A router that is too busy at
   * this moment (503 with Retry-After) is asked again when it says, but with `once`.
   * The dialog's data stay in `fields`, so that ack() and later requests can use them.
   */
  async transact(fields, { user, password, ms = 5000, once = false } = {}) {
    const f = Object.assign(fields, { callId: fields.callId || `${token(8)}@test`, cseq: fields.cseq || 1, fromTag: fields.fromTag || token() });
    f.user = f.user || user;
    f.from = f.from || `<sip:${user}@test>;tag=${f.fromTag}`;
    f.to = f.to || `<${f.uri}>`;
    for (let round = 0, left = once ? 0 : 5; ; round += 1) {
      f.branch = `z9hG4bK${token()}`;
      this.sendRaw(this.request(f));
      const { branch } = f;
      const answer = await this.expect((m) => m.status >= 200 && m.get('via').includes(branch) && m.get('cseq').endsWith(` ${f.method}`), ms, `answer to ${f.method}`);
      if (f.method === 'INVITE' && answer.status >= 300) this.sendRaw(this.ackText(f, answer, branch));
      if (answer.status === 503 && f.method === 'INVITE' && answer.get('retry-after') && left > 0) {
        console.log(`# asked again: ${answer.start}`);
        await later(Number(answer.get('retry-after')));
        f.headers = (f.headers || []).filter(([name]) => !/authorization/i.test(name));
        f.cseq += 1;
        round = -1;
        left -= 1;
        continue;
      }
      const challenge = answer.get('www-authenticate') || answer.get('proxy-authenticate');
      if ((answer.status !== 401 && answer.status !== 407) || password === undefined || round > 0) {
        f.answer = answer;
        return answer;
      }
      const name = answer.status === 401 ? 'Authorization' : 'Proxy-Authorization';
      f.headers = (f.headers || []).filter((header) => header[0] !== name);
      f.headers.push([name, credentials(challenge, { method: f.method, uri: f.uri, user, password })]);
      f.cseq += 1;
    }
  }

  ackText(fields, answer, branch) {
    const isFailure = answer.status >= 300;
    return this.request({
      ...fields, method: 'ACK', branch: isFailure ? branch : undefined,
      uri: isFailure ? fields.uri : uriOf(answer.get('contact') || fields.uri),
      to: answer.get('to'), body: '', headers: [],
    });
  }

  ack(fields) { this.sendRaw(this.ackText(fields, fields.answer)); }

  /** A later request within the dialog of `fields` (which was answered). */
  within(fields, method, more = {}) {
    fields.cseq += 1;
    return {
      method, uri: uriOf(fields.answer.get('contact')), from: fields.from, to: fields.answer.get('to'),
      callId: fields.callId, cseq: fields.cseq, fromTag: fields.fromTag, user: fields.user, ...more,
    };
  }

  async register(user, password, { expires = 600, contact, to } = {}) {
    const { to: { address: ip, port } } = this.options;
    const address = ip.includes(':') ? `[${ip}]` : ip;
    return this.transact({
      method: 'REGISTER', uri: `sip:${address}:${port}`, from: `<sip:${user}@${address}>;tag=${token()}`,
      to: to || `<sip:${user}@${address}>`, contact, user, headers: [['Expires', String(expires)]],
    }, { user, password });
  }

  close() {
    if (this.isClosed) return;
    if (this.options.transport === 'udp') this.socket.close();
    else this.socket.destroy();
  }
}

/** An SDP body with one audio line. */
export function sdp(address, port, { payloads = [[0, 'PCMU/8000'], [101, 'telephone-event/8000']], direction = 'sendrecv', version = 1, ptime = 20, more = [] } = {}) {
  return [
    'v=0', `o=- 4711 ${version} IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0',
    `m=audio ${port} RTP/AVP ${payloads.map((p) => p[0]).join(' ')}`,
    ...payloads.map(([type, name]) => `a=rtpmap:${type} ${name}`),
    ...(payloads.some((p) => p[1].startsWith('telephone-event')) ? ['a=fmtp:101 0-15'] : []),
    `a=ptime:${ptime}`, `a=${direction}`, ...more, '',
  ].join('\r\n');
}

/** {address, port, payloads} of the first audio line of an SDP body. */
export function mediaOf(body) {
  const lines = body.split(/\r?\n/);
  const m = lines.find((line) => line.startsWith('m=audio'))?.split(' ');
  const c = lines.find((line) => line.startsWith('c='))?.split(' ');
  return m && { port: Number(m[1]), address: c?.[2], payloads: m.slice(3).map(Number) };
}
