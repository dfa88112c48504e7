// A call of a page goes on undisturbed while strangers try the browsers' port; and it outlives its page's socket, its keys'
// end and its network.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import net from 'node:net';
import { createHmac, randomBytes } from 'node:crypto';
import { Router, device, host, missing, poll } from './lib/router.js';
import { Browser, firstPassword, noBrowser } from './lib/browser.js';
import { Impair } from './lib/impair.js';
import { dialFrom, heardIn, softPage } from './lib/softphone.js';
import { phone, stopAll } from './lib/phones.js';
import { busy } from './lib/process.js';
import { dB, rms, snr } from './lib/audio.js';

const options = { skip: missing || noBrowser };
let router;
let browser;
before(async () => {
  if (options.skip) return;
  router = await Router.start({ devices: ['101', '102'].map((e) => device(e)), config: { features: { '*43': 'echo' } } });
  browser = await Browser.start();
});
after(async () => {
  await browser?.close();
  await router?.stop();
});

const open = () => softPage(browser, router, 'admin', firstPassword(router));
const counters = async () => (await router.api.get('/api/status')).browsers;

/** A binding request: to a ufrag, with a password for its integrity; no password: none. */
function check(username, password) {
  const attribute = (type, value) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(type, 0);
    head.writeUInt16BE(value.length, 2);
    return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
  };
  const body = [attribute(0x0006, Buffer.from(username)), attribute(0x0024, Buffer.from([110, 0, 30, 255])),
    attribute(0x802a, randomBytes(8)), attribute(0x0025, Buffer.alloc(0))]; // it nominates
  const head = Buffer.alloc(20);
  head.writeUInt16BE(1, 0);
  head.writeUInt32BE(0x2112a442, 4);
  randomBytes(12).copy(head, 8);
  let bytes = Buffer.concat(body);
  if (password !== undefined) {
    head.writeUInt16BE(bytes.length + 24, 2);
    bytes = Buffer.concat([bytes, attribute(0x0008, createHmac('sha1', password).update(head).update(bytes).digest())]);
  }
  head.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([head, bytes]);
}

/** A ClientHello of DTLS 1.2, as complete as a server wants it to begin. */
function clientHello() {
  const body = Buffer.concat([Buffer.from([0xfe, 0xfd]), randomBytes(32), Buffer.from([0, 0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]), Buffer.from([0, 0])]);
  const handshake = Buffer.concat([Buffer.from([1, 0, 0, body.length, 0, 0, 0, 0, 0, 0, 0, body.length]), body]);
  return Buffer.concat([Buffer.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, handshake.length]), handshake]);
}

/** A stranger with an address of its own: sends, and keeps what comes back. */
async function stranger(address = '127.0.0.3') {
  const socket = dgram.createSocket('udp4');
  const got = [];
  socket.on('message', (data) => got.push(data));
  await new Promise((resolve) => { socket.bind(0, address, resolve); });
  return { got, send: (data) => new Promise((resolve) => { socket.send(data, router.webrtcPort, host, resolve); }), close: () => socket.close() };
}

/** Stands between page and port, passes all on, and keeps what the page sends. */
async function tap() {
  const front = dgram.createSocket('udp4');
  const back = dgram.createSocket('udp4');
  const seen = [];
  let page;
  front.on('message', (data, from) => { page = from; seen.push(data); back.send(data, router.webrtcPort, host); });
  back.on('message', (data) => { if (page) front.send(data, page.port, page.address); });
  await new Promise((resolve) => { front.bind(0, host, resolve); });
  await new Promise((resolve) => { back.bind(0, host, resolve); });
  return {
    seen, port: front.address().port, close: () => { front.close(); back.close(); },
    again: (data) => new Promise((resolve) => { back.send(data, router.webrtcPort, host, resolve); }),
  };
}

test('hellos, checks, junk and replays of strangers disturb no call', options, async (t) => {
  const page = await open();
  const wire = await tap();
  const enemy = await stranger();
  try {
    await page.evaluate(async (port) => {
      window.soft.through = port;
      await window.soft.register();
    }, wire.port);
    // before the page's own first packet: the description is known, the race is open
    const sdp = await page.evaluate(() => new Promise((resolve, reject) => {
      window.soft.offer('race', { hz: 0 }).then(resolve, reject);
    }));
    const ufrag = sdp.match(/a=ice-ufrag:(\S+)/)[1];
    for (let i = 0; i < 20; i++) {
      await enemy.send(clientHello());
      await enemy.send(check(`${ufrag}:evil`, 'guessed password of 24 ch'));
    }
    await page.evaluate(() => window.soft.connected('race'));
    await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 'race' }));

    const callId = await dialFrom(page, 'guest:admin', '*43', 's', 997);
    await heardIn(page, 's', 997);
    const before = await poll(async () => { const c = await counters(); return c.sessions === 1 && c; }, 5000, 'one session');
    const own = (await page.evaluate(() => window.soft.sessions.s.pc.remoteDescription.sdp)).match(/a=ice-ufrag:(\S+)/)[1];
    const rtp = wire.seen.filter((data) => data[0] >= 128 && data[0] < 192);
    assert.ok(rtp.length > 20);
    for (let round = 0; round < 25; round++) {
      for (const name of [own, randomBytes(4).toString('hex'), '']) {
        await enemy.send(check(`${name}:x`, 'guessed password of 24 ch'));
        await enemy.send(check(`${name}:x`));
      }
      await enemy.send(clientHello());
      await enemy.send(Buffer.concat([Buffer.from([20 + (round % 44)]), randomBytes(60)])); // DTLS, of a kind
      await enemy.send(rtp[round % rtp.length]); // the page's own, from elsewhere
      await wire.again(rtp[round % rtp.length]); // and again on its own path
      await wire.again(Buffer.concat([clientHello().subarray(0, 13 + round), randomBytes(20)]));
      await wire.again(Buffer.concat([Buffer.from([23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, round, 0, 32]), randomBytes(32)]));
      await enemy.send(randomBytes(1 + round * 40));
    }
    const after_ = await poll(async () => {
      const c = await counters();
      return c.forged - before.forged >= 50 && c.unknown - before.unknown >= 50 && c;
    }, 8000, 'what strangers sent, counted');
    await heardIn(page, 's', 997);
    const { legs } = await router.api.get(`/api/calls/${callId}`);
    assert.equal(legs.find((leg) => leg.kind === 'webrtc').state, 'answered');
    assert.equal(enemy.got.length, 0, 'strangers get no answer at all');
    assert.ok(after_.sessions <= before.sessions);
    t.diagnostic(`${rtp.length} packets of the page seen; forged ${after_.forged - before.forged}, of unproven addresses ${after_.unknown - before.unknown}, junk ${after_.junk - before.junk}`);
    await router.api.delete(`/api/calls/${callId}`);
    await router.noCalls();
  } finally {
    enemy.close();
    wire.close();
    await page.context().close();
  }
});

test('1,000 sessions that never come leave a call in progress alone', options, async (t) => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  const callId = await dialFrom(page, 'guest:admin', '*43', 's', 997);
  await heardIn(page, 's', 997);
  const offer = await page.evaluate(() => window.soft.sessions.s.pc.localDescription.sdp);
  const sockets = await Promise.all(Array.from({ length: 125 }, () => router.api.events('?types=dtmf')));
  for (const events of sockets) events.send({ type: 'webrtc-register' });
  await Promise.all(sockets.map((events) => events.waitFor('webrtc-registered', 20000)));
  const memoryBefore = router.memoryKb();
  for (let s = 0; s < 9; s++) for (const events of sockets) events.send({ type: 'webrtc-offer', sessionId: `s${s}`, sdp: offer });
  await poll(() => sockets.every((events) => events.all.filter((e) => e.type === 'webrtc-answer').length === 8), 20000, '1,000 answers');
  await Promise.all(sockets.map((events) => events.waitFor((e) => e.type === 'error' && e.code === 'busy', 20000))); // the ninth
  await poll(async () => (await counters()).sessions === 1001, 5000, 'the count');
  const each = (router.memoryKb() - memoryBefore) / 1000;
  await heardIn(page, 's', 997);
  // and connections to the port that say nothing: no more than 32 of one address
  const idle = Array.from({ length: 60 }, () => net.connect(router.webrtcPort, host).on('error', () => {}));
  const { tcpRefused } = await poll(async () => { const c = await counters(); return c.tcpRefused >= 28 && c; }, 8000, 'connections refused');
  await heardIn(page, 's', 997);
  t.diagnostic(`1,001 sessions, ${each.toFixed(1)} kB each; ${tcpRefused} of 60 connections refused`);
  for (const socket of idle) socket.destroy();
  for (const events of sockets) {
    for (let s = 0; s < 8; s++) events.send({ type: 'webrtc-hangup', sessionId: `s${s}` });
  }
  await poll(async () => (await counters()).sessions === 1, 10000, 'the sessions gone');
  for (const events of sockets) events.close();
  await router.api.delete(`/api/calls/${callId}`);
  await router.noCalls();
  await page.context().close();
});

test('a page that cannot reach the port is told to forward it', options, async () => {
  const page = await open();
  const blind = await Impair.start(`${host}:${router.webrtcPort}`, { proto: 'udp', loss: 1 });
  try {
    await page.evaluate(async (port) => {
      window.soft.through = port;
      await window.soft.register();
    }, blind.port);
    const callId = await dialFrom(page, 'guest:admin', '*43', 's', 997);
    const { detail } = await page.evaluate(() => window.soft.wait('error', { code: 'no-audio', sessionId: 's' }));
    assert.match(detail, new RegExp(`never reached port ${router.webrtcPort} .*: forward it`));
    const says = (verdict) => router.oneCall(({ legs }) => legs.find((leg) => leg.kind === 'webrtc').verdict === verdict, `the verdict ${verdict}`);
    await says(detail);
    await blind.order('set loss=0'); // somebody forwards it
    await heardIn(page, 's', 997);
    await says(null);
    await router.api.delete(`/api/calls/${callId}`);
    await router.noCalls();
  } finally {
    await blind.stop();
    await page.context().close();
  }
});

test('a call outlives its keys, its socket and its network; comfort noise meanwhile', options, async (t) => {
  const desk = await phone(router, '101', { hz: 600, codecs: 'PCMA', answer: 'auto' });
  const page = await open();
  try {
    await page.evaluate(() => window.soft.register('d102'));
    const callId = await dialFrom(page, 'd102', '101', 's', 1500);
    await heardIn(page, 's', 600);
    const isThere = async () => assert.equal((await router.api.get(`/api/calls/${callId}`)).state, 'answered');
    /** The page offers again with its token: how long until it hears. */
    const back = async (why) => {
      const ms = await page.evaluate(async () => {
        const started = performance.now();
        await window.soft.offer('s', { hz: 1500, resume: window.soft.token });
        await window.soft.sound('s');
        return performance.now() - started;
      });
      t.diagnostic(`${why}: sound after ${ms.toFixed(0)} ms`);
      assert.ok(ms < 3000 * busy(), `${ms} ms`);
      await heardIn(page, 's', 600);
      await isThere();
    };
    /** What the phone hears now: not the page's tone, and not nothing. */
    let noise = 0;
    const quiet = async () => {
      const { samples: before } = desk.heard();
      await poll(() => {
        const { samples, rate } = desk.heard();
        if (samples.length - before.length < 2 * rate) return false;
        noise = dB(rms(samples.slice(-rate)));
        return snr(samples.slice(-rate), rate, 1500) < 0 && noise > -80 && noise < -40;
      }, 10000, 'two more seconds at the phone, of noise');
    };
    // close_notify: the connection is closed, the socket stays
    await page.evaluate(() => window.soft.sessions.s.pc.close());
    await quiet();
    await isThere();
    t.diagnostic(`meanwhile the phone hears noise of ${noise.toFixed(0)} dBFS`);
    await back('close_notify');
    // the socket alone: the sound goes on
    await page.evaluate(() => new Promise((resolve) => {
      window.soft.socket.addEventListener('close', resolve);
      window.soft.socket.close();
    }));
    await heardIn(page, 's', 600);
    await isThere();
    const { legs } = await page.evaluate(async () => {
      await window.soft.connect();
      return window.soft.register('d102', window.soft.token);
    });
    assert.deepEqual(legs, [{ callId, sessionId: 's' }]);
    // another network: the old connection is not closed, it is just not used any more
    await page.evaluate(() => { window.soft.old = window.soft.sessions.s.pc; window.soft.old.close = () => {}; });
    await back('another network');
    await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 's' }));
    await router.noCalls();
  } finally {
    await stopAll(desk);
    await page.context().close();
  }
});

test('30 s is the limit: back after 28 s, gone with one reason after it', { skip: options.skip || (process.env.E2E_LONG ? false : 'takes a minute: E2E_LONG=1') }, async (t) => {
  const desk = await phone(router, '101', { hz: 600, codecs: 'PCMA', answer: 'auto', seconds: 180 });
  const first = await open();
  try {
    await first.evaluate(() => window.soft.register('d102'));
    const callId = await dialFrom(first, 'd102', '101', 's', 1500);
    await heardIn(first, 's', 600);
    let token = await first.evaluate(() => window.soft.token);
    await first.context().close();
    let left = Date.now();
    const second = await open();
    await poll(() => Date.now() >= left + 28000, 40000, '28 s');
    const { legs, ms } = await second.evaluate(async (old) => {
      const began = performance.now();
      const registered = await window.soft.register('d102', old);
      await window.soft.offer('s', { hz: 1500, resume: window.soft.token });
      await window.soft.sound('s');
      return { legs: registered.legs, ms: performance.now() - began };
    }, token);
    assert.deepEqual(legs, [{ callId, sessionId: 's' }]);
    assert.ok(ms < 3000 * busy(), `${ms} ms`);
    await heardIn(second, 's', 600);
    token = await second.evaluate(() => window.soft.token);
    const events = await router.api.events();
    await second.context().close();
    left = Date.now();
    const ended = await events.waitFor((event) => event.type === 'call_ended' && event.callId === callId, 40000);
    const lasted = (Date.now() - left) / 1000;
    t.diagnostic(`away for 28 s: sound after ${ms.toFixed(0)} ms; then the call ended ${lasted.toFixed(1)} s after its page was gone, as ${ended.reason}`);
    assert.ok(lasted > 29 && lasted < 31.5 * busy(), `${lasted} s`);
    assert.equal(ended.reason, 'unreachable');
    const third = await open();
    const late = await third.evaluate(async (old) => {
      const registered = await window.soft.register('d102', old).catch(async () => ({ legs: null }));
      const from = window.soft.messages.length;
      window.soft.send({ type: 'webrtc-offer', sessionId: 's', sdp: 'v=0', resume: old });
      return { legs: registered.legs, error: await window.soft.wait('error', {}, undefined, from) };
    }, token);
    assert.deepEqual(late.legs ?? [], []);
    assert.equal(late.error.inReplyTo, 'webrtc-offer');
    const { items } = await router.api.get('/api/history');
    assert.deepEqual(items.filter((one) => one.callId === callId).map((one) => one.reason), ['unreachable']);
    await third.context().close();
  } finally {
    await stopAll(desk);
  }
});
