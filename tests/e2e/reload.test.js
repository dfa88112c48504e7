// Edits of the configuration while a call is up: nothing outside the edited object notices.
import test from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { Router, device, missing } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const EDITS = 100;

/** A repeatable generator, so that a failure can be run again. */
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
}

test(`${EDITS} random edits drop no call and flap no registration`, { skip: missing }, async () => {
  const seed = Number(process.env.SEED || Date.now() % 100000);
  const random = generator(seed);
  const router = await Router.start({ devices: ['101', '102', '103'].map((e) => device(e, { codecs: ['PCMU'] })) });
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    const answered = (async () => b.accept(await b.incoming()))();
    const dialog = await a.call('102');
    await answered;
    a.sendTone(1000);
    await b.rtp.more(10);
    const events = await router.api.events();
    const edits = [
      (c) => { c.devices[2].displayName = `Phone ${random(1000)}`; },
      (c) => { c.contacts = Array.from({ length: random(20) }, (_, i) => ({ id: `c${i}`, name: `C ${i}`, number: `+49301${random(100000)}` })); },
      (c) => { c.groups = random(2) ? [{ id: 'g', displayName: 'G', extension: '200', members: ['d103'] }] : []; },
      (c) => { c.conferences = random(2) ? [{ id: 'room', extension: `8${random(90) + 10}` }] : []; },
      (c) => { c.history = { keepDays: 1 + random(365) }; },
      (c) => { c.devices[2].maxCalls = 1 + random(9); },
      (c) => { c.routing = { routes: random(2) ? [{ id: 'r', match: { direction: 'internal', numberPattern: `9${random(100)}*` }, action: { targets: ['d103'] } }] : [] }; },
    ];
    for (let i = 0; i < EDITS; i += 1) {
      const { body } = await router.api.request('GET', '/api/config');
      edits[random(edits.length)](body);
      const put = await router.api.request('PUT', '/api/config', body);
      assert.ok(put.status === 200 || put.status === 204, `seed ${seed}, edit ${i}: ${put.text}`);
    }
    const bad = events.all.filter((e) => ['call_ended', 'leg_removed', 'device_unregistered'].includes(e.type));
    assert.deepEqual(bad, [], `seed ${seed}`);
    assert.deepEqual(b.rtp.faults(), [], `seed ${seed}`);
    assert.equal((await router.api.get('/api/calls')).items.length, 1);
    await a.hangup(dialog);
    await b.hungUp();
  } finally {
    await stopAll(a, b);
    await router.stop();
  }
});

test('SIGHUP reads the file again; a broken one changes nothing', { skip: missing }, async () => {
  const router = await Router.start({ devices: [device('101')] });
  try {
    const events = await router.api.events();
    router.config.devices.push(device('102'));
    router.writeConfig();
    router.child.child.kill('SIGHUP');
    await events.waitFor('config_changed', 5000, 1);
    const phone = await ScriptPhone.open(router, '102');
    await phone.stop();
    const lines = router.child.lines.length;
    writeFileSync(router.configPath, '{ "proxi": {} }');
    router.child.child.kill('SIGHUP');
    await router.child.line(/proxi/, 5000, lines);
    const still = await ScriptPhone.open(router, '102');
    await still.stop();
    router.writeConfig();
  } finally {
    await router.stop();
  }
});
