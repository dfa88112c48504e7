// Each step that fails is named with its cure, and what stands behind it is not tried.
import test from 'node:test';
import assert from 'node:assert/strict';
import { runChecks } from '../src/checks.ts';

const fine = {
  isSecure: () => true, httpsUrl: () => 'https://192.0.2.2:3443', microphone: async () => 'Headset', isLive: () => true,
  phone: () => ({ state: 'ready', deviceId: 'd101', refusal: '' }),
  session: async (onIce) => { onIce(); return { failed: null, detail: '' }; },
  webrtcPort: () => 3479,
};

async function run(more) {
  const shown = [];
  const steps = await runChecks({ ...fine, ...more }, (list) => shown.push(list.map((step) => step.state).join()));
  assert.equal(shown.at(-1), steps.map((step) => step.state).join()); // what is seen is what is so
  return steps;
}

test('all is well: six steps, each with what was found', async () => {
  const steps = await run({});
  assert.deepEqual(steps.map((step) => step.state), Array(6).fill('passed'));
  assert.equal(steps[1].words, 'Headset');
  assert.match(steps[4].words, /port 3479/);
});

for (const [id, at, more, cure] of [
  ['secure', 0, { isSecure: () => false }, /Open https:\/\/192\.0\.2\.2:3443 instead, and trust/],
  ['microphone', 1, { microphone: async () => { throw new Error('Plug one in.'); } }, /Plug one in/],
  ['socket', 2, { isLive: () => false }, /WebSockets through at \/api\/events/],
  ['phone', 3, { phone: () => ({ state: 'refused', deviceId: '', refusal: 'no such device' }) }, /no such device.*Choose another device/],
  ['ice', 4, { session: async () => ({ failed: 'ice', detail: '' }) }, /port 3479 .*Open it in the firewall.*forward it/],
  ['dtls', 5, { session: async (onIce) => { onIce(); return { failed: 'dtls', detail: '' }; } }, /keys were not agreed.*firewall/],
]) {
  test(`${id} fails: it is named, with the cure`, async () => {
    const steps = await run(more);
    assert.equal(steps[at].id, id);
    assert.equal(steps[at].state, 'failed');
    assert.match(steps[at].words, cure);
    assert.ok(steps.slice(0, at).every((step) => step.state === 'passed'));
    assert.ok(steps.slice(at + 1).every((step) => step.state === 'skipped' && step.words === ''));
  });
}

test('a router that does not answer the offer is not taken for a firewall', async () => {
  const steps = await run({ session: async () => ({ failed: 'answer', detail: 'too many sessions' }) });
  assert.equal(steps[4].state, 'failed');
  assert.match(steps[4].words, /did not answer: too many sessions/);
});
