// Firefox as a phone: the contract's messages, sound both ways, digits, a reload.
import test from 'node:test';
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { Router, device, host, missing } from './lib/router.js';
import { firstPassword } from './lib/browser.js';
import { Firefox, fakeHz, noFirefox, withoutSoundCard } from './lib/firefox.js';
import { dialFrom, heardIn, softPage } from './lib/softphone.js';
import { phone, stopAll, toneAt } from './lib/phones.js';

test('Firefox: echo, digits, a desk phone, a reload', { skip: missing || noFirefox }, async (t) => {
  // Firefox has no candidate of 127.0.0.1
  const own = Object.values(networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal)?.address;
  if (!own) {
    t.skip('this machine has no address but loopback');
    return;
  }
  const router = await Router.start({ devices: ['101', '102'].map((e) => device(e)), config: { proxy: { bind: [host, own] }, features: { '*43': 'echo' } } });
  const firefox = await Firefox.start();
  let desk;
  const events = await router.api.events();
  const heard = (page, hz) => heardIn(page, 's', hz);
  const open = async () => {
    const page = await softPage(firefox, router, 'admin', firstPassword(router));
    await page.evaluate(withoutSoundCard);
    return page;
  };
  const dial = (page, from, to) => dialFrom(page, from, to, 's', 0);
  try {
    let page = await open();
    await page.evaluate(() => window.soft.register());
    const echo = await dial(page, 'guest:admin', '*43');
    t.diagnostic(`echo: SNR ${(await heard(page, fakeHz)).toFixed(1)} dB`);
    const { codec, encrypted } = (await router.api.get(`/api/calls/${echo}`)).legs.find((leg) => leg.kind === 'webrtc');
    assert.equal(codec, 'opus');
    t.diagnostic(`${codec}, ${encrypted}`);
    await page.evaluate(() => { window.soft.digits('s', '42#'); });
    for (const digit of '42#') await events.waitFor((e) => e.type === 'dtmf' && e.callId === echo && e.digit === digit, 8000);
    await page.evaluate(() => window.soft.send({ type: 'webrtc-hangup', sessionId: 's' }));
    await router.noCalls();

    page = await open();
    desk = await phone(router, '101', { hz: 600, codecs: 'PCMA', answer: 'auto' });
    await page.evaluate(() => window.soft.register('d102'));
    const callId = await dial(page, 'd102', '101');
    const inPage = await heard(page, 600);
    const atDesk = await toneAt(desk, fakeHz);
    t.diagnostic(`with a desk phone: SNR ${inPage.toFixed(1)} dB in the page, ${atDesk.toFixed(1)} dB at the phone`);
    const token = await page.evaluate(() => window.soft.token);
    page = await open(); // the page is gone, a new one takes the call back
    const { legs, ms } = await page.evaluate(async (resume) => {
      const started = performance.now();
      const registered = await window.soft.register('d102', resume);
      await window.soft.offer('s', { resume });
      await window.soft.sound('s');
      return { legs: registered.legs, ms: performance.now() - started };
    }, token);
    assert.deepEqual(legs, [{ callId, sessionId: 's' }]);
    t.diagnostic(`resumed with sound after ${ms.toFixed(0)} ms`);
    await heard(page, 600);
    await desk.hangup();
    await page.evaluate(() => window.soft.wait('webrtc-hangup', { sessionId: 's' }));
    await router.noCalls();
  } finally {
    await firefox.close();
    await stopAll(desk, router);
  }
});
