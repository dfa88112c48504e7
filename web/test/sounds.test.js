// Ringing in a browser that keeps the page silent until a click. The browser's parts are twins.
import test from 'node:test';
import assert from 'node:assert/strict';

let click = null;
let started = 0;
let again = null;
const param = { setValueAtTime() {}, linearRampToValueAtTime() {} };
Object.assign(globalThis, {
  window: { setInterval: (fn) => { again = fn; return 1; } },
  clearInterval() {},
  localStorage: { getItem: () => null },
  HTMLMediaElement: class {},
  AudioContext: class {
    state = 'suspended';
    currentTime = 0;
    waiting = [];
    resume() {
      if (this.state === 'running') return Promise.resolve();
      click = () => { this.state = 'running'; for (const done of this.waiting.splice(0)) done(); };
      return new Promise((done) => { this.waiting.push(done); });
    }
    createOscillator() { return { frequency: {}, connect: (to) => to, start() { started += 1; }, stop() {} }; }
    createGain() { return { gain: param, connect() {} }; }
  },
});
const { isSilenced, startRinging, stopRinging } = await import('../src/sounds.ts');
const settle = () => new Promise((done) => { setImmediate(done); });

test('what could not sound is not made up for: a click lets it ring once, an answer not at all', async () => {
  startRinging();
  for (let round = 0; round < 5; round += 1) again();
  await settle();
  assert.ok(isSilenced());
  assert.equal(started, 0);
  stopRinging(); // the click that answers
  click();
  await settle();
  assert.equal(started, 0);
  startRinging();
  await settle();
  const once = started;
  assert.ok(once > 0);
  again();
  await settle();
  assert.equal(started, 2 * once);
});
