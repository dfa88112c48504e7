// A page's sound through a bad network: speech both ways between a page and a desk phone, measured clean and with loss and
// jitter on the page's side.
import test from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Router, cli, device, host, missing, poll } from './lib/router.js';
import { Browser, firstPassword, noBrowser } from './lib/browser.js';
import { Impair } from './lib/impair.js';
import { softPage } from './lib/softphone.js';
import { phone, stopAll } from './lib/phones.js';
import { tempDir } from './lib/process.js';
import { readWav, resample, spectralDistance } from './lib/audio.js';

const WORDS = 'The quick brown fox jumps over the lazy dog. My number is seven three nine.';
const SECONDS = 5;

/** The sentence at 16 kHz, or why there is none. */
async function sentence() {
  const file = join(tempDir('speech'), 'words.wav');
  const said = await cli(['say', WORDS, '-o', file]);
  if (said.code !== 0) return said.stderr;
  const { samples, rate } = readWav(file);
  return resample(samples, rate, 16000);
}

const bytes16 = (samples) => Buffer.from(Int16Array.from(samples, (x) => Math.max(-1, Math.min(1, x)) * 32767).buffer);
const samples16 = (base64) => {
  const bytes = Buffer.from(base64, 'base64');
  return Float64Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i) / 32768);
};
const repeat = (samples, seconds, rate) => Float64Array.from({ length: seconds * rate }, (_, i) => samples[i % samples.length]);

/* By loss: how much further from the words than without it (dB; holes of 20 ms with nothing in them would be 1.8 dB at a fifth),
 * and how much of the sound may be made up, at the page and at the router, in per cent. */
const LIMITS = { 0.05: { worse: 0.7, madeUp: 12 }, 0.1: { worse: 1, madeUp: 15 }, 0.2: { worse: 1.3, madeUp: 20 } };
const losses = process.env.E2E_LONG ? [0.05, 0.1, 0.2] : [0.1];
test(`${losses.map((loss) => loss * 100).join(', ')} % loss with 100 ms jitter: speech stays`, { skip: missing || noBrowser }, async (t) => {
  const words = await sentence();
  if (typeof words === 'string') {
    t.skip(`no speech: ${words}`);
    return;
  }
  const router = await Router.start({ devices: ['101', '102'].map((e) => device(e)) });
  const net = await Impair.start(`${host}:${router.webrtcPort}`, { proto: 'udp', seed: 3 });
  const browser = await Browser.start();
  const desk = await phone(router, '101', { sound: repeat(words, 90, 16000), rate: 16000, codecs: 'G722', answer: 'auto' });
  try {
    const page = await softPage(browser, router, 'admin', firstPassword(router));
    await page.evaluate(async (port) => {
      window.soft.through = port;
      await window.soft.register('d102');
    }, net.port);
    const callId = await page.evaluate(async () => {
      const offered = window.soft.offer('s');
      const id = await window.soft.call('d102', '101');
      await offered;
      await window.soft.wait('webrtc-incoming', { callId: id });
      window.soft.link(id, 's');
      return id;
    });
    await page.evaluate(async ([speech]) => {
      window.soft.speak('s', speech, 16000);
      await window.soft.sound('s');
    }, [bytes16(words).toString('base64')]);
    const leg = async () => (await router.api.get(`/api/calls/${callId}`)).legs.find((one) => one.kind === 'webrtc');
    const inPage = async () => (await page.evaluate(() => window.soft.stats('s'))).find((one) => one.type === 'inbound-rtp');
    const report = () => poll(async () => (await leg()).audio?.mix && leg(), 12000, 'a report');
    /** {toPhone, toPage}: how far what was heard is from what was said, over the same seconds. */
    const measure = async () => {
      const begin = desk.heard();
      const seen = await page.evaluate((s) => window.soft.capture('s', s), SECONDS);
      const { samples, rate } = await desk.hear(begin.samples.length / begin.rate + SECONDS, 15000);
      return {
        toPhone: spectralDistance(words, resample(samples.slice(-SECONDS * rate), rate, 16000)),
        toPage: spectralDistance(words, samples16(seen)),
      };
    };
    const clean = await measure();
    // the same sound backwards: as loud, as many bands, no word of it
    const other = spectralDistance(words, repeat(words, SECONDS, 16000).reverse());
    t.diagnostic(`spectral distance, clean: to the phone ${clean.toPhone.toFixed(1)} dB, to the page ${clean.toPage.toFixed(1)} dB; other words ${other.toFixed(1)} dB`);
    assert.ok(clean.toPhone < other / 2 && clean.toPage < other / 2, `${JSON.stringify(clean)}, other words ${other}`);
    let before = await report();
    for (const loss of losses) {
      await net.order(`set loss=${loss} jitter-ms=100`);
      const atPage = await inPage();
      // the page's report of what it misses has come, and the encoder has heard of it
      await poll(async () => (await leg()).quality.lossPct > 0, 12000, `a report of loss at ${loss}`);
      const { worse, madeUp: most } = LIMITS[loss];
      const isNear = (figures) => figures.toPhone < clean.toPhone + worse && figures.toPage < clean.toPage + worse;
      let now = await measure();
      if (!isNear(now)) now = await measure(); // a busy machine loses some too: what lasts counts
      const after = await poll(async () => { const one = await leg(); return one.audio.mix.concealed > before.audio.mix.concealed && one; }, 8000, `concealment at ${loss}`);
      const repaired = (one) => one.concealedSamples > atPage.concealedSamples && one.fecPacketsReceived > atPage.fecPacketsReceived;
      const inbound = await poll(async () => { const one = await inPage(); return repaired(one) && one; }, 10000, `the page conceals and uses our redundancy at ${loss}`);
      const grown = (name) => inbound[name] - atPage[name];
      const madeUp = {
        page: 100 * grown('concealedSamples') / grown('totalSamplesReceived'),
        router: 100 * (after.audio.mix.concealed - before.audio.mix.concealed)
          / (after.audio.packetsIn + after.audio.lost - before.audio.packetsIn - before.audio.lost),
      };
      t.diagnostic(`${loss * 100} %: to the phone ${now.toPhone.toFixed(1)} dB, to the page ${now.toPage.toFixed(1)} dB; `
        + `router: lost ${after.audio.lost - before.audio.lost}, concealed ${after.audio.mix.concealed - before.audio.mix.concealed}, `
        + `buffer ${after.audio.mix.jitterTargetMs} ms; page: lost ${grown('packetsLost')}, repaired by FEC ${grown('fecPacketsReceived')}, `
        + `made up at the page ${madeUp.page.toFixed(1)} %, at the router ${madeUp.router.toFixed(1)} %`);
      assert.ok(isNear(now), `${JSON.stringify(now)}, clean ${JSON.stringify(clean)}`);
      assert.ok(madeUp.page < most && madeUp.router < most, JSON.stringify(madeUp));
      before = after;
    }
    assert.ok((await net.order('stats')).lost > 20, 'the sound took the bad way');
  } finally {
    await browser.close();
    await stopAll(desk, router, net);
  }
});
