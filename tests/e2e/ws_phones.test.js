// JsSIP and SIP.js in headless Chromium: they register over WebSocket, call, are called, hold, send digits.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { Browser, noBrowser } from './lib/browser.js';
import { heardIn } from './lib/softphone.js';
import { wsEvent, wsPhone, wsPhoneKinds } from './lib/ws_phones.js';
import { WsSip } from './lib/ws_sip.js';
import { hears, music, musicFile } from './lib/office.js';
import { phone, stopAll, toneAt } from './lib/phones.js';
import { snr } from './lib/audio.js';

const options = { skip: missing || noBrowser };
let router;
let browser;
let events;
before(async () => {
  if (options.skip) return;
  router = await Router.start({ devices: ['101', '102', '103'].map((e) => device(e)), config: { features: { '*43': 'echo' }, musicOnHold: { file: musicFile() } } });
  events = await router.api.events();
  browser = await Browser.start();
});
after(async () => {
  await browser?.close();
  await router?.stop();
});


test('INVITE comes down the socket with a description for browsers', options, async () => {
  const phone = await WsSip.open(`ws://${host}:${router.webPort}/sip`);
  assert.equal((await phone.register('103', 'pw103')).status, 200);
  const answered = router.api.post('/api/call', { to: '103' });
  const invite = await phone.expect((m) => m.method === 'INVITE', 5000, 'INVITE');
  assert.match(invite.uri, /103@.*\.invalid/);
  assert.match(invite.get('via'), /^SIP\/2\.0\/WS /);
  assert.match(invite.get('contact'), /transport=ws/);
  for (const line of ['UDP/TLS/RTP/SAVPF', 'a=ice-lite', 'a=ice-ufrag:', 'a=fingerprint:sha-256', 'a=setup:actpass',
    'a=rtcp-mux', 'a=group:BUNDLE', 'a=candidate:', 'opus/48000/2', 'telephone-event/48000']) {
    assert.ok(invite.body.includes(line), `${line} is missing in\n${invite.body}`);
  }
  phone.sendRaw([
    'SIP/2.0 486 Busy Here', `Via: ${invite.get('via')}`, `From: ${invite.get('from')}`, `To: ${invite.get('to')};tag=x1`,
    `Call-ID: ${invite.get('call-id')}`, `CSeq: ${invite.get('cseq')}`, 'Content-Length: 0', '', '',
  ].join('\r\n'));
  await phone.expect((m) => m.method === 'ACK', 5000, 'ACK');
  await answered;
  phone.close();
});

for (const kind of wsPhoneKinds) {
  test(`${kind} calls the echo test, sends digits, hangs up`, options, async () => {
    const page = await wsPhone(browser, router, kind, '101');
    await router.device('d101', ({ contacts }) => contacts[0]?.transport === 'WS');
    await page.evaluate(() => window.wsPhone.dial('*43'));
    await wsEvent(page, 'confirmed');
    await heardIn(page, 'out', 1010);
    const { callId } = await router.oneCall();
    await page.evaluate(() => window.wsPhone.digits('42'));
    for (const digit of '42') await events.waitFor((e) => e.type === 'dtmf' && e.callId === callId && e.digit === digit, 8000);
    await page.evaluate(() => window.wsPhone.hangup());
    await router.noCalls();
    await page.context().close();
  });

  test(`${kind} and a desk phone call each other, hold and resume`, options, async () => {
    const desk = await phone(router, '102', { hz: 600, codecs: 'PCMA', answer: 'auto' });
    const page = await wsPhone(browser, router, kind, '101');
    try {
      await page.evaluate(() => window.wsPhone.dial('102'));
      await wsEvent(page, 'confirmed');
      await heardIn(page, 'out', 600);
      await toneAt(desk, 1010);
      const from = events.all.length;
      await page.evaluate(() => window.wsPhone.hold());
      await events.waitFor((e) => e.type === 'leg_changed' && e.leg?.deviceId === 'd101' && e.leg.holding, 8000, from);
      await hears(desk, [music]);
      await page.evaluate(() => window.wsPhone.resume());
      await Promise.all([heardIn(page, 'out', 600), hears(desk, [1010])]);
      await page.evaluate(() => window.wsPhone.hangup());
      await router.noCalls();
      await desk.dial('101');
      await wsEvent(page, 'incoming');
      await heardIn(page, 'in', 600);
      await desk.hangup();
      await router.noCalls();
    } finally {
      await stopAll(desk);
      await page.context().close();
    }
  });
}

for (const kind of wsPhoneKinds) {
  test(`${kind} transfers, blind and attended`, options, async () => {
    const [a, b] = await Promise.all([['102', 600], ['103', 2200]].map(([e, hz]) => phone(router, e, { hz, codecs: 'PCMA', answer: 'auto' })));
    const page = await wsPhone(browser, router, kind, '101');
    const together = () => poll(async () => {
      const calls = (await router.api.get('/api/calls')).items;
      return calls.length === 1 && calls[0].legs.map((leg) => leg.deviceId).sort().join() === 'd102,d103' && calls[0];
    }, 8000, 'the two desk phones in one call');
    const each = async () => { // what they hear from now on is the other
      for (const [desk, hz] of [[a, 2200], [b, 600]]) {
        let best = -100;
        const { samples: before } = desk.heard();
        await poll(() => {
          const { samples, rate } = desk.heard();
          best = Math.max(best, samples.length - before.length > rate ? snr(samples.slice(-rate), rate, hz) : best);
          return best > 20;
        }, 8000, `${hz} Hz at the other desk phone`);
      }
    };
    try {
      await page.evaluate(() => window.wsPhone.dial('102'));
      await wsEvent(page, 'confirmed');
      await heardIn(page, 'out', 600);
      await page.evaluate(() => window.wsPhone.refer('103'));
      await together();
      await wsEvent(page, 'ended');
      await each();
      await a.hangup();
      await router.noCalls();

      const from = await page.evaluate(() => window.wsPhone.log.length);
      await page.evaluate(() => window.wsPhone.dial('102', 'first'));
      await wsEvent(page, 'confirmed', from);
      await heardIn(page, 'first', 600);
      await page.evaluate(() => window.wsPhone.hold('first'));
      const second = await page.evaluate(() => window.wsPhone.log.length);
      await page.evaluate(() => window.wsPhone.dial('103', 'second'));
      await wsEvent(page, 'confirmed', second);
      await heardIn(page, 'second', 2200);
      await page.evaluate(() => window.wsPhone.refer('103', 'first', 'second'));
      await together();
      await each();
      await page.waitForFunction((n) => window.wsPhone.log.slice(n).filter((e) => e.event === 'ended').length === 2, second, { polling: 20 });
      await b.hangup();
      await router.noCalls();
    } finally {
      await stopAll(a, b);
      await page.context().close();
    }
  });
}

test('JsSIP and SIP.js call each other', options, async () => {
  const a = await wsPhone(browser, router, 'JsSIP', '101');
  const b = await wsPhone(browser, router, 'SIP.js', '103');
  await a.evaluate(() => window.wsPhone.dial('103'));
  await wsEvent(b, 'incoming');
  await heardIn(a, 'out', 1030);
  await heardIn(b, 'in', 1010);
  await b.evaluate(() => window.wsPhone.hangup());
  await wsEvent(a, 'ended');
  await router.noCalls();
  await Promise.all([a.context().close(), b.context().close()]);
});
