// The program is killed in the middle of calls and started again.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing, poll } from './lib/router.js';
import { slower } from './lib/process.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

test('after kill -9 registrations are back, records are complete, new calls work', { skip: missing }, async () => {
  const router = await Router.start({ devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })) });
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    // one ended call, one that will be cut
    let answered = (async () => b.accept(await b.incoming()))();
    const first = await a.call('102');
    await answered;
    await a.hangup(first);
    await b.hungUp();
    let from = b.sip.received.length;
    answered = (async () => b.accept(await b.incoming(5000, from)))();
    const cut = await a.call('102');
    await answered;
    assert.equal(cut.answer.status, 200);
    const [live] = (await router.api.get('/api/calls')).items;
    await poll(async () => (await router.api.get('/api/history')).items.length >= 1, 5000, 'record of the first call');

    await router.kill();
    await router.start();
    assert.ok(router.readyMs < 1000 * slower, `ready after ${router.readyMs} ms`);
    const devices = (await router.api.get('/api/devices')).items;
    for (const one of devices) assert.ok(JSON.stringify(one).includes('"registered":true'), JSON.stringify(one));
    assert.equal((await router.api.get('/api/calls')).items.length, 0);
    await poll(async () => (await router.api.get('/api/history')).items.length === 2, 5000, 'a record for every call');
    const history = (await router.api.get('/api/history')).items;
    assert.ok(history.some((record) => record.callId === live.callId), 'the cut call has its record');

    // the registration of before the kill carries a new call
    from = b.sip.received.length;
    answered = (async () => b.accept(await b.incoming(5000, from)))();
    const second = await a.call('102');
    await answered;
    assert.equal(second.answer.status, 200);
    await a.hangup(second);
    await b.hungUp();
  } finally {
    await stopAll(a, b);
    await router.stop();
  }
});
