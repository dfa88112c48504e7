// A browser as a phone, in headless Chromium, by the contract's messages: both directions, with sound.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing, poll } from './lib/router.js';
import { Browser, firstPassword, noBrowser } from './lib/browser.js';
import { softPage } from './lib/softphone.js';
import { phone, stopAll } from './lib/phones.js';
import { median, snr } from './lib/audio.js';

const options = { skip: missing || noBrowser };
let router;
let browser;
let events;
before(async () => {
  if (options.skip) return;
  router = await Router.start({
    devices: ['101', '102', '103'].map((e) => device(e)),
    config: { features: { '*43': 'echo' } },
  });
  events = await router.api.events();
  browser = await Browser.start();
});
after(async () => {
  await browser?.close();
  await router?.stop();
});

const open = () => softPage(browser, router, 'admin', firstPassword(router));
const heard = async (page, session, hz) => {
  await page.evaluate((id) => window.soft.sound(id), session);
  let best = -100;
  await poll(async () => {
    best = Math.max(best, snr(Float64Array.from(await page.evaluate((id) => window.soft.record(id), session)), 48000, hz));
    return best > 20;
  }, 8000, `${hz} Hz in the page`).catch((error) => { throw Object.assign(error, { message: `${error.message}: SNR ${best.toFixed(1)} dB` }); });
  return best;
};
const noCalls = () => poll(async () => (await router.api.get('/api/calls')).items.length === 0, 8000, 'no call left');

/** Calls from the page; gives callId once it is linked. */
async function dial(page, from, to, session, hz) {
  return page.evaluate(async ([f, t, s, tone]) => {
    const { soft } = window;
    const offered = soft.offer(s, { hz: tone });
    const callId = await soft.call(f, t);
    await offered;
    await soft.wait('webrtc-incoming', { callId });
    soft.link(callId, s);
    return callId;
  }, [from, to, session, hz]);
}

test('a guest hears its own tone in the echo test', options, async () => {
  const page = await open();
  const { deviceId } = await page.evaluate(() => window.soft.register());
  assert.equal(deviceId, 'guest:admin');
  const callId = await dial(page, deviceId, '*43', 'echo', 997);
  const got = await heard(page, 'echo', 997);
  assert.ok(got > 20, `${got} dB`);
  const call = await router.api.get(`/api/calls/${callId}`);
  const leg = call.legs.find((l) => l.kind === 'webrtc');
  assert.equal(leg.codec, 'opus');
  await events.waitFor((e) => e.type === 'webrtc_audio_rx' && e.callId === callId);
  await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 'echo' }));
  await noCalls();
  await page.context().close();
});

test('click to sound in the echo test: the median is under 500 ms', options, async () => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  const times = [];
  for (let i = 0; i < 7; i++) {
    await dial(page, 'guest:admin', '*43', `c${i}`, 997);
    times.push(await page.evaluate(async (s) => await window.soft.sound(s) - window.soft.clickedAt, `c${i}`));
    await page.evaluate((s) => window.soft.send({ type: 'webrtc-hangup', sessionId: s }), `c${i}`);
    await noCalls();
  }
  console.log(`# click to sound: median ${median(times).toFixed(0)} ms of ${times.map((t) => t.toFixed(0)).join(' ')}`);
  assert.ok(median(times) < 500 * Number(process.env.TEST_SLOWER || 1), `${median(times)} ms`);
  await page.context().close();
});

/** What the phone heard in the last second of a call that just ended. */
const atPhone = ({ samples, rate }, hz) => snr(samples.slice(-Math.floor(rate * 1.5), -Math.floor(rate * 0.3)), rate, hz);

for (const codec of ['opus', 'PCMA']) {
  test(`browser and phone hear each other, whoever calls, over ${codec}`, options, async () => {
    const desk = await phone(router, '101', { hz: 600, codecs: codec, answer: 'auto' });
    const page = await open();
    try {
      await page.evaluate(() => window.soft.register('d102'));
      await dial(page, 'd102', '101', 'out', 1500);
      assert.ok(await heard(page, 'out', 600) > 20);
      assert.ok(atPhone(await desk.hear(2), 1500) > 20, 'the phone heard the browser');
      await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 'out' }));
      await noCalls();
      const from = await page.evaluate(() => window.soft.messages.length);
      await desk.dial('102');
      await page.evaluate(async (n) => {
        const { callId } = await window.soft.wait('webrtc-incoming', { direction: 'internal' }, 8000, n);
        await window.soft.offer('in', { hz: 1500 });
        window.soft.link(callId, 'in');
      }, from);
      assert.ok(await heard(page, 'in', 600) > 20);
      await desk.hangup();
      await page.evaluate(() => window.soft.wait('webrtc-hangup', { sessionId: 'in' }));
      await noCalls();
    } finally {
      await stopAll(desk);
      await page.context().close();
    }
  });
}

test('two browsers talk, and a phone joins them', options, async () => {
  const desk = await phone(router, '103', { hz: 2200, codecs: 'PCMU', answer: 'auto' });
  const [a, b] = await Promise.all([open(), open()]);
  try {
    await a.evaluate(() => window.soft.register('d101'));
    await b.evaluate(() => window.soft.register('d102'));
    const callId = await dial(a, 'd101', '102', 's', 600);
    await b.evaluate(async () => {
      const { callId: id } = await window.soft.wait('webrtc-incoming', { direction: 'internal' });
      await window.soft.offer('s', { hz: 1500 });
      window.soft.link(id, 's');
    });
    assert.ok(await heard(a, 's', 1500) > 20);
    assert.ok(await heard(b, 's', 600) > 20);
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
    await noCalls();
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
    assert.ok(await heard(page, codec, 800) > 20);
    await router.api.delete(`/api/calls/${callId}`);
    await noCalls();
  }
  const sdp = await page.evaluate(() => window.soft.offer('video', { hz: 800, video: true }));
  assert.match(sdp, /m=video 0 /);
  assert.match(sdp, /a=group:BUNDLE 0\r/);
  await page.evaluate(() => window.soft.connected('video'));
  await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 'video' }));
  await page.context().close();
});

test('a caller with the role user calls as its own guest and sees its own call', options, async () => {
  await router.api.post('/api/users', { name: 'uma', role: 'user', password: 'correct horse' });
  const page = await softPage(browser, router, 'uma', 'correct horse');
  assert.equal((await page.evaluate(() => window.soft.register())).deviceId, 'guest:uma');
  await assert.rejects(page.evaluate(() => window.soft.call('guest:admin', '*43')), /403|401/);
  const callId = await dial(page, 'guest:uma', '*43', 'mine', 700);
  await page.evaluate((id) => window.soft.wait('call_answered', { callId: id }), callId);
  assert.ok(await heard(page, 'mine', 700) > 20);
  await page.evaluate((id) => fetch(`/api/calls/${id}`, { method: 'DELETE', headers: { 'x-requested-with': 'test' } }), callId);
  await page.evaluate(() => window.soft.wait('webrtc-hangup', { sessionId: 'mine' }));
  await noCalls();
  await page.context().close();
});

test('digits of the keypad arrive', options, async () => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  const callId = await dial(page, 'guest:admin', '*43', 'keys', 0);
  await page.evaluate(() => window.soft.connected('keys'));
  await page.evaluate(() => window.soft.digits('keys', '159#'));
  for (const digit of '159#') await events.waitFor((e) => e.type === 'dtmf' && e.callId === callId && e.digit === digit, 8000);
  await router.api.delete(`/api/calls/${callId}`);
  await noCalls();
  await page.context().close();
});

test('a reload takes the call back, with sound in under 3 s', options, async () => {
  const desk = await phone(router, '101', { hz: 600, codecs: 'opus', answer: 'auto' });
  let page = await open();
  try {
    await page.evaluate(() => window.soft.register('d102'));
    const callId = await dial(page, 'd102', '101', 's', 1500);
    await heard(page, 's', 600);
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
    assert.ok(ms < 3000, `${ms} ms`);
    assert.ok(await heard(page, 's', 600) > 20);
    await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 's' }));
    await noCalls();
  } finally {
    await stopAll(desk);
    await page.context().close();
  }
});

test('50 calls in a row are clean', options, async () => {
  const page = await open();
  await page.evaluate(() => window.soft.register());
  for (let i = 0; i < 50; i++) {
    await dial(page, 'guest:admin', '*43', `n${i}`, 800);
    await page.evaluate((s) => window.soft.sound(s), `n${i}`);
    await page.evaluate((s) => { window.soft.send({ type: 'webrtc-hangup', sessionId: s }); window.soft.sessions[s].pc.close(); }, `n${i}`);
  }
  await noCalls();
  const errors = await page.evaluate(() => window.soft.messages.filter((m) => m.type === 'error'));
  assert.deepEqual(errors, []);
  await poll(async () => (await router.api.get('/api/status')).calls.live === 0, 5000, 'status without calls');
  await page.context().close();
});
