// The softphone of the page in Chromium: echo, calls with baresip both ways, everything in a call, reload, what fails.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, firstPassword, logIn, noBrowser, show, tooWide, violations } from './lib/browser.js';
import { snr, tone, writeWav } from './lib/audio.js';
import { together } from './lib/office.js';
import { phone, stopAll } from './lib/phones.js';
import { join } from 'node:path';
import { PATIENCE_MS, busy, tempDir } from './lib/process.js';
import { Router, device, missing, poll } from './lib/router.js';

const skip = missing || noBrowser;

/** Loudness of the other side as the page's meter shows it, 0 to 1. */
const loudness = (page) => page.evaluate(() => document.querySelector('meter[data-theirs]')?.value ?? 0);
const heard = (page) => poll(async () => (await loudness(page)) > 0.4, PATIENCE_MS, 'sound from the other side');
const silent = (page) => poll(async () => (await loudness(page)) < 0.2, PATIENCE_MS, 'silence from the other side');
const card = (page, who) => page.locator('article.phone-call', { hasText: who });
const talking = (page, who) => card(page, who).getByText('talking', { exact: true }).waitFor();
/** Goes by the key to what has that name, as somebody without a mouse does. */
async function walkTo(page, name, key = 'Shift+Tab') {
  for (let steps = 0; steps < 60; steps += 1) {
    const at = await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.innerText?.trim() ?? '');
    if (at === name) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${name} is not reached by ${key}`);
}

/** No call is left; what tells of the last one is closed. */
async function gone(page) {
  await page.locator('article.phone-call:not(.ended)').first().waitFor({ state: 'detached' });
  await page.locator('article.phone-call').evaluateAll((cards) => { for (const card of cards) card.querySelector('[aria-label=Close]')?.click(); });
  await page.locator('article.phone-call').first().waitFor({ state: 'detached' });
}

test('the softphone', { skip }, async (t) => {
  const router = await Router.start({
    devices: ['101', '102', '103'].map((extension) => device(extension)),
    config: { contacts: [{ id: 'mum', name: 'Mum Miller', number: '101', starred: true }], conferences: [{ id: 'room', extension: '800' }] },
  });
  const url = `http://127.0.0.1:${router.webPort}/`;
  const wav = join(tempDir('microphone'), 'microphone.wav');
  writeWav(wav, tone(1000, 30, 48000), 48000);
  const browser = await Browser.start({ wav });
  const page = await browser.open(url);
  const events = await router.api.events();
  const phones = [];
  try {
    await logIn(page, 'admin', firstPassword(router));
    await show(page, 'phone', 'Phone');
    await page.getByText('ready to call').waitFor();

    await t.test('the check passes all its steps', async () => {
      await page.getByRole('button', { name: 'Check this browser' }).click();
      await poll(async () => (await page.locator('.checks li.passed').count()) === 6
        || ((await page.locator('.checks li.failed').count()) > 0 && Promise.reject(new Error(await page.locator('.checks ol').innerText()))), 15000, 'six steps passed');
      assert.deepEqual(await violations(page), []);
    });

    await t.test('echo in one click', async () => {
      await page.getByRole('button', { name: 'Hear yourself' }).click();
      await talking(page, 'Echo test');
      await heard(page);
      await page.locator('.sound .quality b', { hasText: /excellent|good|fair|poor|bad/ }).waitFor(); // as it is here and now
      assert.deepEqual(await violations(page), []);
      await card(page, 'Echo test').getByRole('button', { name: 'Hang up' }).click();
      await gone(page);
      await router.noCalls();
    });

    await t.test('contacts are found as one types; the call talks, is muted, held, gets digits', async () => {
      phones.push(await phone(router, '101', { hz: 700, codecs: 'PCMU' }));
      await page.getByLabel('Number or name').fill('mil');
      await page.getByRole('button', { name: /Mum Miller/ }).click();
      await talking(page, 'Mum Miller');
      await heard(page);
      const { callId } = await events.waitFor((event) => event.type === 'call_answered' && event.call.to === '101');
      await card(page, 'Mum').getByRole('button', { name: 'Hold' }).click();
      await poll(async () => (await router.api.get(`/api/calls/${callId}`)).legs.some((leg) => leg.held), 5000, 'held');
      await silent(page);
      await card(page, 'Mum').getByRole('button', { name: 'Resume' }).click();
      await heard(page);
      await card(page, 'Mum').getByRole('button', { name: 'Mute' }).click();
      await card(page, 'Mum').getByRole('button', { name: 'Unmute' }).click();
      await card(page, 'Mum').getByRole('button', { name: 'Keypad' }).click();
      await page.keyboard.press('7');
      await events.waitFor((event) => event.type === 'dtmf' && event.digit === '7', 8000);
      await page.locator('.pad-box output').filter({ hasText: /^7$/ }).waitFor();
    });

    await t.test('a reload in the middle of the call: it is back, with sound', async () => {
      await page.getByRole('button', { name: 'Mute' }).click();
      await page.getByRole('button', { name: 'Unmute' }).waitFor();
      const began = Date.now();
      await page.reload();
      await page.locator('article.phone-call').first().waitFor();
      await heard(page);
      await page.getByRole('button', { name: 'Unmute' }).click(); // it stayed muted
      assert.ok(Date.now() - began < 6000 * busy(), `back after ${Date.now() - began} ms`);
      await router.oneCall();
    });

    await t.test('another network: the call comes back on a new socket, with sound, in less than 3 s', async () => {
      const answers = await page.evaluate(() => {
        window.back = { sockets: 0, connections: 0 };
        const { WebSocket: Socket, RTCPeerConnection: Connection } = window;
        window.WebSocket = class extends Socket { constructor(...all) { super(...all); window.back.sockets += 1; } };
        window.RTCPeerConnection = class extends Connection { constructor(...all) { super(...all); window.back.connections += 1; } };
        return window.back;
      });
      assert.deepEqual(answers, { sockets: 0, connections: 0 });
      await page.context().setOffline(true);
      const began = Date.now();
      await page.context().setOffline(false);
      await page.waitForFunction(() => window.back.sockets > 0 && window.back.connections > 0);
      await heard(page);
      t.diagnostic(`sound ${Date.now() - began} ms after the other network`);
      assert.ok(Date.now() - began < 3000 * busy(), `${Date.now() - began} ms`);
      await router.oneCall();
      await talking(page, 'Phone 101');
    });

    await t.test('hung up while the line is down: the call does not come back with the line', async () => {
      const line = { sockets: [], isDown: false };
      const other = await browser.open(url, { before: (one) => one.routeWebSocket(/\/api\/events/, (socket) => {
        if (line.isDown) socket.close();
        else line.sockets.push([socket, socket.connectToServer()]);
      }) });
      await logIn(other, 'admin', firstPassword(router));
      await show(other, 'phone', 'Phone');
      await other.getByText('ready to call').waitFor();
      const from = events.all.length;
      await other.getByRole('button', { name: 'Hear yourself' }).click();
      await talking(other, 'Echo test');
      const { callId } = await events.waitFor((event) => event.type === 'call_answered' && event.call.to === '*43', PATIENCE_MS, from);
      line.isDown = true;
      for (const ends of line.sockets) for (const one of ends) await one.close();
      await other.getByText('Reconnecting').waitFor();
      await card(other, 'Echo test').getByRole('button', { name: 'Hang up' }).click();
      await gone(other);
      line.isDown = false;
      await other.evaluate(() => { dispatchEvent(new Event('online')); });
      await other.getByText('ready to call').waitFor();
      assert.equal((await router.recordOf(callId)).reason, 'hangup'); // and not when its time is over
      assert.equal(await other.locator('article.phone-call').count(), 0);
      await other.context().close();
    });

    await t.test('a copied tab is a phone of its own: the call stays where it is', async () => {
      const kept = await page.evaluate(() => sessionStorage.getItem('phone'));
      const copy = await page.context().newPage();
      await copy.addInitScript((value) => sessionStorage.setItem('phone', value), kept);
      await copy.goto(`${url}#/phone`);
      await copy.getByText('ready to call').waitFor();
      assert.notEqual(await copy.evaluate(() => sessionStorage.getItem('phone')), kept);
      assert.equal(await copy.locator('article.phone-call').count(), 0);
      await copy.close();
      await page.reload();
      await page.locator('article.phone-call').first().waitFor();
      await heard(page);
    });

    await t.test('another view shows the call, and hangs it up', async () => {
      await show(page, 'calls', 'Calls');
      const bar = page.getByRole('complementary', { name: 'Your call' });
      await bar.getByRole('button', { name: 'Mute' }).waitFor();
      assert.deepEqual(await violations(page), []);
      await bar.getByRole('button', { name: 'Hang up' }).click();
      await page.getByText('No call at the moment').waitFor();
      await phones[0].event('CALL_CLOSED');
    });

    await t.test('as a device it rings, on every view; answered, both hear each other; the phone hangs up', async () => {
      await show(page, 'phone', 'Phone');
      await page.getByLabel('This browser rings as').selectOption('d102');
      await page.getByText('rings as 102').waitFor();
      await show(page, 'devices', 'Devices');
      await phones[0].dial('102');
      const bar = page.getByRole('complementary', { name: 'Your call' });
      await bar.getByText('is calling').waitFor();
      assert.deepEqual(await violations(page), []);
      await bar.getByRole('button', { name: 'Answer' }).click();
      await talking(page, 'Phone 101');
      await heard(page);
      await phones[0].hear(1.5);
      await phones[0].hangup();
      await gone(page);
    });

    await t.test('by keyboard alone: mute, hold, digits, hang up; ask first, then connect both; the page is out of it', async () => {
      phones.push(await phone(router, '103', { hz: 400, codecs: 'PCMA' }));
      await page.getByLabel('Number or name').focus();
      await page.keyboard.type('101');
      await page.keyboard.press('Enter');
      await talking(page, 'Phone 101');
      await walkTo(page, 'Mute');
      await page.keyboard.press('Space');
      await walkTo(page, 'Unmute', 'Tab'); // the focus stays where it was
      await page.keyboard.press('Space');
      await walkTo(page, 'Hold', 'Tab');
      await page.keyboard.press('Space');
      await card(page, 'Phone 101').getByText('on hold', { exact: true }).waitFor();
      await walkTo(page, 'Resume', 'Tab');
      await page.keyboard.press('Space');
      await talking(page, 'Phone 101');
      await walkTo(page, 'Keypad', 'Tab');
      await page.keyboard.press('Space');
      await page.keyboard.press('5');
      await events.waitFor((event) => event.type === 'dtmf' && event.digit === '5', 8000);
      await walkTo(page, 'Hang up', 'Tab');
      await page.keyboard.press('Enter');
      await gone(page);
      await page.getByLabel('Number or name').fill('101');
      await page.keyboard.press('Enter');
      await talking(page, 'Phone 101');
      await card(page, 'Phone 101').getByRole('button', { name: 'Transfer' }).focus();
      const typing = card(page, 'Phone 101').locator('input:focus');
      await page.keyboard.press('Enter');
      await typing.waitFor();
      await page.keyboard.press('Escape'); // back at the button
      await card(page, 'Phone 101').locator('button:focus', { hasText: 'Transfer' }).waitFor();
      await page.keyboard.press('Enter');
      await typing.waitFor();
      await page.keyboard.type('103');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await talking(page, 'Phone 103');
      await card(page, 'Phone 101').getByText('on hold', { exact: true }).waitFor();
      assert.deepEqual(await violations(page), []);
      await card(page, 'Phone 103').getByRole('button', { name: 'Connect both' }).focus();
      await page.keyboard.press('Enter');
      await gone(page);
      await poll(async () => {
        const { items } = await router.api.get('/api/calls');
        return items.length === 1 && items[0].legs.filter((leg) => leg.state === 'answered').map((leg) => leg.number).sort().join() === '101,103';
      }, 8000, '101 and 103 together');
      await together(Object.assign(phones[0], { extension: '101', hz: 700 }), Object.assign(phones[1], { extension: '103', hz: 400 })); // nobody is left on hold
      await router.api.delete(`/api/calls/${(await router.oneCall()).callId}`);
      await router.noCalls();
    });

    await t.test('a third party is added by keyboard, and named', async () => {
      await page.getByLabel('Number or name').fill('101');
      await page.keyboard.press('Enter');
      await talking(page, 'Phone 101');
      await card(page, 'Phone 101').getByRole('button', { name: 'Add' }).focus();
      await page.keyboard.press('Enter');
      await card(page, 'Phone 101').locator('input:focus').waitFor();
      await page.keyboard.type('phone 103');
      await page.keyboard.press('Enter');
      await card(page, 'Phone 101').getByText(/With .*Phone 101 \(101\), Phone 103 \(103\)/).waitFor();
      await card(page, 'Phone 101').getByRole('button', { name: 'Hang up' }).click();
      await gone(page);
      const { callId } = await router.oneCall(({ legs }) => legs.length === 2); // the other two go on talking
      await router.api.delete(`/api/calls/${callId}`);
      await router.noCalls();
    });

    await t.test('a conference: alone in it, then into one that is in use, then sent into it by somebody else', async () => {
      const join800 = async () => {
        await page.getByLabel('Number or name').fill('800');
        await page.keyboard.press('Enter');
        await talking(page, '800');
      };
      const leave = async () => {
        await card(page, '800').getByRole('button', { name: 'Hang up' }).click();
        await gone(page);
      };
      await join800();
      await card(page, '800').getByText('Nobody else is here yet.').waitFor();
      await leave();
      await router.noCalls();
      await phones[0].dial('800');
      await router.oneCall((call) => call.state === 'answered', '101 in the room');
      await join800();
      await heard(page);
      await router.oneCall(({ legs }) => legs.map((leg) => leg.number).sort().join() === '101,102', 'both in the room');
      await leave();
      await phones[1].dial('102');
      await page.getByRole('button', { name: 'Answer' }).click();
      await talking(page, 'Phone 103');
      const own = await poll(async () => (await router.api.get('/api/calls')).items.find((call) => call.from === '103' && call.state === 'answered'), PATIENCE_MS, 'the call of 103');
      await router.api.post(`/api/calls/${own.callId}/transfer`, { leg: own.legs.find((leg) => leg.kind === 'webrtc').legId, to: '800', mode: 'blind' });
      await talking(page, 'Phone 101'); // who is there
      await heard(page);
      await card(page, 'Phone 101').getByRole('button', { name: 'Hang up' }).click();
      await gone(page);
      await poll(async () => { // one may end by itself meanwhile
        const { items } = await router.api.get('/api/calls');
        await Promise.all(items.map(({ callId }) => router.api.request('DELETE', `/api/calls/${callId}`)));
        return items.length === 0;
      }, PATIENCE_MS, 'no call left');
    });

    await t.test('a call is announced, and Enter answers it', async () => {
      await page.evaluate(() => document.activeElement.blur());
      await phones[0].dial('102');
      await page.getByRole('alert').filter({ hasText: 'Phone 101 is calling' }).waitFor();
      await page.getByRole('button', { name: 'Answer' }).waitFor();
      await page.keyboard.press('Enter');
      await talking(page, 'Phone 101');
      await phones[0].hangup();
      await gone(page);
    });

    await t.test('a rejected call ends with its reason at the phone, and stands among the recent ones', async () => {
      const from = phones[0].events.length;
      await phones[0].dial('102');
      await page.getByRole('button', { name: 'Reject' }).click();
      await phones[0].event('CALL_CLOSED', 10000, from);
      await gone(page);
      await page.locator('.people').getByText(/called you/).first().waitFor();
    });

    await t.test('an unknown number says why it failed', async () => {
      await page.getByLabel('Number or name').fill('999');
      await page.keyboard.press('Enter');
      await card(page, '999').getByText(/nobody has this number/i).waitFor();
      await gone(page);
    });

    await t.test('in a call nothing is too wide for a phone', async () => {
      await page.setViewportSize({ width: 390, height: 844 });
      await page.getByRole('button', { name: 'Check this browser' }).scrollIntoViewIfNeeded();
      await page.getByRole('button', { name: 'Hear yourself' }).evaluate((button) => button.click()); // from far below
      await talking(page, 'Echo test');
      await page.waitForFunction(() => scrollY === 0); // and the call is seen
      assert.equal(await tooWide(page), 0);
      assert.deepEqual(await violations(page), []);
      await card(page, 'Echo test').getByRole('button', { name: 'Hang up' }).click();
      await gone(page);
    });

    await t.test('the console is clean', () => {
      assert.deepEqual(page.foreign, []);
      assert.deepEqual(page.faults, []);
    });
  } finally {
    await browser.close();
    await stopAll(...phones);
    await router.stop();
  }
});

/** Stops a whole browser for so long, as a machine that sleeps, and lets it go on. */
async function sleepFor(browser, seconds) {
  const ids = await browser.processes();
  for (const id of ids) process.kill(id, 'SIGSTOP');
  const until = Date.now() + seconds * 1000;
  await poll(() => Date.now() >= until, seconds * 2000, 'the morning');
  for (const id of ids) process.kill(id, 'SIGCONT');
  return Date.now();
}

test('the machine of the page sleeps: 20 and 45 s are survived, 100 s end the call with its reason', { skip: skip || (process.env.E2E_LONG ? false : 'takes 3 minutes: E2E_LONG=1') }, async (t) => {
  const router = await Router.start({ devices: ['101', '102'].map((extension) => device(extension)) });
  const wav = join(tempDir('microphone'), 'microphone.wav');
  writeWav(wav, tone(1000, 30, 48000), 48000);
  const browser = await Browser.start({ wav });
  const page = await browser.open(`http://127.0.0.1:${router.webPort}/`);
  const desk = await phone(router, '101', { hz: 700, codecs: 'PCMA', answer: 'auto', seconds: 300 });
  /** The page's tone in the last half second at the phone. */
  const atPhone = () => {
    const { samples, rate } = desk.heardLast(0.5);
    return samples.length >= rate / 2 && snr(samples, rate, 1000) > 10;
  };
  try {
    await logIn(page, 'admin', firstPassword(router));
    await show(page, 'phone', 'Phone');
    await page.getByText('ready to call').waitFor();
    await page.getByLabel('Number or name').fill('101');
    await page.keyboard.press('Enter');
    await talking(page, 'Phone 101');
    await heard(page);
    for (const seconds of [20, 45]) {
      await poll(() => atPhone(), 8000, 'the page at the phone');
      const woke = await sleepFor(browser, seconds);
      await poll(() => atPhone(), 8000, `the page at the phone after ${seconds} s`);
      const back = Date.now() - woke;
      await heard(page);
      t.diagnostic(`asleep for ${seconds} s: heard at the phone ${back} ms, both ways ${Date.now() - woke} ms after waking`);
      assert.ok(back < 3500 * busy(), `${back} ms`); // the half second that is listened to is among it
      await router.oneCall();
      await talking(page, 'Phone 101');
    }
    await sleepFor(browser, 100);
    await page.locator('article.phone-call.ended').getByText(/away for more than 30 seconds/).waitFor();
    await router.noCalls();
    await poll(async () => (await router.api.get('/api/history')).items[0]?.reason === 'unreachable', PATIENCE_MS, 'the record');
    assert.deepEqual(page.faults, []);
  } finally {
    await browser.close();
    await stopAll(desk);
    await router.stop();
  }
});

test('a refused microphone is named, with its cure, and nobody is rung', { skip }, async () => {
  const router = await Router.start({ devices: [device('101')] });
  const browser = await Browser.start({ denyMicrophone: true });
  const page = await browser.open(`http://127.0.0.1:${router.webPort}/`);
  try {
    await logIn(page, 'admin', firstPassword(router));
    await show(page, 'phone', 'Phone');
    await page.getByRole('button', { name: 'Check this browser' }).click();
    await page.locator('.checks li.failed', { hasText: 'Microphone' }).getByText(/allow it/).waitFor();
    await page.locator('.checks li.skipped').nth(3).waitFor();
    await page.getByText('ready to call').waitFor();
    await page.getByRole('button', { name: 'Hear yourself' }).click();
    await page.locator('article.phone-call.ended').getByText(/microphone is not allowed/).waitFor();
    assert.deepEqual((await router.api.get('/api/calls')).items, []);
    assert.deepEqual(await violations(page), []);
  } finally {
    await browser.close();
    await router.stop();
  }
});
