// A browser as a phone, in headless Chromium, by the contract's messages: both directions, with sound.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, noIp6, poll } from './lib/router.js';
import { Browser, firstPassword, noBrowser } from './lib/browser.js';
import { dialFrom, heardIn, softPage } from './lib/softphone.js';
import { PATIENCE_MS, busy } from './lib/process.js';
import { phone, ScriptPhone, stopAll, toneAt } from './lib/phones.js';
import { FakeProvider } from './lib/fake_provider.js';
import { median, snr, snrMixed } from './lib/audio.js';

const options = { skip: missing || noBrowser };
let router;
let browser;
let events;
let provider;
const publicIp = '203.0.113.7'; // where the provider sees us
before(async () => {
  if (options.skip) return;
  provider = await FakeProvider.open({ seen: { address: publicIp, port: 5060 } });
  router = await Router.start({
    devices: ['101', '102', '103'].map((e) => device(e)),
    config: {
      proxy: { publicIp: 'auto', bind: noIp6 ? [host] : [host, '::1'] },
      features: { '*43': 'echo', inCallTransfer: '**' },
      providers: [provider.account('far')],
      routing: {
        routes: [
          { id: 'in', match: { direction: 'inbound' }, action: { targets: ['d102'] } },
          { id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'far' } },
        ],
      },
    },
  });
  events = await router.api.events();
  browser = await Browser.start();
});
after(async () => {
  await browser?.close();
  await router?.stop();
  await provider?.stop();
});

const open = () => softPage(browser, router, 'admin', firstPassword(router));

test('a guest hears its own tone in the echo test', options, async () => {
  const page = await open();
  const { deviceId } = await page.evaluate(() => window.soft.register());
  assert.equal(deviceId, 'guest:admin');
  const callId = await dialFrom(page, deviceId, '*43', 'echo', 997);
  const got = await heardIn(page, 'echo', 997);
  assert.ok(got > 20, `${got} dB`);
  const call = await router.api.get(`/api/calls/${callId}`);
  const leg = call.legs.find((l) => l.kind === 'webrtc');
  assert.equal(leg.codec, 'opus');
  await events.waitFor((e) => e.type === 'webrtc_audio_rx' && e.callId === callId);
  await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 'echo' }));
  await router.noCalls();
  await page.context().close();
});

test('click to sound in the echo test: the median is under 500 ms', options, async () => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  const times = [];
  for (let i = 0; i < 7; i++) {
    await dialFrom(page, 'guest:admin', '*43', `c${i}`, 997);
    times.push(await page.evaluate(async (s) => await window.soft.sound(s) - window.soft.clickedAt, `c${i}`));
    await page.evaluate((s) => window.soft.send({ type: 'webrtc-hangup', sessionId: s }), `c${i}`);
    await router.noCalls();
  }
  console.log(`# click to sound: median ${median(times).toFixed(0)} ms of ${times.map((t) => t.toFixed(0)).join(' ')}`);
  assert.ok(median(times) < 500 * busy(), `${median(times)} ms`);
  await page.context().close();
});

for (const codec of ['opus', 'PCMA']) {
  test(`browser and phone hear each other, whoever calls, over ${codec}`, options, async () => {
    const desk = await phone(router, '101', { hz: 600, codecs: codec, answer: 'auto' });
    const page = await open();
    try {
      await page.evaluate(() => window.soft.register('d102'));
      await dialFrom(page, 'd102', '101', 'out', 1500);
      assert.ok(await heardIn(page, 'out', 600) > 20);
      await toneAt(desk, 1500);
      await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 'out' }));
      await router.noCalls();
      const from = await page.evaluate(() => window.soft.messages.length);
      await desk.dial('102');
      await page.evaluate(async (n) => {
        const { callId } = await window.soft.wait('webrtc-incoming', { direction: 'internal' }, undefined, n);
        await window.soft.offer('in', { hz: 1500 });
        window.soft.link(callId, 'in');
      }, from);
      assert.ok(await heardIn(page, 'in', 600) > 20);
      await desk.hangup();
      await page.evaluate(() => window.soft.wait('webrtc-hangup', { sessionId: 'in' }));
      await router.noCalls();
    } finally {
      await stopAll(desk);
      await page.context().close();
    }
  });
}

test('two browsers talk, and a phone joins them', options, async (t) => {
  const desk = await phone(router, '103', { hz: 2200, codecs: 'PCMU', answer: 'auto' });
  const [a, b] = await Promise.all([open(), open()]);
  try {
    await a.evaluate(() => window.soft.register('d101'));
    await b.evaluate(() => window.soft.register('d102'));
    const callId = await dialFrom(a, 'd101', '102', 's', 600);
    await b.evaluate(async () => {
      const { callId: id } = await window.soft.wait('webrtc-incoming', { direction: 'internal' });
      await window.soft.offer('s', { hz: 1500 });
      window.soft.link(id, 's');
    });
    assert.ok(await heardIn(a, 's', 1500) > 20);
    assert.ok(await heardIn(b, 's', 600) > 20);
    await a.evaluate(() => window.soft.say('s', false));
    await b.evaluate(() => window.soft.sound('s', undefined, false));
    const [said, came] = await Promise.all([
      a.evaluate(() => window.soft.say('s', true)),
      b.evaluate(async () => await window.soft.sound('s') + performance.timeOrigin),
    ]);
    t.diagnostic(`mouth to ear, browser to browser: ${(came - said).toFixed(0)} ms`);
    await heardIn(b, 's', 600);
    await router.api.post(`/api/calls/${callId}/legs`, { to: '103' });
    await events.waitFor((e) => e.callId === callId && e.type === 'leg_changed' && e.leg?.deviceId === 'd103' && e.leg.state === 'answered', 8000);
    const strength = async (page, hz) => (await page.evaluate(([s, f]) => {
      const samples = window.soft.record(s);
      let re = 0; let im = 0;
      samples.forEach((x, i) => { re += x * Math.cos(2 * Math.PI * f * i / 48000); im += x * Math.sin(2 * Math.PI * f * i / 48000); });
      return Math.hypot(re, im) / samples.length;
    }, ['s', hz]));
    await poll(async () => (await strength(a, 2200)) > 0.02 && (await strength(a, 1500)) > 0.02, 8000, 'both others at a');
    await poll(async () => (await strength(b, 2200)) > 0.02 && (await strength(b, 600)) > 0.02, 8000, 'both others at b');
    assert.ok(await strength(a, 600) < 0.01, 'a hears itself');
    await router.api.delete(`/api/calls/${callId}`);
    await router.noCalls();
  } finally {
    await stopAll(desk);
    await Promise.all([a.context().close(), b.context().close()]);
  }
});

test('a page without Opus, and one that offers video, are understood', options, async () => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  for (const codec of ['PCMA', 'G722']) {
    const sdp = await page.evaluate((c) => window.soft.offer(c, { hz: 800, codec: c }), codec);
    assert.match(sdp, new RegExp(`${codec}/8000`));
    const callId = await page.evaluate(async (s) => {
      const id = await window.soft.call('guest:admin', '*43');
      await window.soft.wait('webrtc-incoming', { callId: id });
      window.soft.link(id, s);
      return id;
    }, codec);
    assert.ok(await heardIn(page, codec, 800) > 20);
    await router.api.delete(`/api/calls/${callId}`);
    await router.noCalls();
  }
  const sdp = await page.evaluate(() => window.soft.offer('video', { hz: 800, video: true }));
  assert.match(sdp, /m=video 0 /);
  assert.match(sdp, /a=group:BUNDLE 0\r/);
  await page.evaluate(() => window.soft.connected('video'));
  await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 'video' }));
  await page.context().close();
});

test('either side may begin the handshake', options, async () => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  for (const [setup, answered, role] of [['active', 'passive', 'client'], ['passive', 'active', 'server']]) {
    const sdp = await page.evaluate((ours) => window.soft.offer(ours, { hz: 800, setup: ours }), setup);
    assert.match(sdp, new RegExp(`a=setup:${answered}\r`));
    const callId = await page.evaluate(async (s) => {
      const id = await window.soft.call('guest:admin', '*43');
      await window.soft.wait('webrtc-incoming', { callId: id });
      window.soft.link(id, s);
      return id;
    }, setup);
    await heardIn(page, setup, 800);
    const stats = await page.evaluate((s) => window.soft.stats(s), setup);
    assert.equal(stats.find((one) => one.type === 'transport').dtlsRole, role);
    await router.api.delete(`/api/calls/${callId}`);
    await router.noCalls();
  }
  await page.context().close();
});

test('an ICE restart of the connection that is there: new credentials, the same keys, sound goes on', options, async () => {
  const desk = await phone(router, '101', { hz: 600, codecs: 'opus', answer: 'auto' });
  const page = await open();
  try {
    await page.evaluate(() => window.soft.register('d102'));
    await dialFrom(page, 'd102', '101', 's', 1500);
    await heardIn(page, 's', 600);
    const seen = new Set();
    const count = async () => (await page.evaluate(() => window.soft.stats('s'))).find((one) => one.type === 'inbound-rtp').packetsReceived;
    for (let round = 0; round < 2; round += 1) {
      const { isSameKey, ufrag } = await page.evaluate(() => window.soft.restart('s'));
      assert.ok(isSameKey);
      assert.ok(!seen.has(ufrag));
      seen.add(ufrag);
      const before = await count();
      await poll(async () => await count() > before + 25, PATIENCE_MS, 'packets after the restart');
      await heardIn(page, 's', 600);
      const then = desk.heard().samples.length;
      await poll(() => desk.heard().samples.length > then + desk.heard().rate, PATIENCE_MS, 'another second at the phone');
      await toneAt(desk, 1500);
    }
  } finally {
    await stopAll(desk);
    await page.context().close();
  }
});

for (const [name, only] of [['TCP alone', ' tcp '], ['IPv6 alone', ' udp \\d+ [0-9a-f]*:']]) {
  test(`the echo is heard over ${name}`, { skip: options.skip || (name.includes('6') && noIp6) }, async (t) => {
    const page = await open();
    await page.evaluate((pattern) => { window.soft.only = pattern; return window.soft.register(); }, only);
    const callId = await dialFrom(page, 'guest:admin', '*43', 'way', 997);
    t.diagnostic(`SNR ${(await heardIn(page, 'way', 997)).toFixed(1)} dB`);
    const remote = await poll(async () => {
      const stats = await page.evaluate(() => window.soft.stats('way'));
      const pair = stats.find((one) => one.type === 'candidate-pair' && one.nominated);
      return stats.find((one) => one.id === pair?.remoteCandidateId);
    }, 5000, 'the way it went');
    assert.match(` ${remote.protocol} 1 ${remote.address} `, new RegExp(only), 'the way it went');
    await router.api.delete(`/api/calls/${callId}`);
    await router.noCalls();
    await page.context().close();
  });
}

test('a caller with the role user calls as its own guest and sees its own call', options, async () => {
  await router.api.post('/api/users', { name: 'uma', role: 'user', password: 'correct horse' });
  const page = await softPage(browser, router, 'uma', 'correct horse');
  assert.equal((await page.evaluate(() => window.soft.register())).deviceId, 'guest:uma');
  await assert.rejects(page.evaluate(() => window.soft.call('guest:admin', '*43')), /403|401/);
  const callId = await dialFrom(page, 'guest:uma', '*43', 'mine', 700);
  await page.evaluate((id) => window.soft.wait('call_answered', { callId: id }), callId);
  assert.ok(await heardIn(page, 'mine', 700) > 20);
  await page.evaluate((id) => fetch(`/api/calls/${id}`, { method: 'DELETE', headers: { 'x-requested-with': 'test' } }), callId);
  await page.evaluate(() => window.soft.wait('webrtc-hangup', { sessionId: 'mine' }));
  await router.noCalls();
  await page.context().close();
});

test('digits of the keypad arrive', options, async () => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  const callId = await dialFrom(page, 'guest:admin', '*43', 'keys', 0);
  await page.evaluate(() => window.soft.connected('keys'));
  await page.evaluate(() => window.soft.digits('keys', '159#'));
  for (const digit of '159#') await events.waitFor((e) => e.type === 'dtmf' && e.callId === callId && e.digit === digit, 8000);
  await router.api.delete(`/api/calls/${callId}`);
  await router.noCalls();
  await page.context().close();
});

test('codes are typed on a page: what begins none goes on in its length, a number transfers', options, async () => {
  const [desk, third] = await Promise.all(['101', '103'].map((extension) => ScriptPhone.open(router, extension)));
  const page = await open();
  // keys as the phone got them: [key, milliseconds], by the last packet of each
  const keys = () => [...desk.rtp.packets.filter((p) => p.payloadType === 101 && p.payload[1] & 0x80)
    .reduce((all, p) => all.set(p.ts, ['0123456789*#'[p.payload[0]], p.payload.readUInt16BE(2) / 8]), new Map()).values()];
  try {
    await page.evaluate(() => window.soft.register('d102'));
    const taken = (async () => { await desk.accept(await desk.incoming(10000)); })();
    await dialFrom(page, 'd102', '101', 'codes', 0);
    await taken;
    await page.evaluate(() => window.soft.connected('codes'));
    desk.sendTone(600);
    await page.evaluate(() => window.soft.digits('codes', '*5'));
    await poll(() => keys().length === 2, 8000, 'a star and a five');
    assert.deepEqual(keys().map(([key]) => key), ['*', '5']);
    for (const [key, ms] of keys()) assert.ok(ms >= 100 && ms <= 500 * busy(), `${key} of ${ms} ms`); // 120, and what a busy page adds
    const taken2 = (async () => { await third.accept(await third.incoming(10000)); })();
    await page.evaluate(() => window.soft.digits('codes', '**103#'));
    await taken2;
    await page.evaluate(() => window.soft.wait('webrtc-hangup', { sessionId: 'codes' }));
    assert.equal(keys().length, 2, 'no key of the code reached the other one');
    await router.api.delete(`/api/calls/${(await router.oneCall()).callId}`);
    await Promise.all([desk.hungUp(), third.hungUp()]);
    await router.noCalls();
  } finally {
    await stopAll(desk, third);
    await page.context().close();
  }
});

test('a reload takes the call back, with sound in under 3 s', options, async () => {
  const desk = await phone(router, '101', { hz: 600, codecs: 'opus', answer: 'auto' });
  let page = await open();
  try {
    await page.evaluate(() => window.soft.register('d102'));
    const callId = await dialFrom(page, 'd102', '101', 's', 1500);
    await heardIn(page, 's', 600);
    const token = await page.evaluate(() => window.soft.token);
    await page.context().close(); // the page is gone, its close_notify sent
    page = await open();
    const { legs, ms } = await page.evaluate(async (t) => {
      const started = performance.now();
      const registered = await window.soft.register('d102', t);
      await window.soft.offer('s', { hz: 1500, resume: t });
      await window.soft.sound('s');
      return { legs: registered.legs, ms: performance.now() - started };
    }, token);
    assert.deepEqual(legs, [{ callId, sessionId: 's' }]);
    console.log(`# resumed with sound after ${ms.toFixed(0)} ms`);
    assert.ok(ms < 3000 * busy(), `${ms} ms`);
    assert.ok(await heardIn(page, 's', 600) > 20);
    await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 's' }));
    await router.noCalls();
  } finally {
    await stopAll(desk);
    await page.context().close();
  }
});

test('browser and provider hear each other, whoever calls; the delay from mouth to ear', options, async (t) => {
  const page = await open();
  const { rtp } = provider;
  await page.evaluate(() => window.soft.register('d102'));
  await poll(async () => (await router.api.get('/api/providers')).items[0].state === 'registered', 8000, 'the registration');
  const measure = async (session) => {
    const inPage = await heardIn(page, session, 600);
    const atFar = await rtp.hears((sound) => snr(sound, 8000, 1500), 20);
    t.diagnostic(`SNR in the page ${inPage.toFixed(1)} dB, at the provider ${atFar.toFixed(1)} dB`);
    assert.ok(atFar > 20, `${atFar} dB at the provider`);
  };
  await dialFrom(page, 'd102', '+49891234', 'out', 1500);
  await provider.answer('+49891234', 600);
  await measure('out');
  // from mouth to ear, each way: silence, then sound
  const wall = Date.now() - Number(process.hrtime.bigint() / 1000n) / 1000;
  const loud = (packet) => packet.payload.some((code) => (~code & 0x7f) > 0x40);
  const out = [];
  const into = [];
  for (let i = 0; i < 3; i++) {
    await page.evaluate(() => window.soft.say('out', false));
    await rtp.until((packets) => packets.slice(-5).every((p) => !loud(p)), 5000, 'silence at the provider');
    const silent = rtp.packets.length;
    const said = await page.evaluate(() => window.soft.say('out', true));
    await rtp.until((packets) => packets.slice(silent).some(loud), 5000, 'sound at the provider');
    out.push(rtp.packets.slice(silent).find(loud).at + wall - said);
    rtp.sendTone({ address: host, port: rtp.packets.at(-1).from.port }, 600, 0);
    await page.evaluate(() => window.soft.sound('out', undefined, false));
    const spoke = Date.now();
    rtp.sendTone({ address: host, port: rtp.packets.at(-1).from.port }, 600);
    into.push(await page.evaluate(async () => await window.soft.sound('out') + performance.timeOrigin) - spoke);
  }
  t.diagnostic(`mouth to ear: browser to provider ${median(out).toFixed(0)} ms, provider to browser ${median(into).toFixed(0)} ms`);
  assert.ok(median(out) < 1000 * busy() && median(into) < 1000 * busy(), `${out} ${into}`);
  await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 'out' }));
  await router.noCalls();

  const since = await page.evaluate(() => window.soft.messages.length);
  const ringing = provider.call(router, '+491701234', 600);
  await page.evaluate(async (n) => {
    const { callId: id } = await window.soft.wait('webrtc-incoming', { direction: 'inbound' }, undefined, n);
    await window.soft.offer('in', { hz: 1500 });
    window.soft.link(id, 'in');
  }, since);
  const fields = await ringing;
  await measure('in');
  await provider.hangup(fields);
  await router.noCalls();
  rtp.stopSending();
  await page.context().close();
});

test('browser, phone and provider in one call hear each other', options, async (t) => {
  const desk = await phone(router, '103', { hz: 2200, codecs: 'G722', answer: 'auto' });
  const page = await open();
  const { rtp } = provider;
  try {
    await page.evaluate(() => window.soft.register('d102'));
    const callId = await dialFrom(page, 'd102', '+49893333', 's', 1500);
    await provider.answer('+49893333', 600);
    await heardIn(page, 's', 600);
    await router.api.post(`/api/calls/${callId}/legs`, { to: '103' });
    await poll(async () => (await router.api.get(`/api/calls/${callId}`)).legs.filter((l) => l.state === 'answered').length === 3, 8000, 'three parties');
    const figures = {};
    await poll(async () => {
      const samples = Float64Array.from(await page.evaluate(() => window.soft.record('s')));
      figures.page = snrMixed(samples, 48000, [600, 2200]);
      return figures.page > 20;
    }, 8000, 'both in the page');
    figures.provider = await rtp.hears((sound) => snrMixed(sound, 8000, [1500, 2200]), 20);
    await poll(() => {
      const { samples, rate } = desk.heardLast(1);
      figures.phone = snrMixed(samples, rate, [600, 1500]);
      return figures.phone > 20;
    }, 8000, 'both at the phone');
    t.diagnostic(`SNR ${Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(1)} dB`).join(', ')}`);
    for (const [name, value] of Object.entries(figures)) assert.ok(value > 20, `${name}: ${value} dB`);
    await router.api.delete(`/api/calls/${callId}`);
    await router.noCalls();
  } finally {
    rtp.stopSending();
    await stopAll(desk);
    await page.context().close();
  }
});

test('an address that a provider sees is a candidate, and the port has counters', options, async () => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  const sdp = await page.evaluate(() => window.soft.offer('s', { hz: 700 }));
  for (const proto of ['udp', 'tcp']) {
    assert.match(sdp, new RegExp(`a=candidate:\\d+ 1 ${proto} \\d+ ${publicIp.replaceAll('.', '\\.')} ${router.webrtcPort} typ srflx raddr 0\\.0\\.0\\.0 rport 9`, 'i'));
  }
  await page.evaluate(() => window.soft.connected('s'));
  await poll(async () => { // counted each second
    const { browsers } = await router.api.get('/api/status');
    return browsers.sessions === 1 && browsers.handshakes > 0 && browsers.packets > 0;
  }, 5000, 'the counters in the status');
  const { text } = await router.api.request('GET', '/metrics');
  for (const name of ['sessions', 'handshakes_open', 'packets_total', 'junk_total', 'unknown_total', 'forged_total', 'dropped_total',
    'tcp_refused_total', 'handshakes_total', 'handshakes_failed_total', 'handshakes_refused_total']) {
    assert.match(text, new RegExp(`^siprouter_browser_${name} \\d+$`, 'm'));
  }
  await page.context().close();
});

const callCount = process.env.E2E_LONG ? 50 : 10;
test(`${callCount} calls in a row are clean`, options, async (t) => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  const before = await router.api.get('/api/status');
  const toSound = [];
  const echoes = []; // from the mouth through the router to the ear
  for (let i = 0; i < callCount; i++) {
    await dialFrom(page, 'guest:admin', '*43', `n${i}`, 800);
    toSound.push(await page.evaluate(async (s) => await window.soft.sound(s) - window.soft.clickedAt, `n${i}`));
    if (i % 10 === 9) {
      await heardIn(page, `n${i}`, 800);
      echoes.push(await page.evaluate(async (s) => {
        window.soft.say(s, false);
        await window.soft.sound(s, undefined, false);
        const said = performance.now();
        window.soft.say(s, true);
        return await window.soft.sound(s) - said;
      }, `n${i}`));
    }
    await page.evaluate((s) => { window.soft.send({ type: 'webrtc-hangup', sessionId: s }); window.soft.sessions[s].pc.close(); }, `n${i}`);
  }
  await router.noCalls();
  const after = await poll(async () => { // counted each second
    const s = await router.api.get('/api/status');
    return s.browsers.sessions <= before.browsers.sessions && s.calls.live === 0 && s.media.portsUsed === before.media.portsUsed && s;
  }, 5000, 'no session, call or port left');
  t.diagnostic(`${callCount} calls: click to sound, median ${median(toSound).toFixed(0)} ms, longest ${Math.max(...toSound).toFixed(0)} ms; `
    + `mouth to ear through the echo, median ${median(echoes).toFixed(0)} ms`);
  assert.equal(after.calls.total - before.calls.total, callCount);
  assert.equal(after.calls.failed, before.calls.failed);
  const errors = await page.evaluate(() => window.soft.messages.filter((m) => m.type === 'error'));
  assert.deepEqual(errors, []);
  await page.context().close();
});
