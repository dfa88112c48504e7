// Passthrough and faxes: what the router does not understand reaches the other end as it was.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing } from './lib/router.js';
import { snr } from './lib/audio.js';
import { phone, stopAll } from './lib/phones.js';

const options = { skip: missing };
let router;

before(async () => {
  if (missing) return;
  const devices = ['101', '102'].map((extension) => device(extension, { codecs: ['PCMU'], srtp: 'off' }));
  router = await Router.start({
    devices,
    config: {
      routing: {
        routes: [
          { id: 'through', match: { direction: 'internal', numberPattern: '555' }, action: { targets: ['d102'], mode: 'passthrough' } },
          { id: 'polite', match: { direction: 'internal', numberPattern: '556' }, action: { targets: ['d102'], announcement: 'Welcome to the house. Somebody will be with you at once.' } },
        ],
      },
    },
  });
});
after(async () => { await router?.stop(); });

async function pair(more) {
  const phones = await Promise.allSettled([phone(router, '101', more), phone(router, '102', more)]);
  const failed = phones.find((result) => result.status === 'rejected');
  if (failed) {
    await stopAll(...phones.map((result) => result.value));
    throw failed.reason;
  }
  return phones.map((result) => result.value);
}

// The devices may speak PCMU in the clear only; these two agree on Opus and on keys the router never uses.
test('two phones speak Opus under SRTP keys of their own through it', options, async () => {
  const [a, b] = await pair({ codecs: 'opus/48000/2', mediaenc: 'srtp-mand' });
  try {
    await a.dial('555');
    await Promise.all([a.event('CALL_ESTABLISHED', 8000), b.event('CALL_ESTABLISHED', 8000)]);
    const [call] = (await router.api.get('/api/calls')).items;
    assert.equal(call.mode, 'passthrough');
    assert.equal(call.media, 'relay');
    await Promise.all([a.hear(2), b.hear(2)]);
    const { legs } = await router.api.get(`/api/calls/${call.callId}`);
    assert.deepEqual(legs.map((leg) => leg.codec), ['opus', 'opus']);
    await a.hangup();
    await b.event('CALL_CLOSED', 5000);
    for (const party of [a, b]) {
      const heard = party.heard();
      const value = snr(heard.samples, heard.rate, 1000);
      assert.ok(value > 25, `SNR ${value.toFixed(1)} dB`);
    }
  } finally {
    await stopAll(a, b);
  }
});
