// What keeps a browser from being a phone, one thing at a time: the check names the step that failed and its cure, and what
// stands behind it is not tried.
import test from 'node:test';
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { Browser, firstPassword, noBrowser, show, violations } from './lib/browser.js';
import { Router, device, host, missing, poll } from './lib/router.js';

const skip = missing || noBrowser;

/** An address of this machine that is no loopback: a page from there is not safe. */
const outer = Object.values(networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal)?.address;

/** What the page's offer is answered with, changed on its way. */
const changeAnswer = (from, to) => (page) => page.addInitScript(([pattern, words]) => {
  const { setRemoteDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setRemoteDescription = function changed({ type, sdp }) {
    return setRemoteDescription.call(this, { type, sdp: sdp.replace(new RegExp(pattern, 'gim'), words) });
  };
}, [from.source, to]);

const brokenMicrophone = (name) => (page) => page.addInitScript((fault) => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', fault));
}, name);

/** name, what is done to the page, the step that fails, how many are not tried behind it, the cure. */
const FAULTS = [
  ['a microphone that another program holds', brokenMicrophone('NotReadableError'), 'Microphone', 4, /Close that program/],
  ['a proxy that lets no WebSocket through', (page) => page.routeWebSocket(/\/api\/events/, (socket) => socket.close()),
    'Line to the router', 3, /let WebSockets through at \/api\/events/],
  ['a device that is not there any more', (page) => page.addInitScript(() => localStorage.setItem('device', 'gone')),
    'This browser is a phone', 2, /Choose another/],
  ['a firewall before the port for audio', changeAnswer(/^(a=candidate:.* )(udp|tcp)( \d+ \S+) \d+/, '$1$2$3 9'),
    'Way for the audio', 1, /No packet came through port \d+ .*firewall.*forward/],
  ['keys that do not fit', changeAnswer(/^(a=fingerprint:sha-256 )..:..:../, '$100:11:22'),
    'Encryption of the audio', 0, /The way is there, but the keys were not agreed/],
];

async function enter(page, router) {
  await page.getByLabel('User').fill('admin');
  await page.getByLabel('Password').fill(await firstPassword(router));
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'First steps' }).waitFor();
  await show(page, 'phone', 'Phone');
}

/** Runs the check; the step must fail with the cure, all before it pass. */
async function failsAt(page, step, skipped, cure) {
  await page.getByRole('button', { name: 'Check this browser' }).click();
  const of = async (state) => page.locator(`.checks li.${state}`).count();
  const counts = async () => `${await of('passed')} passed, ${await of('failed')} failed, ${await of('skipped')} skipped`;
  let is;
  await poll(async () => { is = await counts(); return is === `${5 - skipped} passed, 1 failed, ${skipped} skipped`; }, 20000, `${step} fails`)
    .catch((error) => { throw Object.assign(error, { message: `${error.message}; is: ${is}` }); });
  const failed = await page.locator('.checks li.failed').innerText();
  assert.ok(failed.startsWith(step), `${failed}, not ${step}`);
  assert.match(failed, cure);
  if (skipped === 5 || skipped === 1) assert.deepEqual(await violations(page), []); // the others look like these
}

test('the step that fails is named, with its cure', { skip, concurrency: 2 }, async (t) => {
  const router = await Router.start({ devices: [device('101')], config: { server: { webUiBind: '0.0.0.0' } } });
  const browser = await Browser.start();
  const bare = await Browser.start({ noMicrophone: true });
  const url = `http://${host}:${router.webPort}/`;
  try {
    const tests = FAULTS.map(([name, before, step, skipped, cure]) => t.test(name, async () => {
      const page = await browser.open(url, { before });
      await enter(page, router);
      const state = { 'Line to the router': 'no line', 'This browser is a phone': '' }[step] ?? 'ready to call';
      if (state) await page.locator('.heading .pill', { hasText: state }).waitFor();
      else await page.locator('.heading .pill.bad').waitFor();
      await failsAt(page, step, skipped, cure);
      await page.context().close();
    }));
    tests.push(t.test('no microphone at all', async () => {
      const page = await bare.open(url);
      await enter(page, router);
      await failsAt(page, 'Microphone', 4, /No microphone was found. Plug one in/);
    }));
    tests.push(t.test('a page that is not safe, and where the safe one is', { skip: outer ? false : 'this machine has no other address' }, async () => {
      const page = await browser.open(`http://${outer}:${router.webPort}/`);
      await enter(page, router);
      await page.getByText('gives this page no microphone').waitFor();
      await failsAt(page, 'Safe page', 5, /only to safe pages.*https.*trust the router's certificate/);
    }));
    tests.push(t.test('a browser without a choice of speakers says so in words', async () => {
      const page = await browser.open(url, { before: (one) => one.addInitScript(() => {
        delete HTMLMediaElement.prototype.setSinkId;
        delete AudioContext.prototype.setSinkId;
      }) });
      await enter(page, router);
      await page.getByRole('button', { name: 'Sound' }).click();
      await page.getByText('lets no page choose a speaker').waitFor();
      assert.equal(await page.getByLabel('Speaker').count(), 0);
      await page.getByRole('button', { name: 'Test ringer' }).click();
      assert.deepEqual(page.faults, []);
    }));
    tests.push(t.test('where only elements have speakers, it rings through one', async () => {
      const page = await browser.open(url, { before: (one) => one.addInitScript(() => {
        delete AudioContext.prototype.setSinkId;
        window.chosen = [];
        HTMLMediaElement.prototype.setSinkId = function choose(id) { window.chosen.push(id); return Promise.resolve(); };
      }) });
      await enter(page, router);
      await page.getByRole('button', { name: 'Sound' }).click();
      const ringer = page.getByLabel('Ringer');
      await ringer.locator('option').nth(1).waitFor({ state: 'attached' });
      const [id] = await ringer.selectOption({ index: 1 });
      await page.waitForFunction((wanted) => window.chosen.includes(wanted), id);
      assert.deepEqual(page.faults, []);
    }));
    tests.push(t.test('in a call: silent before a click, microphone and speaker unplugged, all with their cure', async () => {
      const page = await browser.open(url, { before: (one) => one.addInitScript(() => {
        const { mediaDevices } = navigator;
        const [open, list, { play }] = [mediaDevices.getUserMedia.bind(mediaDevices), mediaDevices.enumerateDevices.bind(mediaDevices), HTMLMediaElement.prototype];
        const house = { isClicked: false, tracks: [], speakers: [] };
        window.house = house;
        localStorage.setItem('speaker', 'headset');
        mediaDevices.getUserMedia = async (wanted) => {
          if (house.isBare) throw new DOMException('', 'NotFoundError');
          const stream = await open(wanted);
          house.tracks.push(...stream.getAudioTracks());
          return stream;
        };
        mediaDevices.enumerateDevices = async () => [...await list(), ...(house.isBare ? [] : [{ kind: 'audiooutput', deviceId: 'headset', label: 'Headset' }])];
        HTMLMediaElement.prototype.setSinkId = async (id) => { house.speakers.push(id); };
        HTMLMediaElement.prototype.play = function first() {
          return house.isClicked ? play.call(this) : Promise.reject(new DOMException('', 'NotAllowedError'));
        };
        addEventListener('click', () => { house.isClicked = house.mayClick; }, { capture: true });
        house.plug = (isThere) => {
          house.isBare = !isThere;
          const last = house.tracks.at(-1);
          if (!isThere) {
            last.stop(); // a track that is pulled out has ended, and says so
            last.dispatchEvent(new Event('ended'));
          }
          mediaDevices.dispatchEvent(new Event('devicechange'));
        };
      }) });
      await enter(page, router);
      await page.getByRole('button', { name: 'Hear yourself' }).click();
      const card = page.locator('article.phone-call');
      const trouble = (words) => card.locator('.verdict', { hasText: words });
      await card.getByText('talking', { exact: true }).waitFor();
      await trouble('silent until you click').waitFor();
      await page.evaluate(() => { window.house.mayClick = true; });
      await card.getByRole('heading').click();
      await trouble('silent until you click').waitFor({ state: 'detached' });
      const loud = () => page.waitForFunction(() => document.querySelector('meter[data-theirs]')?.value > 0.3);
      await loud();
      await page.evaluate(() => window.house.plug(false));
      await trouble('The microphone is gone').waitFor();
      await trouble('The speaker you chose is gone').waitFor();
      assert.equal(await page.evaluate(() => window.house.speakers.at(-1)), '');
      assert.deepEqual(await violations(page), []);
      await page.evaluate(() => window.house.plug(true));
      await trouble('is gone').first().waitFor({ state: 'detached' });
      await page.waitForFunction(() => window.house.speakers.at(-1) === 'headset');
      await loud();
      assert.deepEqual(page.faults, []);
      await card.getByRole('button', { name: 'Hang up' }).click();
      await page.context().close();
    }));
    await Promise.all(tests);
  } finally {
    await browser.close();
    await bare.close();
    await router.stop();
  }
});
