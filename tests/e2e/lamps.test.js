// 500 busy lamps over 50 phones during 50 calls a second: no storm, and the right state in the end.
import test from 'node:test';
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { Router, device, host, missing, poll } from './lib/router.js';
import { credentials, parse, sdp, tagOf, token, uriOf } from './lib/sip.js';
import { slower } from './lib/process.js';

const PHONES = 50;
const WATCHERS = 10; // each watches all phones
const CALLS_PER_SEC = 50;
const SECONDS = 10;

const extension = (n) => String(400 + n);

/** Many phones behind one socket: requests with credentials, answers to everything by a handler. */
class Crowd {
  static async open(port) {
    const crowd = new Crowd();
    crowd.server = { address: host, port };
    crowd.waiting = new Map(); // by branch
    crowd.socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    crowd.socket.on('message', (data) => crowd.#take(parse(data)));
    await new Promise((resolve) => { crowd.socket.bind(0, host, resolve); });
    crowd.port = crowd.socket.address().port;
    return crowd;
  }

  #take(m) {
    if (!m) return;
    if (!m.status) {
      this.onRequest?.(m);
      return;
    }
    const branch = (m.get('via').match(/branch=([^;,\s]+)/) || [])[1];
    if (m.status >= 200) {
      this.waiting.get(branch)?.(m);
      this.waiting.delete(branch);
    }
  }

  send(text) { this.socket.send(text, this.server.port, this.server.address); }

  text(f, branch) {
    return [`${f.method} ${f.uri} SIP/2.0`, `Via: SIP/2.0/UDP ${host}:${this.port};branch=${branch};rport`, 'Max-Forwards: 70',
      `From: <sip:${f.user}@${host}>;tag=${f.tag}`, `To: ${f.to}`, `Call-ID: ${f.callId}`, `CSeq: ${f.cseq} ${f.method}`,
      `Contact: <sip:${f.user}@${host}:${this.port}>`, ...(f.headers || []), ...(f.auth ? [f.auth] : []),
      ...(f.body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${(f.body || '').length}`, '', f.body || ''].join('\r\n');
  }

  /** Sends, answers a challenge, gives the final response; repeats what is not answered. */
  async ask(f) {
    f.tag ??= token();
    f.callId ??= `${token(8)}@crowd`;
    f.cseq ??= 1;
    f.to ??= `<${f.uri}>`;
    for (let round = 0; ; round += 1) {
      const branch = `z9hG4bK${token(8)}`;
      const text = this.text(f, branch);
      const answer = await new Promise((resolve, reject) => {
        let wait = 500;
        const again = () => { this.send(text); wait = Math.min(wait * 2, 4000); timer = setTimeout(again, wait); };
        let timer = setTimeout(again, wait);
        const giveUp = setTimeout(() => { clearTimeout(timer); reject(new Error(`no answer to ${f.method} ${f.uri}`)); }, 20000 * slower);
        this.waiting.set(branch, (m) => { clearTimeout(timer); clearTimeout(giveUp); resolve(m); });
        this.send(text);
      });
      if (f.method === 'INVITE') this.send(this.text({ ...f, method: 'ACK', auth: '', body: '', headers: [], to: answer.get('to'), uri: answer.status < 300 ? uriOf(answer.get('contact')) : f.uri }, answer.status < 300 ? `z9hG4bK${token(8)}` : branch).replace(/CSeq: (\d+) ACK/, 'CSeq: $1 ACK'));
      if (answer.status !== 401 || round > 0) {
        f.answer = answer;
        return answer;
      }
      f.auth = `Authorization: ${credentials(answer.get('www-authenticate'), { method: f.method, uri: f.uri, user: f.user, password: `pw${f.user}` })}`;
      f.cseq += 1;
    }
  }

  reply(m, status, reason, body = '') {
    const to = m.get('to');
    this.send([`SIP/2.0 ${status} ${reason}`, ...m.all('via').map((v) => `Via: ${v}`), `From: ${m.get('from')}`,
      `To: ${tagOf(to) ? to : `${to};tag=crowd`}`, `Call-ID: ${m.get('call-id')}`, `CSeq: ${m.get('cseq')}`,
      `Contact: <sip:crowd@${host}:${this.port}>`, ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${body.length}`, '', body].join('\r\n'));
  }

  close() { this.socket.close(); }
}

const inLots = async (items, size, work) => {
  for (let i = 0; i < items.length; i += size) await Promise.all(items.slice(i, i + size).map(work));
};

/** Phones that answer at once; lamps remembers, per subscription, what it was told. */
function behave(phones, watchers, lamps) {
  phones.onRequest = (m) => {
    if (m.method === 'INVITE') phones.reply(m, 200, 'OK', sdp(host, 9));
    else if (m.method !== 'ACK') phones.reply(m, 200, 'OK');
  };
  watchers.onRequest = (m) => {
    watchers.reply(m, 200, 'OK');
    const lamp = lamps.get(m.get('call-id'));
    if (m.method !== 'NOTIFY' || !lamp || lamp.cseqs.has(m.get('cseq'))) return;
    lamp.cseqs.add(m.get('cseq'));
    lamp.body = m.body;
  };
}

/** A call that lasts until `ended`. */
async function oneCall(phones, from, to, ended) {
  const f = { method: 'INVITE', uri: `sip:${to}@${host}`, user: from, body: sdp(host, 9) };
  const answer = await phones.ask(f);
  if (answer.status !== 200) return answer.status;
  await ended;
  await phones.ask({ method: 'BYE', uri: uriOf(answer.get('contact')), user: from, tag: f.tag, callId: f.callId, to: answer.get('to'), cseq: f.cseq + 1 });
  return 200;
}

test('500 lamps over 50 phones during 50 calls a second', { skip: missing, timeout: 120000 * slower }, async () => {
  const all = Array.from({ length: PHONES }, (_, n) => extension(n));
  const router = await Router.start({ devices: all.map((e) => device(e, { codecs: ['PCMU'], maxCalls: 20 })) });
  const phones = await Crowd.open(router.sipPort);
  const watchers = await Crowd.open(router.sipPort);
  const lamps = new Map();
  behave(phones, watchers, lamps);
  try {
    await inLots(all, 10, async (user) => {
      const answer = await phones.ask({ method: 'REGISTER', uri: `sip:${host}`, to: `<sip:${user}@${host}>`, user, headers: ['Expires: 600'] });
      assert.equal(answer.status, 200);
    });
    const wishes = all.slice(0, WATCHERS).flatMap((user) => all.map((watched) => ({ user, watched, callId: `${token(8)}@lamp` })));
    await inLots(wishes, 25, async ({ user, watched, callId }) => {
      lamps.set(callId, { watched, cseqs: new Set() });
      const answer = await watchers.ask({ method: 'SUBSCRIBE', uri: `sip:${watched}@${host}`, user, callId, headers: ['Event: dialog', 'Expires: 600'] });
      assert.equal(answer.status, 200);
    });
    await poll(() => [...lamps.values()].every((lamp) => lamp.body), 10000, 'first state of every lamp');

    const began = Date.now();
    const calls = [];
    const talking = []; // ends the call
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(((Date.now() - began) / 1000) * CALLS_PER_SEC, SECONDS * CALLS_PER_SEC);
        while (calls.length < due) {
          const n = calls.length;
          calls.push(oneCall(phones, all[n % PHONES], all[(n + 1 + (n * 7) % (PHONES - 1)) % PHONES], new Promise((end) => { talking.push(end); })));
          if (talking.length > 25) talking.shift()(); // half a second later
        }
        if (calls.length >= SECONDS * CALLS_PER_SEC) { clearInterval(timer); resolve(); }
      }, 20);
    });
    for (const end of talking) end();
    const results = await Promise.all(calls);
    const seconds = (Date.now() - began) / 1000;
    const kinds = results.reduce((sum, status) => ({ ...sum, [status]: (sum[status] || 0) + 1 }), {});
    const good = results.filter((status) => status === 200).length;
    await router.noCalls();
    await poll(() => [...lamps.values()].every((lamp) => lamp.body.includes('<state>terminated</state>')), 10000, 'every lamp is dark');

    const told = [...lamps.values()].map((lamp) => lamp.cseqs.size);
    const most = Math.max(...told);
    console.log(`# ${JSON.stringify(kinds)}: ${good} of ${calls.length} calls in ${seconds.toFixed(1)} s; ${told.reduce((a, b) => a + b)} NOTIFYs, at most ${most} a lamp`);
    // a busy machine may turn calls away, nothing else may go wrong
    assert.ok(results.every((status) => status === 200 || status === 503), JSON.stringify(kinds));
    assert.ok(good > calls.length / 2, `${good} of ${calls.length} calls`);
    assert.ok(most <= Math.ceil(seconds) + 4, `${most} NOTIFYs to one lamp in ${seconds} s`);
  } finally {
    phones.close();
    watchers.close();
    await router.stop();
  }
});
