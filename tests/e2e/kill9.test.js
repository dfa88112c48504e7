// The program is killed in the middle of calls and started again.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing, poll } from './lib/router.js';
import { busy } from './lib/process.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const CALLS = 20;

/** Killed and started again; within a second, at the third time at the latest: a machine may be busy. */
async function again(router) {
  for (let left = 3; left > 0; left -= 1) {
    await router.kill();
    await router.start();
    if (router.readyMs < 1000 * busy()) return;
  }
  assert.fail(`ready after ${router.readyMs} ms`);
}

const registered = (router, extensions) => Promise.all(extensions.map((extension) => router.device(`d${extension}`, (one) => one.registered)));

test(`kill -9 during ${CALLS} calls: each has its record, registrations are back, ports are clean`, { skip: missing }, async () => {
  const router = await Router.start({ // ports for just these calls: one that stays taken is noticed
    rtpPorts: CALLS * 4 + 8, devices: ['101', '102', '103'].map((e) => device(e, { codecs: ['PCMU'], maxCalls: 0 })),
  });
  const callers = [];
  const [b, c] = await Promise.all(['102', '103'].map((e) => ScriptPhone.open(router, e)));
  const answering = (message) => {
    if (message.method === 'INVITE' && !/;\s*tag=/.test(message.get('to'))) b.sip.reply(message, 200, 'OK', { body: b.offer });
    if (message.method === 'BYE') b.sip.reply(message, 200, 'OK');
  };
  try {
    b.sip.onMessage = answering;
    const caller = await ScriptPhone.open(router, '101');
    callers.push(caller);
    const ended = await caller.call('102'); // ended before the kill: keeps its own reason
    await caller.hangup(ended);
    await poll(async () => (await router.api.get('/api/history')).items.length === 1, 5000, 'record of the ended call');
    const [before] = (await router.api.get('/api/history')).items;

    const inTalk = async () => {
      for (let i = 0; i < CALLS; i += 1) assert.equal((await caller.call('102')).answer.status, 200, `call ${i}`);
      await poll(async () => {
        const { items } = await router.api.get('/api/calls');
        return items.length === CALLS && items.every((call) => call.answeredAt);
      }, 5000, `${CALLS} answered calls`);
      return (await router.api.get('/api/calls')).items.map((call) => call.callId);
    };
    const cut = await inTalk();
    await router.written();
    await again(router);
    await registered(router, ['101', '102', '103']);
    assert.deepEqual((await router.api.get('/api/calls')).items, []);
    await poll(async () => (await router.api.get('/api/history?limit=100')).items.length > CALLS, 5000, 'a record for every call');
    const { items } = await router.api.get('/api/history?limit=100');
    assert.deepEqual(new Set(items.map((record) => record.callId)), new Set([...cut, before.callId]));
    assert.equal(items.length, CALLS + 1, 'one record per call');
    for (const record of items) {
      assert.equal(record.reason, record.callId === before.callId ? 'hangup' : 'router_stopped');
      assert.ok(record.answeredAt && record.endedAt && record.endedAt >= record.answeredAt, JSON.stringify(record));
    }

    // the registrations of before the kill carry as many calls again, on the same ports
    assert.equal((await inTalk()).length, CALLS);
    assert.ok(!c.sip.received.some((m) => m.method === 'INVITE'));
  } finally {
    await stopAll(...callers, b, c);
    await router.stop();
  }
});

test('after kill -9 registrations are back, records are complete, new calls work', { skip: missing }, async () => {
  const router = await Router.start({
    devices: ['101', '102', '103'].map((e) => device(e, { codecs: ['PCMU'] })),
    config: { groups: [{ id: 'rest', extension: '200', members: ['d102', 'd103'], strategy: 'leastRecent' }] },
  });
  const [a, b, c] = await Promise.all(['101', '102', '103'].map((e) => ScriptPhone.open(router, e)));
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
    const live = await router.oneCall((call) => call.answeredAt);
    await poll(async () => (await router.api.get('/api/history')).items.length >= 1, 5000, 'record of the first call');
    await router.written();
    await again(router);
    await registered(router, ['101', '102']);
    assert.equal((await router.api.get('/api/calls')).items.length, 0);
    await poll(async () => (await router.api.get('/api/history')).items.length === 2, 5000, 'a record for every call');
    const history = (await router.api.get('/api/history')).items;
    assert.ok(history.some((record) => record.callId === live.callId), 'the cut call has its record');

    // who answered before the kill has rested less than who did not
    answered = (async () => c.accept(await c.incoming()))();
    const rested = await a.call('200');
    await answered;
    assert.equal(rested.answer.status, 200);
    await a.hangup(rested);
    await c.hungUp();

    // the registration of before the kill carries a new call
    from = b.sip.received.length;
    answered = (async () => b.accept(await b.incoming(5000, from)))();
    const second = await a.call('102');
    await answered;
    assert.equal(second.answer.status, 200);
    await a.hangup(second);
    await b.hungUp();
  } finally {
    await stopAll(a, b, c);
    await router.stop();
  }
});
