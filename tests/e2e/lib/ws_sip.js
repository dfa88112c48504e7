// SIP over WebSocket (RFC 7118) at message level, for tests: each message is one frame.
import WebSocket from 'ws';
import { credentials, parse, token } from './sip.js';
import { deferred, within } from './process.js';

export class WsSip {
  constructor(socket) {
    this.socket = socket;
    this.host = `${token()}.invalid`; // as browsers do: they know no address of their own
    this.received = [];
    this.waiters = [];
    socket.on('message', (data, isBinary) => {
      if (String(data) === '\r\n') {
        this.pongs = (this.pongs || 0) + 1;
        this.onPong?.();
        return;
      }
      const message = Object.assign(parse(data), { isBinary });
      this.received.push(message);
      this.waiters = this.waiters.filter((waiter) => {
        const hit = waiter.test(message);
        if (hit) waiter.resolve(message);
        return !hit;
      });
    });
  }

  /** options: those of ws; protocol; refused connections reject with .status. */
  static async open(url, { protocol = 'sip', ...options } = {}) {
    const opened = deferred();
    const socket = new WebSocket(url, protocol ? [protocol] : [], options);
    socket.on('open', () => opened.resolve());
    socket.on('unexpected-response', (request, response) => {
      opened.reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode }));
      request.destroy();
    });
    socket.on('error', (error) => opened.reject(error));
    const closed = deferred();
    socket.on('close', (code) => closed.resolve(code));
    await within(opened.promise, 5000, 'WebSocket');
    return Object.assign(new WsSip(socket), { closed: closed.promise });
  }

  via() { return `SIP/2.0/WS ${this.host};branch=z9hG4bK${token()}`; }

  expect(test, ms = 5000, what = 'SIP message') {
    const seen = this.received.find(test);
    if (seen) return Promise.resolve(seen);
    const waiter = { test, ...deferred() };
    this.waiters.push(waiter);
    return within(waiter.promise, ms, what).catch((error) => {
      error.message += `; came: ${this.received.map((m) => m.start).join(' | ')}`;
      throw error;
    });
  }

  sendRaw(text, isBinary = false) { this.socket.send(isBinary ? Buffer.from(text) : text, { binary: isBinary }); }

  /** REGISTER with digest; gives the last response. options: expires, contact, isBinary, extra. */
  async register(user, password, options = {}) {
    const callId = this.callId ||= token();
    const uri = 'sip:siprouter';
    let authorization = '';
    let answer;
    for (let i = 0; i < 2; i++) {
      const cseq = this.cseq = (this.cseq || 0) + 1;
      this.sendRaw([
        `REGISTER ${uri} SIP/2.0`, `Via: ${this.via()}`, 'Max-Forwards: 70',
        `From: <sip:${user}@siprouter>;tag=${token()}`, `To: <sip:${user}@siprouter>`,
        `Call-ID: ${callId}`, `CSeq: ${cseq} REGISTER`,
        `Contact: <sip:${user}@${this.host};transport=ws>;expires=${options.expires ?? 600}${options.contact || ''}`,
        ...(options.extra || []), ...(authorization ? [`Authorization: ${authorization}`] : []),
        'Content-Length: 0', '', '',
      ].join('\r\n'), options.isBinary);
      answer = await this.expect((m) => m.status && m.get('cseq') === `${cseq} REGISTER`, 5000, 'answer to REGISTER');
      if (answer.status !== 401) return answer;
      authorization = credentials(answer.get('www-authenticate'), { method: 'REGISTER', uri, user, password });
    }
    return answer;
  }

  close() { this.socket.terminate(); }
}
