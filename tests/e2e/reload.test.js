// Edits of the configuration while calls are up: nothing outside the edited object notices.
import test from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { Router, device, host, missing } from './lib/router.js';
import { Sipp } from './lib/sipp.js';
import { ScriptPhone, csvLine, sippPhone, stopAll } from './lib/phones.js';

const EDITS = Number(process.env.E2E_EDITS || 1000);
const EXTENSIONS = ['101', '102', '103', '104', '105'];

/** A repeatable generator, so that a failure can be run again. */
function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x100000000) * below);
  };
}

/** Every kind of edit; each gives the id of the device it may touch, or nothing. */
function edits(random) {
  const any = (...values) => values[random(values.length)];
  const edited = (change) => (c) => {
    const one = c.devices[random(c.devices.length)];
    change(one);
    return one.id;
  };
  const target = () => any('d101', 'd102', 'd103', 'd104', 'd105');
  return [
    edited((d) => { d.displayName = `Phone ${random(1000)}`; }),
    edited((d) => { d.maxCalls = 20 + random(9); }),
    edited((d) => { d.dtmf = any('auto', 'rfc4733', 'info'); }),
    edited((d) => { d.callerId = `${random(100000)}`; }),
    edited((d) => { d.maxContacts = 2 + random(6); }),
    edited((d) => { d.qualifySec = 20 + random(20); }),
    edited((d) => { d.codecs = any(['PCMU'], ['PCMU', 'PCMA'], ['opus', 'PCMU']); }),
    (c) => { // a device that comes, changes its password, goes
      const at = c.devices.findIndex((d) => d.id === 'guest');
      if (at < 0) c.devices.push(device('777', { id: 'guest' }));
      else if (random(2)) c.devices[at].password = `pw${random(1000)}`;
      else c.devices.splice(at, 1);
      return 'guest';
    },
    (c) => { c.contacts = Array.from({ length: random(20) }, (_, i) => ({ id: `c${i}`, name: `C ${i}`, number: `+49301${random(100000)}` })); },
    (c) => { c.groups = random(2) ? [{ id: 'g', displayName: 'G', extension: '200', members: [target()] }] : []; },
    (c) => { c.conferences = random(2) ? [{ id: 'room', extension: `8${random(90) + 10}` }] : []; },
    (c) => { c.history = { keepDays: 1 + random(365), traceKeepDays: 1 + random(30) }; },
    (c) => { c.security = { ...c.security, maxAuthFailures: 5 + random(50), banSec: 60 + random(600) }; },
    (c) => { c.features = { ...c.features, [`*4${random(3) + 3}`]: 'echo' }; },
    (c) => { c.country = any('', 'DE', 'FR'); },
    (c) => { c.routing = { routes: Array.from({ length: random(5) }, (_, i) => ({ id: `r${i}`, priority: random(200), match: { direction: 'internal', numberPattern: `9${i}${random(100)}*` }, action: { targets: [target()] } })) }; },
  ];
}

/** What the edit did beyond its own object: ended calls, flapped registrations. */
function harm(events, touched) {
  return events.filter((e) => ['device_unregistered', 'device_registered'].includes(e.type) && e.deviceId !== touched);
}

test(`${EDITS} random edits under load drop no call and flap no registration`, { skip: missing }, async () => {
  const seed = Number(process.env.SEED || 20260);
  const random = generator(seed);
  const router = await Router.start({
    rtpPorts: 200, devices: EXTENSIONS.map((e) => device(e, { codecs: ['PCMU'], maxCalls: 50, maxContacts: 5 })),
  });
  const [a, b, c] = await Promise.all(['101', '102', '103'].map((e) => ScriptPhone.open(router, e)));
  const uas = await sippPhone(router, '105', { scenario: 'uas_answer.xml', timeoutSec: 230 });
  let load;
  try {
    const answered = (async () => b.accept(await b.incoming()))();
    const dialog = await a.call('102');
    await answered;
    const { callId } = await router.oneCall();
    a.sendTone(1000);
    await b.rtp.more(10);
    const events = await router.api.events();
    load = await Sipp.start({ // calls that come and go all the while
      scenario: 'uac_auth.xml', remote: `${host}:${router.sipPort}`, service: '105', csv: [csvLine('104')],
      calls: 100000, rate: 10, limit: 20, timeoutSec: 230, args: ['-d', '300'],
    });
    await events.waitFor('call_answered');
    const all = edits(random);
    let etag = '';
    for (let i = 0; i < EDITS; i += 1) {
      const from = events.all.length;
      const read = await router.api.request('GET', '/api/config');
      etag = read.headers.get('etag');
      const touched = all[random(all.length)](read.body);
      const put = await router.api.request('PUT', '/api/config', read.body, { 'if-match': etag });
      assert.equal(put.status, 200, `seed ${seed}, edit ${i}: ${put.text}`);
      assert.deepEqual(harm(events.all.slice(from), touched), [], `seed ${seed}, edit ${i} of ${touched}`);
    }
    load.child.child.kill('SIGUSR1'); // ends its calls, then itself
    const result = await load.result();
    assert.ok(result.successful > EDITS / 50, result.text);
    assert.equal(result.failed, 0, `seed ${seed}: ${result.text}`);
    const reasons = new Set(events.all.filter((e) => e.type === 'call_ended').map((e) => e.reason));
    assert.deepEqual([...reasons], ['hangup'], `seed ${seed}`);
    assert.deepEqual(events.all.filter((e) => e.type === 'call_ended' && e.callId === callId), []);
    assert.deepEqual(b.rtp.faults(), [], `seed ${seed}`);
    for (const one of (await router.api.get('/api/devices')).items) {
      assert.equal(one.registered, ['101', '102', '103', '105'].includes(one.extension), one.extension);
    }
    assert.equal((await router.api.get('/api/calls')).items.filter((one) => one.callId === callId).length, 1);
    await a.hangup(dialog);
    await b.hungUp();
  } finally {
    await load?.stop();
    await uas.stop();
    await stopAll(a, b, c);
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
    // a golden call that would go elsewhere: the old routes stay in force
    router.config.providers = [{ id: 'acme', domain: 'trunk.example', register: false, qualifySec: 0 }];
    router.config.routing = {
      tests: [{ call: { provider: 'acme', to: '+4930100' }, expect: { route: 'main' } }],
      routes: [{ id: 'main', match: { direction: 'inbound', numberPattern: '+4930100' }, action: { targets: ['d101'] } }],
    };
    router.writeConfig();
    const seen = events.all.length;
    router.child.child.kill('SIGHUP');
    await events.waitFor('config_changed', 5000, seen);
    router.config.routing.routes.unshift({ id: 'catcher', priority: 200, match: { direction: 'inbound' }, action: { targets: ['d102'] } });
    router.writeConfig();
    const from = router.child.lines.length;
    router.child.child.kill('SIGHUP');
    await router.child.line(/golden call to \+4930100.*goes to route .*catcher.*not to .*main/, 5000, from);
    const test = await router.api.post('/api/routes/test', { direction: 'inbound', provider: 'acme', number: '+4930100' });
    assert.equal(test.matched, 'main');
    router.config.routing.routes.shift();
    router.writeConfig();
  } finally {
    await router.stop();
  }
});
