// The live picture: snapshot, events, what happens around a break of the line.
import test from 'node:test';
import assert from 'node:assert/strict';
import { EventStore } from '../src/events.ts';

function ground() {
  const g = {
    sockets: [], timers: [], lists: { calls: [], devices: [], providers: [] }, waiting: [],
    open(query) {
      const socket = { query, sent: [], closed: false, send(text) { this.sent.push(JSON.parse(text)); }, close() { this.closed = true; this.onclose?.(); } };
      g.sockets.push(socket);
      return socket;
    },
    ask(kind) {
      if (!g.isSlow) return Promise.resolve(g.lists[kind]);
      return new Promise((resolve, reject) => g.waiting.push({ kind, resolve, reject }));
    },
    calls: () => g.ask('calls'), devices: () => g.ask('devices'), providers: () => g.ask('providers'),
    after(ms, fn) { const timer = { ms, fn }; g.timers.push(timer); return timer; },
    cancel(timer) { g.timers = g.timers.filter((other) => other !== timer); },
    random: () => 1,
    now: () => Date.parse('2026-11-21T12:00:10.000Z'),
    get last() { return g.sockets[g.sockets.length - 1]; },
    say(event) { g.last.onmessage({ data: JSON.stringify(event) }); },
    fire() { g.timers.shift().fn(); },
    answer() { for (const { kind, resolve } of g.waiting.splice(0)) resolve(g.lists[kind]); },
  };
  return g;
}

const call = (callId, more = {}) => ({ callId, state: 'ringing', legs: [], ...more });
const settle = () => new Promise((done) => { setImmediate(done); });

async function started(g = ground()) {
  const store = new EventStore(g);
  store.start();
  g.last.onopen();
  g.say({ type: 'snapshot', epoch: 'e1', seq: 10, status: { version: '1' } });
  await settle();
  return { g, store };
}

test('a snapshot reads the lists, events keep them', async () => {
  const g = ground();
  g.lists.calls = [call('a')];
  const { store } = await started(g);
  assert.equal(store.link, 'live');
  assert.equal(store.status.version, '1');
  assert.deepEqual([...store.calls.keys()], ['a']);
  g.say({ type: 'call_created', seq: 11, callId: 'b', call: call('b') });
  g.say({ type: 'call_ended', seq: 12, callId: 'a', call: call('a', { state: 'ended' }) });
  g.say({ type: 'device_registered', seq: 13, device: { id: 'd', registered: true } });
  assert.deepEqual([...store.calls.keys()], ['b']);
  assert.equal(store.devices.get('d').registered, true);
});

test('a clock that is wrong here moves no time of the router', async () => {
  for (const [startedAt, ahead] of [['2026-11-21T12:00:00.000Z', 0], ['2026-11-21T11:50:00.000Z', 600000], ['2026-11-21T12:01:00.000Z', -60000]]) {
    const { g, store } = await started();
    g.say({ type: 'snapshot', epoch: 'e2', seq: 1, status: { startedAt, uptimeSec: 10 } });
    assert.ok(Math.abs(store.timeOf(startedAt) - Date.parse(startedAt) - ahead) <= 500, startedAt);
  }
});

test('quality changes one leg and nothing else', async () => {
  const g = ground();
  g.lists.calls = [call('a', { legs: [{ legId: '1', muted: true, quality: { mos: null } }, { legId: '2' }] })];
  const { store } = await started(g);
  g.say({ type: 'quality', seq: 11, callId: 'a', legId: '1', leg: { legId: '1', muted: true, quality: { mos: 4.2 } } });
  assert.equal(store.calls.get('a').legs[0].quality.mos, 4.2);
  assert.deepEqual(store.calls.get('a').legs[1], { legId: '2' });
  g.say({ type: 'quality', seq: 12, callId: 'gone', leg: { legId: '1' } });
  assert.equal(store.calls.has('gone'), false);
});

test('a leg comes, changes and goes; the call around it is told without its legs', async () => {
  const g = ground();
  const head = (more = {}) => ({ callId: 'a', state: 'ringing', media: 'idle', ...more });
  g.lists.calls = [call('a', { legs: [{ legId: '1', state: 'calling' }] })];
  const { store } = await started(g);
  const legs = () => store.calls.get('a').legs.map((leg) => `${leg.legId} ${leg.state}`);
  g.say({ type: 'leg_added', seq: 11, callId: 'a', legId: '2', leg: { legId: '2', state: 'calling' }, call: head() });
  assert.deepEqual(legs(), ['1 calling', '2 calling']);
  g.say({ type: 'leg_changed', seq: 12, callId: 'a', legId: '1', leg: { legId: '1', state: 'ringing' }, call: head({ media: 'mix' }) });
  assert.deepEqual(legs(), ['1 ringing', '2 calling']);
  assert.equal(store.calls.get('a').media, 'mix');
  g.say({ type: 'leg_removed', seq: 13, callId: 'a', legId: '2', leg: { legId: '2', state: 'ended' }, call: head() });
  assert.deepEqual(legs(), ['1 ringing']);
  g.say({ type: 'leg_changed', seq: 14, callId: 'a', call: head({ locked: true }) });
  assert.equal(store.calls.get('a').locked, true);
  assert.deepEqual(legs(), ['1 ringing']);
  g.say({ type: 'leg_added', seq: 15, callId: 'gone', legId: '9', leg: { legId: '9' }, call: head() });
  assert.equal(store.calls.has('gone'), false);
});

test('what happens to a leg while the lists are read is seen', async () => {
  const g = ground();
  g.isSlow = true;
  g.lists.calls = [call('a', { legs: [{ legId: '1', state: 'calling' }] })];
  const { store } = await started(g);
  g.say({ type: 'leg_changed', seq: 11, callId: 'a', legId: '1', leg: { legId: '1', state: 'ringing' }, call: { callId: 'a', state: 'ringing' } });
  g.answer();
  await settle();
  assert.equal(store.calls.get('a').legs[0].state, 'ringing');
});

test('an event that overtakes the list wins over it', async () => {
  const g = ground();
  g.isSlow = true;
  g.lists.calls = [call('ended'), call('new', { state: 'ringing' }), call('old')];
  const { store } = await started(g);
  g.say({ type: 'call_answered', seq: 11, callId: 'new', call: call('new', { state: 'answered' }) });
  g.say({ type: 'call_ended', seq: 12, callId: 'ended' });
  g.say({ type: 'call_created', seq: 13, callId: 'newer', call: call('newer') });
  g.answer();
  await settle();
  assert.deepEqual([...store.calls.keys()].sort(), ['new', 'newer', 'old']);
  assert.equal(store.calls.get('new').state, 'answered');
});

test('after a break it asks for what it missed, and waits longer each time', async () => {
  const { g, store } = await started();
  g.say({ type: 'call_created', seq: 14, callId: 'b', call: call('b') });
  g.last.onclose();
  assert.equal(store.link, 'waiting');
  assert.equal(store.send({ type: 'x' }), false);
  const waits = [];
  for (let i = 0; i < 8; i += 1) {
    waits.push(g.timers[0].ms);
    g.fire();
    assert.match(g.last.query, /since=e1%3A14/);
    g.last.onclose();
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  g.fire();
  g.last.onopen();
  assert.equal(store.link, 'live');
  assert.deepEqual([...store.calls.keys()], ['b']); // replay brings the rest: the lists are not read again
  g.say({ type: 'call_ended', seq: 15, callId: 'b' });
  assert.equal(store.calls.size, 0);
  g.last.onclose();
  assert.equal(g.timers[0].ms, 500);
});

test('another epoch: the snapshot takes the place of everything', async () => {
  const g = ground();
  g.lists.calls = [call('before')];
  const { store } = await started(g);
  g.last.onclose();
  g.fire();
  g.last.onopen();
  g.lists.calls = [call('after')];
  g.say({ type: 'snapshot', epoch: 'e2', seq: 3, status: {} });
  await settle();
  assert.deepEqual([...store.calls.keys()], ['after']);
  g.last.onclose();
  g.fire();
  assert.match(g.last.query, /since=e2%3A3/);
});

test('lists that could not be read are read again after the break', async () => {
  const g = ground();
  g.isSlow = true;
  const { store } = await started(g);
  for (const { reject } of g.waiting.splice(0)) reject(new Error('no'));
  await settle();
  assert.equal(store.isFilled, false);
  assert.equal(store.link, 'waiting');
  g.isSlow = false;
  g.lists.calls = [call('a')];
  g.fire();
  g.last.onopen();
  await settle();
  assert.equal(store.isFilled, true);
  assert.deepEqual([...store.calls.keys()], ['a']);
});

test('lists that fail again and again are asked for ever more rarely', async () => {
  const g = ground();
  g.isSlow = true;
  const { store } = await started(g);
  const waits = [];
  for (let i = 0; i < 4; i += 1) {
    for (const { reject } of g.waiting.splice(0)) reject(new Error('no'));
    await settle();
    waits.push(g.timers[0].ms);
    g.fire();
    g.last.onopen();
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
  g.answer();
  await settle();
  assert.deepEqual([store.isFilled, store.tries], [true, 0]);
});

test('an end forgets everything, and late words of the old socket too', async () => {
  const g = ground();
  g.lists.calls = [call('a')];
  const { store } = await started(g);
  const old = g.last;
  store.stop();
  assert.equal(old.closed, true);
  assert.equal(g.timers.length, 0);
  assert.equal(store.calls.size, 0);
  old.onmessage({ data: JSON.stringify({ type: 'call_created', seq: 20, callId: 'x', call: call('x') }) });
  assert.equal(store.calls.size, 0);
  store.start();
  assert.doesNotMatch(g.last.query, /since/);
});

test('a retry at once cancels the timer', async () => {
  const { g, store } = await started();
  g.last.onclose();
  store.retryNow();
  assert.equal(g.timers.length, 0);
  assert.equal(g.sockets.length, 2);
  store.retryNow();
  assert.equal(g.sockets.length, 2);
});

test('another socket on demand: nothing is missed, nothing waits', async () => {
  const { g, store } = await started();
  const old = g.last;
  store.renew();
  assert.equal(old.closed, true);
  assert.match(g.last.query, /since=e1%3A10/);
  assert.equal(store.link, 'connecting');
  g.last.onopen();
  assert.equal(store.link, 'live');
  assert.equal(g.timers.length, 0);
});
