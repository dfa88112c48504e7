// The public names, one row each: what a request is answered with, to whom, in which shape. Rows are data: add, never rename.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import { root, within } from './lib/process.js';
import { Router, bin, cli, device, missing } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const options = { skip: missing };
let router;
let api;
let acme; // a provider's socket
const who = {}; // token by role
let heard; // every event there is
before(async () => {
  if (missing) return;
  acme = createSocket('udp4').bind(0, '127.0.0.1');
  await once(acme, 'listening');
  router = await Router.start({
    devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })),
    config: {
      features: { '*43': 'echo', '*97': 'myVoicemail' }, conferences: [{ id: 'room', extension: '800' }], voiceboxes: [{ id: 'main', extension: '300' }], security: { blockedPrefixes: ['0900'] },
      routing: { routes: [{ id: 'out', match: { direction: 'outbound', numberPattern: '0*' }, action: { provider: 'acme' } }] },
      groups: [{ id: 'sales', displayName: 'Sales', extension: '200', members: ['d101'] }],
      providers: [{ id: 'acme', displayName: 'ACME', domain: '127.0.0.1', register: false, qualifySec: 0, outboundProxy: { address: '127.0.0.1', port: acme.address().port } }],
    },
  });
  api = router.api;
  who.admin = router.token;
  heard = await api.events('?types=*');
  for (const role of ['read', 'user']) who[role] = (await api.post('/api/tokens', { name: role, role, ...(role === 'user' ? { deviceId: 'd101' } : {}) })).token;
});
after(async () => {
  await router?.stop();
  acme?.close();
});

/** A request of any bytes. */
async function send(method, path, body, { role = 'admin', ...headers } = {}) {
  const answer = await fetch(api.base + path, {
    method, body,
    headers: { ...(role ? { authorization: `Bearer ${who[role] ?? role}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', headers: answer.headers, text };
}

function checkProblem(answer, status, pointer, what) {
  assert.equal(answer.status, status, `${what}: ${answer.text.slice(0, 300)}`);
  assert.equal(answer.type, 'application/problem+json', what);
  const body = JSON.parse(answer.text);
  assert.equal(body.status, status, what);
  assert.ok(body.title && body.detail, what);
  assert.equal(body.type, status === 501 ? 'not-built' : 'about:blank', what);
  assert.equal(body.pointer, pointer, `${what}: ${answer.text}`);
}

// [method, path, body (text or value), status, pointer]
const refused = [
  // bodies
  ['POST', '/api/call', '', 422, '/to'],
  ['POST', '/api/call', '{}', 422, '/to'],
  ['POST', '/api/call', '[]', 422, ''],
  ['POST', '/api/call', 'null', 422, ''],
  ['POST', '/api/call', '"102"', 422, ''],
  ['POST', '/api/call', '{broken', 400],
  ['POST', '/api/call', '{"to":"102"} more', 400],
  ['POST', '/api/call', '{"to":"102","to":"103"}', 400],
  ['POST', '/api/call', '{"to":"1\\u00002"}', 400],
  ['POST', '/api/call', '{"to":"1\\ud800"}', 400],
  ['POST', '/api/call', Buffer.from('{"to":"\xff\xfe"}', 'latin1'), 400],
  ['POST', '/api/call', '['.repeat(100000), 400],
  ['POST', '/api/call', '{"to":'.repeat(5000), 400],
  ['POST', '/api/call', ' '.repeat(2 << 20), 413],
  ['POST', '/api/call', { to: 5 }, 422, '/to'],
  ['POST', '/api/call', { to: null }, 422, '/to'],
  ['POST', '/api/call', { to: '' }, 422, '/to'],
  ['POST', '/api/call', { to: '1'.repeat(128) }, 422, '/to'],
  ['POST', '/api/call', { to: '1\n2' }, 422, '/to'],
  ['POST', '/api/call', { to: '102', x: 1 }, 422, '/x'],
  ['POST', '/api/call', { to: '102', 'a/b~c': 1 }, 422, '/a~1b~0c'],
  // calls
  ['POST', '/api/call', { to: '102', from: 'ghost' }, 404],
  ['POST', '/api/call', { to: '102', from: 'd101' }, 409], // not registered
  ['POST', '/api/call', { to: '102', providerId: 'ghost' }, 422, '/providerId'],
  ['POST', '/api/call', { to: 'nobody' }, 404],
  ['POST', '/api/call', { to: '*43' }, 422], // who would hear the echo?
  ['POST', '/api/call', { to: '800' }, 422],
  ['POST', '/api/call', { to: '701' }, 422],
  ['POST', '/api/call', { to: '300' }, 501], // a voicemail box
  ['POST', '/api/call', { to: '090012345' }, 403], // the spend guard says no
  ['POST', '/api/call', { to: '999', from: 'd101' }, 404], // before anything rings
  ['POST', '/api/call', { to: '*97' }, 501],
  ['GET', '/api/calls/ghost', undefined, 404],
  ['DELETE', '/api/calls/ghost', undefined, 404],
  ['PATCH', '/api/calls/ghost', { locked: true }, 404],
  ['PATCH', '/api/calls/ghost', {}, 422, '/locked'],
  ['POST', '/api/calls/ghost/legs', { to: '102' }, 404],
  ['DELETE', '/api/calls/ghost/legs/ghost', undefined, 404],
  ['PATCH', '/api/calls/ghost/legs/ghost', { muted: true }, 404],
  ['PATCH', '/api/calls/ghost/legs/ghost', { muted: 'yes' }, 422, '/muted'],
  ['PATCH', '/api/calls/ghost/legs/ghost', { role: 'king' }, 422, '/role'],
  ['POST', '/api/calls/ghost/transfer', { leg: 'ghost', to: '102' }, 404],
  ['POST', '/api/calls/ghost/transfer', { to: '102' }, 422, '/leg'],
  ['POST', '/api/calls/ghost/dtmf', { leg: 'ghost', digits: '1' }, 404],
  ['POST', '/api/calls/ghost/dtmf', { leg: 'ghost', digits: '1', durationMs: 39 }, 422, '/durationMs'],
  ['POST', '/api/calls/ghost/play', { text: 'a' }, 404],
  ['DELETE', '/api/calls/ghost/play', undefined, 404],
  ['GET', '/api/calls/ghost/trace', undefined, 404],
  ['GET', '/api/calls/ghost/trace.pcap', undefined, 404],
  ['GET', `/api/calls/${'a'.repeat(6000)}`, undefined, 404],
  ['GET', '/api/calls/%zz', undefined, 404],
  ['GET', '/api/calls/', undefined, 404],
  // users and tokens
  ['POST', '/api/tokens', { name: 'a' }, 422, '/role'],
  ['POST', '/api/tokens', { name: 'a', role: 'king' }, 422, '/role'],
  ['POST', '/api/tokens', { name: 'a', role: 'read', expires: '2020-01-01T00:00:00Z' }, 422, '/expires'],
  ['POST', '/api/tokens', { name: 'a', role: 'read', expires: 'soon' }, 422, '/expires'],
  ['POST', '/api/tokens', { name: 'a', role: 'user', deviceId: 'ghost' }, 422, '/deviceId'],
  ['DELETE', '/api/tokens/ghost', undefined, 404],
  ['POST', '/api/users', { name: 'b c', role: 'read', password: 'long enough 1' }, 422, '/name'],
  ['POST', '/api/users', { name: 'bob', role: 'read', password: 'short' }, 422, '/password'],
  ['POST', '/api/users', { name: 'bob', role: 'user', password: 'long enough 1', deviceId: 'ghost' }, 422, '/deviceId'],
  ['POST', '/api/users', { name: 'admin', role: 'read', password: 'long enough 1' }, 409],
  ['PATCH', '/api/users/ghost', { role: 'read' }, 404],
  ['PATCH', '/api/users/admin', { role: 'read' }, 409], // the last administrator
  ['DELETE', '/api/users/admin', undefined, 409],
  ['POST', '/api/login', { user: 'admin' }, 422, '/password'],
  ['POST', '/api/login', { user: 'admin', password: 'wrong' }, 401],
  // routes, sounds, configuration
  ['POST', '/api/routes/test', {}, 422, '/number'],
  ['POST', '/api/routes/test', { number: '1', direction: 'sideways' }, 422, '/direction'],
  ['POST', '/api/routes/test', { number: '1', device: 'ghost' }, 404],
  ['POST', '/api/speech', { text: '' }, 422, '/text'],
  ['PATCH', '/api/config', '{broken', 400],
  ['PATCH', '/api/config', { proxy: { lanPrt: 1 } }, 422, '/proxy/lanPrt'],
  ['PATCH', '/api/config', { proxy: { lanPort: 70000 } }, 422, '/proxy/lanPort'],
  ['PATCH', '/api/config', { storage: { url: 'postgresql://u@h/db' } }, 422, '/storage/url'],
  ['PUT', '/api/config', '[]', 422, ''],
  ['POST', '/api/config/validate', '', 400],
  // queries: what cannot be read is refused, never left out
  ...['calls', 'history', 'history.csv', 'devices', 'providers', 'routes', 'contacts', 'tokens', 'users'].flatMap((list) => [
    ['GET', `/api/${list}?limit=0`, undefined, 400],
    ['GET', `/api/${list}?limit=1001`, undefined, 400],
    ['GET', `/api/${list}?limit=x`, undefined, 400],
    ['GET', `/api/${list}?limit=%zz`, undefined, 400],
    ['GET', `/api/${list}?limit=${'0'.repeat(100)}x`, undefined, 400],
    ['GET', `/api/${list}?cursor=x`, undefined, 400],
  ]),
  ['GET', '/api/history?from=yesterday', undefined, 400],
  ['GET', '/api/history?number=%00', undefined, 400],
  ['GET', '/api/history?number=%ff', undefined, 400],
  ['GET', `/api/history?number=${'1'.repeat(2000)}`, undefined, 400],
  // paths and methods
  ['GET', '/api/nothing', undefined, 404],
  ['GET', '/api/status/', undefined, 404],
  ['PUT', '/api/status', {}, 405],
  ['BREW', '/api/status', undefined, 405],
  ['GET', '/api/events', undefined, 426],
  ['GET', '/sip', undefined, 426],
];

for (const [method, path, body, status, pointer] of refused) {
  const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const what = `${method} ${path.slice(0, 60)} ${String(text ?? '').slice(0, 60)}`;
  test(`${what} -> ${status}`, options, async () => checkProblem(await send(method, path, text), status, pointer, what));
}

test('bodies come as JSON, keys have 1 to 256 characters', options, async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'])
    checkProblem(await send('POST', '/api/call', '{"to":"102"}', { 'content-type': type }), 415, undefined, type);
  for (const type of ['application/json; charset=utf-8', 'application/merge-patch+json'])
    checkProblem(await send('POST', '/api/call', '{"to":"nobody"}', { 'content-type': type }), 404, undefined, type);
  for (const key of ['', 'x'.repeat(257)])
    checkProblem(await send('POST', '/api/call', '{"to":"102"}', { 'idempotency-key': key }), 400, undefined, key);
});

test('every list is {items, nextCursor}, page by page, each item once', options, async () => {
  for (let i = 0; i < 3; i++) await api.post('/api/tokens', { name: `t${i}`, role: 'read' });
  for (const list of ['tokens', 'users', 'devices', 'providers', 'routes', 'contacts', 'calls', 'history']) {
    const whole = await api.get(`/api/${list}`);
    assert.deepEqual(Object.keys(whole), ['items', 'nextCursor'], list);
    const paged = [];
    for (let cursor = null; ;) {
      const page = await api.get(`/api/${list}?limit=1${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
      assert.ok(page.items.length <= 1, list);
      paged.push(...page.items);
      cursor = page.nextCursor;
      if (cursor === null) break;
    }
    assert.deepEqual(paged.map((one) => one.id ?? one.name), whole.items.map((one) => one.id ?? one.name), list);
  }
  assert.equal((await send('GET', '/api/history?from=2020-01-01T00:00:00+02:00')).status, 200, 'a plus as people write it');
});

test('HEAD is GET without its body, OPTIONS names the methods', options, async () => {
  const { paths } = await api.get('/api/openapi.json');
  for (const [path, methods] of Object.entries(paths)) {
    if (path.includes('{')) continue;
    const allowed = (await send('OPTIONS', path)).headers.get('allow').split(', ').sort();
    const wanted = Object.keys(methods).map((one) => one.toUpperCase()).concat('OPTIONS', methods.get ? ['HEAD'] : []).sort();
    assert.deepEqual(allowed, wanted, path);
    if (!methods.get || path === '/api/events' || path === '/sip') continue;
    const [head, get] = [await send('HEAD', path), await send('GET', path)];
    assert.deepEqual([head.status, head.type, head.text], [get.status, get.type, ''], path);
  }
});

test('roles hold on every path: the table of the description is what happens', options, async () => {
  const { paths } = await api.get('/api/openapi.json');
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const verb = method.toUpperCase();
      const full = path.replace(/\{\w+\}/g, 'ghost');
      const roles = operation['x-roles'];
      if (path === '/api/drain' || path === '/api/logout') continue; // asked only as who may not
      if (roles.length > 0) checkProblem(await send(verb, full, undefined, { role: '' }), 401, undefined, `${verb} ${path}`);
      for (const role of ['read', 'user']) {
        if (roles.length > 0 && !roles.includes(role)) checkProblem(await send(verb, full, undefined, { role }), 403, undefined, `${role} ${verb} ${path}`);
        else if (verb === 'GET') assert.ok(![401, 403].includes((await send(verb, full, undefined, { role })).status), `${role} ${verb} ${path}`);
      }
      assert.ok(verb !== 'GET' || roles.length === 0 || roles.includes('read'), `read may see ${path}`);
    }
  }
  for (const role of ['read', 'user']) checkProblem(await send('POST', '/api/drain', '', { role }), 403, undefined, 'drain');
});

const callKeys = ['callId', 'direction', 'from', 'fromName', 'to', 'state', 'startedAt', 'answeredAt', 'routeId', 'mode', 'media', 'locked', 'legs'];
const legKeys = ['legId', 'kind', 'role', 'deviceId', 'providerId', 'number', 'name', 'state', 'codec', 'encrypted', 'address', 'muted', 'held', 'holding', 'whisperTo', 'quality', 'verdict'];

function checkCall(call, states) {
  for (const key of callKeys) assert.ok(key in call, `call.${key}`);
  assert.deepEqual(Object.keys(call).filter((key) => !callKeys.includes(key) && key !== 'endedAt'), []);
  assert.deepEqual([call.direction, call.from, call.to, call.mode, call.routeId], ['internal', '101', '102', 'b2bua', null]);
  assert.match(call.startedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  for (const leg of call.legs) {
    for (const key of legKeys) assert.ok(key in leg, `leg.${key}`);
    assert.deepEqual(Object.keys(leg).filter((key) => !legKeys.includes(key) && key !== 'audio'), []);
    assert.deepEqual([leg.kind, leg.role, leg.providerId], ['device', 'participant', null]);
    assert.deepEqual(Object.keys(leg.quality), ['lossPct', 'jitterMs', 'rttMs', 'mos']);
    for (const key of ['muted', 'held', 'holding']) assert.equal(typeof leg[key], 'boolean', key);
  }
  assert.deepEqual([call.state, ...call.legs.map((leg) => leg.state)], states);
}

test('a call and its legs have their fields in every state; its events come in their order', options, async () => {
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    const events = await api.events();
    const quick = await api.events('?types=incoming_call,call_ended');
    const none = await api.events('?types='); // as without
    const calling = a.call('102');
    const invite = await b.incoming();
    b.ring(invite);
    const { callId, call: ringing } = await events.waitFor('call_ringing');
    checkCall(ringing, ['ringing', 'calling', 'ringing']);
    checkCall(await api.get(`/api/calls/${callId}`), ['ringing', 'calling', 'ringing']);
    const path = `/api/calls/${callId}`;
    const leg = ringing.legs[0].legId;
    for (const [method, end, body] of [['PATCH', `/legs/${leg}`, { muted: true }], ['POST', '/legs', { to: '102' }], ['PATCH', '', { locked: true }]])
      checkProblem(await send(method, path + end, JSON.stringify(body)), 409, undefined, end);
    await b.accept(invite);
    await calling;
    const { call: answered } = await events.waitFor('call_answered');
    checkCall(answered, ['answered', 'answered', 'answered']);
    assert.deepEqual(answered.legs.map((one) => one.codec), ['PCMU', 'PCMU']);
    assert.ok(Date.parse(answered.answeredAt) >= Date.parse(answered.startedAt));
    for (const [method, end, body, status, pointer] of [
      ['PATCH', `/legs/${leg}`, { denoise: 'on' }, 501],
      ['PATCH', '/legs/ghost', { muted: true }, 404],
      ['POST', '/dtmf', { leg, digits: 'x' }, 422, '/digits'],
      ['POST', '/dtmf', { leg: 'ghost', digits: '1' }, 404],
      ['POST', '/legs', { to: '999' }, 404],
      ['POST', '/legs', { to: '090012345' }, 403],
      ['POST', '/legs', { to: '800' }, 501],
      ['POST', '/transfer', { leg }, 422, '/to'],
      ['POST', '/transfer', { leg, to: '102', callId }, 422, '/to'],
      ['POST', '/transfer', { leg, to: '102', mode: 'attended' }, 422, '/mode'],
      ['POST', '/transfer', { leg, to: '999' }, 404],
      ['POST', '/transfer', { leg, to: '090012345' }, 403],
      ['POST', '/transfer', { leg, callId: 'ghost' }, 404],
      ['POST', '/play', {}, 422, '/text'],
      ['POST', '/play', { text: 'a', file: 'b' }, 422, '/text'],
      ['POST', '/play', { file: '../config.json' }, 422, '/file'],
      ['POST', '/play', { file: '/etc/passwd' }, 422, '/file'],
      ['POST', '/play', { file: 'a.wav', legs: ['ghost'] }, 404],
      ['POST', '/record', { action: 'start' }, 501],
      ['POST', '/stream', { url: 'ws://127.0.0.1:1', format: 'pcm' }, 501],
      ['DELETE', '/legs/ghost', undefined, 404],
    ]) checkProblem(await send(method, path + end, body && JSON.stringify(body)), status, pointer, `${method} ${end} ${JSON.stringify(body)}`);
    const gone = Promise.all([a.hungUp(), b.hungUp()]);
    assert.equal((await send('DELETE', path)).status, 204);
    await gone;
    const ended = await events.waitFor('call_ended');
    checkCall(ended.call, ['ended', 'ended', 'ended']);
    assert.deepEqual([ended.reason, ended.sipStatus], ['api', null]);
    checkProblem(await send('GET', path), 404, undefined, 'ended');
    const order = ['call_created', 'leg_added', 'incoming_call', 'leg_added', 'call_ringing', 'call_answered', 'leg_removed', 'leg_removed', 'call_ended'];
    const told = events.all.filter((one) => one.callId === callId && order.includes(one.type));
    assert.deepEqual(told.map((one) => one.type), order);
    for (const one of told) assert.ok(one.seq > 0 && Date.parse(one.at) > 0, one.type);
    const incoming = told.find((one) => one.type === 'incoming_call');
    assert.deepEqual([incoming.call.from, incoming.call.to, incoming.call.legs.length], ['101', '102', 1]);
    await Promise.all([quick, none].map((one) => one.waitFor('call_ended'))); // sockets of their own
    assert.deepEqual(quick.all.slice(1).map((one) => one.type), ['incoming_call', 'call_ended']);
    const record = await router.recordOf(callId);
    for (const key of ['callId', 'direction', 'from', 'fromName', 'to', 'startedAt', 'answeredAt', 'endedAt', 'durationSec', 'reason', 'sipStatus', 'routeId', 'mode', 'legs'])
      assert.ok(key in record, `record.${key}`);
    for (const query of ['number=10', 'device=d102', 'result=answered', 'result=api', 'from=2020-01-01', 'to=2999-01-01'])
      assert.ok((await api.get(`/api/history?${query}`)).items.some((one) => one.callId === callId), query);
    for (const query of ['number=999', 'device=ghost', 'provider=acme', 'result=missed', 'from=2999-01-01', 'to=2020-01-01'])
      assert.ok(!(await api.get(`/api/history?${query}`)).items.some((one) => one.callId === callId), query);
    const trace = await api.get(`${path}/trace`);
    for (const key of ['at', 'legId', 'direction', 'transport', 'local', 'remote', 'message']) assert.ok(key in trace[0], `trace.${key}`);
  } finally {
    await stopAll(a, b);
  }
});

test('a call of the API is nobody\'s incoming call', options, async () => {
  const a = await ScriptPhone.open(router, '101');
  try {
    const events = await api.events();
    const { callId } = await api.post('/api/call', { from: 'd101', to: '*43' });
    await a.accept(await a.incoming(), { waitAck: false });
    await events.waitFor((one) => one.type === 'call_answered' && one.callId === callId);
    assert.ok(!events.all.some((one) => one.type === 'incoming_call'));
    const gone = a.hungUp();
    await api.delete(`/api/calls/${callId}`);
    await gone;
  } finally {
    await a.stop();
  }
});

/** The status a socket is refused with, or its first message. */
function knock(query, headers = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${api.base.replace('http', 'ws')}/api/events${query}`, { headers: { authorization: `Bearer ${who.admin}`, ...headers } });
    socket.on('unexpected-response', (request, answer) => { request.destroy(); resolve(answer.statusCode); });
    socket.on('message', (data) => { resolve(JSON.parse(String(data))); socket.terminate(); });
    socket.on('error', reject);
  });
}

test('the event socket says what it cannot read', options, async () => {
  for (const [query, status] of [['?types=nonsense', 400], ['?types=%zz', 400], ['?since=x:y', 400], [`?callId=${'a'.repeat(200)}`, 400]])
    assert.equal(await knock(query), status, query);
  assert.equal(await knock('', { authorization: 'Bearer wrong' }), 401);
  assert.equal(await knock('', { authorization: '' }), 401);
  const snapshot = await knock('?types=recording_started,voicemail_received,speech_recognised'); // later: may be asked for today
  assert.deepEqual(Object.keys(snapshot), ['type', 'epoch', 'seq', 'status']);
  const events = await api.events();
  for (const [message, code, inReplyTo] of [
    ['x', 'bad-message', null], ['[]', 'bad-message', null], ['{"type":5}', 'bad-message', null],
    ['{"type":"nonsense"}', 'unknown-type', 'nonsense'],
    ['{"type":"webrtc-offer"}', 'bad-message', 'webrtc-offer'],
    ['{"type":"webrtc-link","callId":"x","sessionId":"y"}', 'not-registered', 'webrtc-link'],
    ['{"type":"webrtc-register","deviceId":"ghost"}', 'unknown-device', 'webrtc-register'],
  ]) {
    const from = events.all.length;
    events.socket.send(message);
    const error = await events.waitFor('error', 5000, from);
    assert.deepEqual([error.code, error.inReplyTo], [code, inReplyTo], message);
    assert.ok(error.detail, message);
  }
  events.socket.ping();
  await within(new Promise((resolve) => { events.socket.once('pong', resolve); }), 5000, 'pong');
});

test('what waits for a restart is not half in force', options, async () => {
  const { addresses, limits } = await api.get('/api/status');
  const changed = { proxy: { lanPort: addresses.lanPort + 1, webrtcPort: limits.webrtcPort + 1 } };
  const patched = await api.patch('/api/config', changed);
  assert.deepEqual(patched.diff.restart.sort(), ['/proxy/lanPort', '/proxy/webrtcPort']);
  const status = await api.get('/api/status');
  assert.deepEqual([status.addresses.lanPort, status.limits.webrtcPort], [addresses.lanPort, limits.webrtcPort]);
  const asked = within(once(acme, 'message'), 5000, 'INVITE'); // a provider is told the port that is listened on
  await api.post('/api/call', { to: '+4930123456', providerId: 'acme' });
  const [invite, from] = await asked;
  assert.match(String(invite), new RegExp(`^Contact: .*127\\.0\\.0\\.1:${addresses.lanPort}[;>]`, 'm'));
  const copied = String(invite).match(/^(Via|From|To|Call-ID|CSeq): .*$/gm).map((line) => (line.startsWith('To') ? `${line.trim()};tag=x` : line.trim()));
  acme.send(`SIP/2.0 486 Busy Here\r\n${copied.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`, from.port, from.address);
  const again = await api.patch('/api/config', { country: 'DE' }); // it is listed as long as it waits
  assert.deepEqual([again.diff.restart.sort(), again.diff.changes.map((one) => one.pointer)], [['/proxy/lanPort', '/proxy/webrtcPort'], ['/country']]);
  assert.deepEqual((await api.get('/api/status')).restart.sort(), ['/proxy/lanPort', '/proxy/webrtcPort']);
  assert.match((await router.cli('status')).stdout, /^restart +waited for by \/proxy\/lanPort, \/proxy\/webrtcPort$/m);
  const back = await api.patch('/api/config', { country: null, proxy: { lanPort: addresses.lanPort, webrtcPort: limits.webrtcPort } });
  assert.deepEqual([back.diff.restart, (await api.get('/api/status')).restart], [[], []]);
});

test('an edit is guarded by the tag it was made over; a patch is RFC 7396', options, async () => {
  const first = await send('GET', '/api/config');
  const tag = first.headers.get('etag');
  assert.match(tag, /^"[0-9a-f]+"$/);
  const changed = await send('PATCH', '/api/config', '{"country":"DE"}', { 'if-match': tag });
  assert.equal(changed.status, 200);
  assert.deepEqual(Object.keys(JSON.parse(changed.text)), ['generation', 'diff', 'faults']);
  assert.notEqual(changed.headers.get('etag'), tag);
  for (const [method, body] of [['PATCH', '{"country":"FR"}'], ['PUT', first.text]])
    checkProblem(await send(method, '/api/config', body, { 'if-match': tag }), 412, undefined, method);
  const second = await send('GET', '/api/config');
  assert.deepEqual([JSON.parse(second.text).country, second.headers.get('etag')], ['DE', changed.headers.get('etag')]);
  for (const match of ['*', `"0", ${changed.headers.get('etag')}`])
    assert.equal((await send('PATCH', '/api/config', '{}', { 'if-match': match })).status, 200, match);
  const masked = JSON.parse(second.text).devices[0].password;
  assert.deepEqual(masked, { masked: true });
  assert.equal((await send('PUT', '/api/config', first.text)).status, 200); // masked secrets stay, the country goes
  const back = await send('GET', '/api/config');
  assert.deepEqual([back.headers.get('etag'), JSON.parse(back.text).country], [tag, undefined]);
  const phone = await ScriptPhone.open(router, '101'); // its password is what it was
  await phone.stop();
});

test('a create is done once for each key; a token that was withdrawn opens nothing', options, async () => {
  const make = (key, name, role = 'admin') => send('POST', '/api/tokens', JSON.stringify({ name, role: 'read' }), { 'idempotency-key': key, role });
  const [one, again] = [await make('k1', 'once'), await make('k1', 'once')];
  assert.deepEqual([one.status, again.status, again.text], [201, 201, one.text]);
  checkProblem(await make('k1', 'other'), 422, undefined, 'the same key, another body');
  const { items } = await api.get('/api/tokens');
  assert.equal(items.filter((item) => item.name === 'once').length, 1);
  assert.deepEqual(Object.keys(items[0]), ['id', 'name', 'role', 'deviceId', 'createdAt', 'expires']);
  const { id, token } = JSON.parse(one.text);
  assert.equal((await send('GET', '/api/me', undefined, { role: token })).status, 200);
  assert.equal((await send('DELETE', `/api/tokens/${id}`)).status, 204);
  checkProblem(await send('GET', '/api/me', undefined, { role: token }), 401, undefined, 'withdrawn');
  checkProblem(await send('DELETE', `/api/tokens/${id}`), 404, undefined, 'withdrawn twice');
});

test('the data folder is its owner\'s alone, with what the contract names', options, () => {
  const mode = (name) => (statSync(join(router.data, name)).mode & 0o777).toString(8);
  assert.deepEqual(['', 'run', 'prompts'].map(mode), ['700', '700', '700']);
  assert.deepEqual(['siprouter.db', 'run/api.json'].map(mode), ['600', '600']);
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(join(router.data, 'run/api.json'), 'utf8'))), ['url', 'token', 'pid']);
});

test('an edit by hand is not overwritten by one through the API; comments survive both', options, async () => {
  const before = readFileSync(router.configPath, 'utf8');
  const byHand = before.replace('"devices": [', '// by hand\n  "devices": [');
  writeFileSync(router.configPath, byHand);
  for (const [method, body] of [['PATCH', '{"country":"DE"}'], ['PUT', (await send('GET', '/api/config')).text]])
    checkProblem(await send(method, '/api/config', body), 409, undefined, method);
  assert.equal(readFileSync(router.configPath, 'utf8'), byHand);
  assert.equal((await send('POST', '/api/reload', '')).status, 200);
  assert.equal((await send('PATCH', '/api/config', '{"country":"DE"}')).status, 200);
  const text = readFileSync(router.configPath, 'utf8');
  assert.match(text, /\/\/ by hand\n {2}"devices"/);
  assert.match(text, /"country": "DE"/);
  await api.patch('/api/config', { country: null });
});

// [arguments, exit code, what is said]; {api}: with --url and the token, {config}: the router's own file
const commands = [
  ['', 2, /usage/], ['dance', 2, /no such command/], ['--help', 0, /usage: siprouter COMMAND/], ['help', 0, /usage/], ['--version', 0, /^siprouter \d/],
  ['version', 0, /^siprouter \d/], ['version --json', 0, /^{"version":"\d/], ['version --help', 0, /^usage: siprouter version/], ['version x', 2, /too many/],
  ...['run', 'check', 'route', 'call', 'calls', 'hangup', 'devices', 'providers', 'history', 'trace', 'status', 'reload', 'drain', 'passwd', 'say', 'bench']
    .flatMap((name) => [[`${name} --help`, 0, new RegExp(`^usage: siprouter ${name}`)], [`${name} --colour`, 2, /colour|usage/]]),
  ['call', 2, /missing/], ['hangup', 2, /missing/], ['trace', 2, /missing/], ['route', 2, /missing/], ['calls x', 2, /too many/], ['call 1 --from', 2, /missing/],
  ['status --data /nonexistent', 3, /no running router/], ['status --url nonsense', 2, /address/], ['status --url http://127.0.0.1:1', 3, /no answer/],
  ['status {api} --json', 0, /^{"version"/], ['calls {api} --json', 0, /^{"items":\[/], ['devices {api} --json', 0, /"d101"/],
  ['providers {api} --json', 0, /"acme"/], ['history {api} --json --limit 1', 0, /^{"items":\[/], ['history {api} --limit=1', 0, /CALL/],
  ['hangup ghost {api}', 1, /no such live call/], ['trace ghost {api}', 1, /no call/], ['call 102 --from d101 {api}', 1, /not registered/],
  ['call 102 --from ghost {api}', 1, /no device/], ['reload {api} --json', 0, /^{"generation":/], ['history {api} --limit 0', 1, /limit/],
  ['check --config {config}', 0, /: ok/], ['check --config={config} --json', 0, /^\[/], ['check --config /nonexistent', 1, /nonexistent/],
  ['route 102 --config {config} --json', 0, /^{.*}\n$/], ['route 555 --config {config}', 1, /nobody|no route/], ['route 1 --device ghost --config {config}', 1, /no device/],
  ['passwd ghost {api}', 1, /./], ['say', 2, /missing/], ['run --log-level loud', 2, /log level/], ['run --log-format xml', 2, /text or json/], ['run now', 2, /usage/],
];

for (const [line, code, pattern] of commands) {
  test(`siprouter ${line} ends with ${code}`, options, async () => {
    const args = line.replace('{api}', `--url ${api?.base}`).replace('{config}', router?.configPath).split(' ').filter(Boolean);
    const out = await cli(args, { env: { ...process.env, SIPROUTER_TOKEN: who.admin }, input: 'x\n' });
    assert.equal(out.code, code, out.stdout + out.stderr);
    assert.match(code === 0 ? out.stdout : out.stdout + out.stderr, pattern);
    if (line.includes('--json')) JSON.parse(out.stdout);
    if (code !== 0) assert.ok(out.stderr || line.startsWith('check') || line.startsWith('route 555'), 'complaints go to standard error');
  });
}

/** A server that answers what it is told: the command line against what a router says seldom. */
async function against(answer, line) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const out = await cli([...line.split(' '), '--url', `http://127.0.0.1:${server.address().port}`], { env: { ...process.env, SIPROUTER_TOKEN: 'x' } });
  server.closeAllConnections?.();
  server.close();
  return out;
}

test('the command line shows every page of a list, in straight columns, and obeys no name', options, async () => {
  const pages = [['Küche und Büro', 'Hall'], ['x\u009b2Jx\u001b[31m\u202ey', `${'ä'.repeat(60)}`]];
  const answer = (request, response) => {
    const page = Number(new URL(request.url, 'http://x').searchParams.get('cursor') ?? 0);
    const items = pages[page].map((displayName, i) => ({ id: `d${page}${i}`, extension: '1', displayName, registered: false, contactCount: 0, calls: 0 }));
    const body = JSON.stringify({ items, nextCursor: page + 1 < pages.length ? String(page + 1) : null });
    response.setHeader('content-length', Buffer.byteLength(body));
    response.end(body);
  };
  const { stdout, code } = await against(answer, 'devices');
  assert.equal(code, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.deepEqual(lines.slice(1).map((one) => one.split(' ')[0]), ['d00', 'd01', 'd10', 'd11']);
  assert.equal(new Set(lines.slice(1).map((one) => [...one].join('').indexOf(' no '))).size, 1, stdout);
  assert.doesNotMatch(stdout, /[\u0080-\u009f\u001b\u202e\ufffd]/u);
  assert.match(lines[4], /ä\.\.\./, 'what is too long is cut between characters, and says so');
  const whole = JSON.parse((await against(answer, 'devices --json')).stdout);
  assert.deepEqual([whole.items.map((one) => one.displayName), whole.nextCursor], [pages.flat(), null]);
});

test('half an answer is none, and what cannot be written was not said', options, async () => {
  const cut = (request, response) => {
    response.socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"items":[');
  };
  const out = await against(cut, 'calls');
  assert.deepEqual([out.code, /no answer/.test(out.stderr), out.stdout], [3, true, '']);
  const shell = (line) => spawnSync('sh', ['-c', line], { encoding: 'utf8' });
  const full = shell(`${bin} version > /dev/full`);
  assert.deepEqual([full.status, /cannot be written/.test(full.stderr)], [1, true]);
  const piped = shell(`${bin} bench --help | true`);
  assert.deepEqual([piped.status, piped.stderr], [0, '']);
});

test('no line of help is wider than a terminal; commands for the router say how they find it', options, async () => {
  const names = ['run', 'check', 'route', 'call', 'calls', 'hangup', 'devices', 'providers', 'history', 'trace', 'status', 'reload', 'drain', 'passwd', 'say', 'bench', 'version'];
  for (const line of ['--help', ...names.map((name) => `${name} --help`)]) {
    const { stdout } = await cli(line.split(' '));
    assert.deepEqual(stdout.split('\n').filter((one) => one.length > 80), [], line);
    assert.equal(/--url URL[^]*SIPROUTER_TOKEN/.test(stdout), /^(call|calls|hangup|devices|providers|history|trace|status|reload|drain|passwd) /.test(line), line);
  }
});

test('without a token the command line says how to give one', options, async () => {
  const out = await cli(['status', '--url', api.base], { env: { PATH: process.env.PATH } });
  assert.deepEqual([out.code, /SIPROUTER_TOKEN/.test(out.stderr)], [2, true]);
});

test('the voices that check allows are those that speak', options, async () => {
  const path = join(router.dir, 'voice.json');
  for (const voice of ['slt', 'rms', 'kal16', 'emma']) {
    writeFileSync(path, JSON.stringify({ speech: { tts: { voice } } }), { mode: 0o600 });
    const [checked, said] = [await cli(['check', '--config', path]), await cli(['say', 'one', '-o', join(router.dir, 'one.wav'), '--voice', voice])];
    assert.deepEqual([checked.code, said.code], voice === 'emma' ? [1, 1] : [0, 0], voice + said.stderr);
  }
});

test('check says what is not built, and that only; --json is a list of faults', options, async () => {
  const path = join(router.dir, 'later.json');
  writeFileSync(path, `{
  "devices": [ { "id": "a", "extension": "101", "password": "a long password 1", "denoise": "on", "voicemailBox": "main" } ],
  "voiceboxes": [ { "id": "main" } ],
  "ivr": { "menus": [ { "id": "m", "entries": [] } ] },
  "conferences": [ { "id": "c", "extension": "800", "record": "on" } ],
  "routing": { "routes": [ { "id": "r", "match": { "direction": "inbound" }, "action": { "targets": ["a"], "record": "on", "denoise": "auto", "voicemailBox": "main" } } ] },
  "features": { "*43": "echo", "*97": "myVoicemail", "*98": "anyVoicemail" },
  "speech": { "tts": { "engine": "sherpa", "modelDir": "x" }, "asr": { "engine": "auto" } },
  "webhooks": [ { "url": "https://127.0.0.1/hook", "events": ["call_ended"] } ],
}`, { mode: 0o600 });
  const out = await cli(['check', '--config', path, '--json']);
  assert.equal(out.code, 0, out.stdout);
  const faults = JSON.parse(out.stdout);
  for (const fault of faults) assert.deepEqual(Object.keys(fault), ['severity', 'pointer', 'line', 'column', 'message', 'suggestion']);
  assert.deepEqual(faults.filter((one) => /not built/.test(one.message)).map((one) => one.pointer).sort(), [
    '/conferences/0/record', '/devices/0/denoise', '/devices/0/voicemailBox', '/features/*97', '/features/*98', '/ivr',
    '/routing/routes/0/action/denoise', '/routing/routes/0/action/record', '/routing/routes/0/action/voicemailBox',
    '/speech/asr', '/speech/tts/engine', '/speech/tts/modelDir', '/voiceboxes', '/webhooks']);
});

test('every event has the members that the documents name, and no other', options, async () => {
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    const from = heard.all.length;
    const calling = a.call('102');
    await b.accept(await b.incoming());
    const fields = await calling;
    const { callId, call } = await heard.waitFor('call_answered', 5000, from);
    const of = (type) => heard.waitFor((one) => one.type === type && one.callId === callId);
    await api.patch(`/api/calls/${callId}/legs/${call.legs[0].legId}`, { muted: true });
    await of('leg_changed');
    await api.post(`/api/calls/${callId}/play`, { text: 'One.' });
    await of('play_started');
    const info = a.sip.within(fields, 'INFO', { body: 'Signal=5\r\nDuration=160\r\n', type: 'application/dtmf-relay' });
    await a.sip.transact(info, { user: '101', password: 'pw101' });
    assert.equal(info.answer.status, 200);
    await of('dtmf');
    const gone = b.hungUp();
    await a.hangup(fields);
    await gone;
    await of('play_finished');
    await of('call_ended');
  } finally {
    await stopAll(a, b);
  }
  const from = heard.all.length;
  await api.patch('/api/config', { country: 'DE' });
  await api.patch('/api/config', { country: null });
  await heard.waitFor('config_changed', 5000, from);
  const rows = readFileSync(join(root, 'docs/api.md'), 'utf8').match(/\| event \| members \|\n[^]*?\n\n/)[0].split('\n').slice(2).filter(Boolean);
  const members = Object.fromEntries(rows.flatMap((row) => {
    const [, events, names] = row.split('|');
    return [...events.matchAll(/`(\w+)`/g)].map(([, type]) => [type, [...names.matchAll(/`(\w+\??)`/g)].map(([, name]) => name)]);
  }));
  for (const event of heard.all.slice(1)) {
    const may = members[event.type];
    assert.ok(may, `${event.type} is in the documents`);
    const has = Object.keys(event);
    assert.deepEqual(['type', 'seq', 'at', ...may.filter((name) => !name.endsWith('?'))].filter((name) => !has.includes(name)), [], JSON.stringify(event));
    assert.deepEqual(has.filter((name) => !['type', 'seq', 'at'].includes(name) && !may.includes(name) && !may.includes(`${name}?`)), [], JSON.stringify(event));
  }
  const seen = new Set(heard.all.map((one) => one.type));
  const wanted = ['call_created', 'incoming_call', 'call_ringing', 'call_answered', 'call_ended', 'leg_added', 'leg_changed', 'leg_removed', 'dtmf', 'play_started', 'play_finished',
    'device_registered', 'device_unregistered', 'config_changed'];
  assert.deepEqual(wanted.filter((type) => !seen.has(type)), []);
});

test('every word a call can end with is explained', () => {
  const words = [...readFileSync(join(root, 'src/call/reason.h'), 'utf8').matchAll(/^ +X\([A-Z_]+, "([a-z_]+)"/gm)].map((one) => one[1]);
  const rows = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8').split('## Reasons')[1].split('\n').filter((line) => line.startsWith('| `'));
  const explained = rows.map((line) => line.split('|')[1]).join();
  assert.ok(words.length > 20);
  assert.deepEqual(words.filter((word) => !explained.includes(`\`${word}\``)), []);
});
