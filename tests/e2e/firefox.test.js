// Firefox as a phone: the contract's messages, sound both ways, digits, both roles of the handshake, a reload; and our page in it.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { Router, device, host, missing, poll } from './lib/router.js';
import { firstPassword } from './lib/browser.js';
import { Firefox, fakeHz, noFirefox, withoutSoundCard } from './lib/firefox.js';
import { dialFrom, heardIn, softPage } from './lib/softphone.js';
import { phone, stopAll, toneAt } from './lib/phones.js';
import { level } from './lib/audio.js';
import { PATIENCE_MS } from './lib/process.js';

// Firefox has no candidate of 127.0.0.1
const own = Object.values(networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal)?.address;
const skip = missing || noFirefox || (own ? false : 'this machine has no address but loopback');

let router;
let firefox; // one for all: its start is what takes longest
before(async () => {
  if (skip) return;
  router = await Router.start({ devices: ['101', '102'].map((e) => device(e)), config: { proxy: { bind: [host, own] } } });
  firefox = await Firefox.start();
});
after(async () => {
  await firefox?.close();
  await router?.stop();
});

test('Firefox: echo, digits, a desk phone, a reload', { skip }, async (t) => {
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
    for (const [setup, answered] of [['active', 'passive'], ['passive', 'active']]) {
      const sdp = await page.evaluate(async (ours) => {
        const answer = await window.soft.offer(ours, { setup: ours });
        await window.soft.connected(ours);
        window.soft.send({ type: 'webrtc-hangup', sessionId: ours });
        return answer;
      }, setup);
      assert.match(sdp, new RegExp(`a=setup:${answered}\r`));
    }

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
    await stopAll(desk);
  }
});

/** What people do on a page: a button is pressed once it is there and may be. */
const press = (page, name) => poll(() => page.evaluate((wanted) => {
  const button = [...document.querySelectorAll('button')].find((one) => !one.disabled && (one.getAttribute('aria-label') ?? one.innerText).trim().startsWith(wanted));
  button?.click();
  return Boolean(button);
}, name), PATIENCE_MS, `the button ${name}`);

/** What people see. */
async function see(page, selector, words) {
  let text = '';
  await poll(async () => {
    text = await page.evaluate((where) => [...document.querySelectorAll(where)].map((one) => one.innerText).join('\n'), selector);
    return words.test(text);
  }, PATIENCE_MS, `${words} in ${selector}`).catch(async (error) => {
    const all = await page.evaluate(() => `${location.hash} ${document.body.innerText}`);
    throw Object.assign(error, { message: `${error.message}: ${text}\nthe page: ${all}` });
  });
}

const watchFaults = (page) => page.evaluate(() => {
  window.faults = [];
  const { error } = console;
  console.error = (...all) => { window.faults.push(all.join(' ')); error(...all); };
  addEventListener('error', (event) => window.faults.push(String(event.message)));
  addEventListener('unhandledrejection', (event) => window.faults.push(String(event.reason)));
  document.addEventListener('securitypolicyviolation', (event) => window.faults.push(`${event.violatedDirective}: ${event.blockedURI}`));
});

test('Firefox: our page checks itself, calls, mutes, holds, comes back after a reload, is called', { skip }, async () => {
  let desk;
  const quietAt = () => poll(() => {
    const { samples, rate } = desk.heardLast(0.5);
    return samples.length >= rate / 2 && level(samples, rate, fakeHz) < 0.003;
  }, PATIENCE_MS, 'the page is not heard at the desk');
  try {
    desk = await phone(router, '101', { hz: 600, codecs: 'PCMA', answer: 'auto' });
    const page = await firefox.open(`http://${host}:${router.webPort}/`);
    await watchFaults(page);
    await poll(() => page.evaluate(() => document.querySelector('input[type=password]') !== null), PATIENCE_MS, 'the login');
    await page.evaluate((password) => {
      localStorage.setItem('device', 'd102'); // before the page registers, as somebody chose it another day
      document.querySelector('input[autocomplete=username]').value = 'admin';
      document.querySelector('input[type=password]').value = password;
      document.querySelector('form').requestSubmit();
    }, await firstPassword(router));
    await see(page, 'main', /First steps/);
    await page.evaluate(() => { location.hash = '#/phone'; });
    await see(page, '.heading .pill', /rings as 102/);
    await press(page, 'Check this browser');
    await see(page, '.checks li:last-child', /DTLS-SRTP/);
    await press(page, 'Hear yourself');
    await see(page, 'article.phone-call .phone-state', /talking/);
    await see(page, '.sound .quality', /Sound (excellent|good|fair|poor|bad)/); // as it is here and now
    await press(page, 'Hang up');
    await router.noCalls();
    await page.evaluate(() => {
      document.querySelector('#number').value = '101';
      document.querySelector('#number').dispatchEvent(new InputEvent('input', { bubbles: true }));
    });
    await press(page, 'Call');
    await see(page, 'article.phone-call', /Phone 101[^]*talking/);
    await toneAt(desk, fakeHz);
    await press(page, 'Mute');
    await quietAt();
    await press(page, 'Unmute');
    await toneAt(desk, fakeHz);
    await press(page, 'Hold');
    await see(page, 'article.phone-call .phone-state', /on hold/);
    await quietAt();
    await press(page, 'Resume');
    await toneAt(desk, fakeHz);
    assert.deepEqual(await page.evaluate(() => window.faults), []);
    await page.reload();
    await watchFaults(page);
    await see(page, 'article.phone-call', /Phone 101[^]*talking/);
    await toneAt(desk, fakeHz);
    await desk.hangup();
    await router.noCalls();
    await see(page, '.heading .pill', /rings as 102/);
    await desk.dial('102');
    await press(page, 'Answer');
    await see(page, 'article.phone-call', /Phone 101[^]*talking/);
    await toneAt(desk, fakeHz);
    await press(page, 'Hang up');
    assert.deepEqual(await page.evaluate(() => window.faults), []);
  } finally {
    await stopAll(desk);
  }
});
