// REST and the event stream.
import WebSocket from 'ws';
import { deferred, within } from './process.js';

export class Events {
  constructor(url, token) {
    this.all = [];
    this.waiters = [];
    this.socket = new WebSocket(url, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    const opened = deferred();
    const closed = deferred();
    this.opened = opened.promise;
    this.closed = closed.promise; // close code, or the HTTP status that refused
    this.opened.catch(() => {});
    this.socket.on('unexpected-response', (request, response) => {
      opened.reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode }));
      closed.resolve(response.statusCode);
      request.destroy();
    });
    this.socket.on('error', (error) => opened.reject(error));
    // a client that asks for what it missed gets that, and a snapshot only where it cannot be told
    if (url.includes('since=')) this.socket.on('open', () => opened.resolve(null));
    this.socket.on('close', (code) => closed.resolve(code));
    this.socket.on('message', (data) => {
      const event = JSON.parse(String(data));
      this.all.push(event);
      if (event.type === 'snapshot') {
        this.snapshot = event;
        opened.resolve(event);
      }
      this.waiters = this.waiters.filter((waiter) => {
        const hit = waiter.test(event);
        if (hit) waiter.resolve(event);
        return !hit;
      });
    });
  }

  /** The first event, also of those that came already (from index `from`), that fits: a type or a test. */
  waitFor(what, ms = 5000, from = 0) {
    const test = typeof what === 'string' ? (event) => event.type === what : what;
    const seen = this.all.slice(from).find(test);
    if (seen) return Promise.resolve(seen);
    const waiter = { test, ...deferred() };
    this.waiters.push(waiter);
    return within(waiter.promise, ms, `event ${what}`).catch((error) => {
      error.message += `; came: ${this.all.slice(from).map((event) => event.type).join(' ')}`;
      throw error;
    });
  }

  send(message) { this.socket.send(JSON.stringify(message)); }

  close() { this.socket.terminate(); }
}

export class Api {
  constructor(base, token) {
    this.base = base;
    this.token = token;
    this.streams = [];
  }

  as(token) { return new Api(this.base, token); }

  /** {status, headers, body (parsed where it is JSON), text} */
  async request(method, path, body, headers = {}) {
    const response = await fetch(this.base + path, {
      method,
      headers: {
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    let parsed;
    if (/json/.test(response.headers.get('content-type') || '')) parsed = JSON.parse(text);
    return { status: response.status, headers: response.headers, body: parsed, text };
  }

  /** As request, but anything but 2xx is an error; gives the body. */
  async ask(method, path, body, headers) {
    const answer = await this.request(method, path, body, headers);
    if (answer.status < 200 || answer.status > 299) {
      throw Object.assign(new Error(`${method} ${path}: ${answer.status} ${answer.text}`), { answer });
    }
    return answer.body;
  }

  get(path) { return this.ask('GET', path); }

  post(path, body = {}, headers = {}) { return this.ask('POST', path, body, headers); }

  patch(path, body, headers = {}) { return this.ask('PATCH', path, body, headers); }

  delete(path) { return this.ask('DELETE', path); }

  async events(query = '') {
    const events = new Events(`${this.base.replace(/^http/, 'ws')}/api/events${query}`, this.token);
    this.streams.push(events);
    await within(events.opened, 5000, 'snapshot');
    return events;
  }

  close() { for (const stream of this.streams) stream.close(); }
}
