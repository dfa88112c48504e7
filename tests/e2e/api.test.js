// REST and events: status, calls, replay, idempotency, roles, configuration.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Router, cli, device, host, missing } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { token } from './lib/sip.js';

const options = { skip: missing };
let router;
let api;
before(async () => {
  if (missing) return;
  router = await Router.start({
    devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })),
    config: { features: { '*43': 'echo' }, conferences: [{ id: 'room', extension: '800' }] },
  });
  api = router.api;
});
after(async () => { await router?.stop(); });

function isProblem(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers.get('content-type'), /application\/problem\+json/);
  assert.equal(answer.body.status, status);
  assert.ok(answer.body.type && answer.body.title, answer.text);
}

test('status, health, readiness and metrics answer', options, async () => {
  const status = await api.get('/api/status');
  assert.equal(status.version, (await cli(['version'])).stdout.match(/\d+\.\d+\.\d+\S*/)[0]);
  assert.ok(status.uptimeSec >= 0 && status.uptimeSec < 600);
  assert.ok(Math.abs(Date.parse(status.startedAt) + status.uptimeSec * 1000 - Date.now()) < 5000, status.startedAt);
  assert.equal(status.addresses.lanPort, router.sipPort);
  assert.equal(status.providers.configured, 0);
  assert.equal(status.devices.configured, 2);
  assert.equal(status.calls.live, 0);
  const { min, max } = router.config.proxy.rtpPortRange;
  assert.deepEqual([status.limits.rtpPortMin, status.limits.rtpPortMax], [min, max]);
  assert.equal((await fetch(`${api.base}/healthz`)).status, 200);
  assert.equal((await fetch(`${api.base}/readyz`)).status, 200);
  const metrics = await api.request('GET', '/metrics');
  assert.equal(metrics.status, 200);
  assert.match(metrics.text, /^# TYPE \w+ (gauge|counter)/m);
  assert.equal(status.media.threads.length, status.media.workers);
  for (const name of ['packetsIn', 'packetsOut', 'kernelDrops', 'lateTicks', 'overruns', 'overrunsByHost', 'legsQuiet', 'encodesShared', 'reportsRefused'])
    assert.equal(status.media.threads[0][name], 0, name);
  assert.equal(status.media.threads[0].opusComplexity, 5);
  assert.match(metrics.text, /^siprouter_media_kernel_drops_total\{worker="0"\} 0$/m);
  assert.match(metrics.text, /^siprouter_media_opus_complexity\{worker="0"\} 5$/m);
});

test('without a token nothing is told, and what is unknown is a problem', options, async () => {
  for (const path of ['/api/status', '/api/calls', '/api/config', '/api/history']) {
    isProblem(await api.as('').request('GET', path), 401);
    isProblem(await api.as('wrong').request('GET', path), 401);
  }
  isProblem(await api.request('GET', '/api/nonsense'), 404);
  isProblem(await api.request('POST', '/api/call', '{broken'), 400);
  const wrong = await api.request('POST', '/api/call', { to: 5 });
  assert.ok([400, 422].includes(wrong.status), wrong.text);
});

test('every path that is not built answers 501 of type not-built, also with a key', options, async () => {
  const { paths } = await api.get('/api/openapi.json');
  const asked = [];
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!operation['x-not-built']) continue;
      const full = (path.startsWith('/api') || path.startsWith('/metrics') ? path : `/api${path}`).replace(/\{\w+\}/g, 'x1');
      const verb = method.toUpperCase();
      const answer = await api.request(verb, full, ['GET', 'DELETE'].includes(verb) ? undefined : {});
      isProblem(answer, 501);
      assert.match(answer.body.type, /not-built$/, `${verb} ${full}`);
      asked.push(`${verb} ${path}`);
      isProblem(await api.as('').request(verb, full), 401);
    }
  }
  for (const path of ['voiceboxes', 'recordings', 'record', 'stream']) {
    assert.ok(asked.some((one) => one.endsWith(path)), `${path} in ${asked}`);
  }
});

test('the description of the API is served', options, async () => {
  const openapi = await api.get('/api/openapi.json');
  assert.match(openapi.openapi, /^3\.1/);
  for (const path of ['/api/status', '/api/call', '/api/calls', '/api/config']) {
    assert.ok(openapi.paths[path] || openapi.paths[path.replace('/api', '')], path);
  }
});

test('POST /api/call rings from, then dials to; repeated with its key it is one call', options, async () => {
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    const events = await api.events();
    const key = { 'idempotency-key': token() };
    const first = await api.request('POST', '/api/call', { to: '102', from: 'd101' }, key);
    assert.equal(first.status, 202, first.text);
    const again = await api.request('POST', '/api/call', { to: '102', from: 'd101' }, key);
    assert.equal(again.status, 202);
    assert.equal(again.body.callId, first.body.callId);
    assert.deepEqual(again.body, first.body, 'the first result');
    isProblem(await api.request('POST', '/api/call', { to: '101', from: 'd102' }, key), 422);

    const inviteA = await a.incoming();
    a.ring(inviteA);
    await a.accept(inviteA, { waitAck: false });
    const inviteB = await b.incoming();
    b.ring(inviteB);
    await b.accept(inviteB);
    const answered = await events.waitFor((e) => e.type === 'call_answered' && e.callId === first.body.callId);
    assert.ok(answered.seq > 0 && answered.at);
    const call = await api.get(`/api/calls/${first.body.callId}`);
    assert.equal(call.legs.length, 2);
    for (const leg of call.legs) for (const name of ['legId', 'kind', 'role', 'state', 'codec']) assert.ok(leg[name] !== undefined, name);
    assert.equal((await api.get('/api/calls')).items.length, 1);
    const gone = Promise.all([a.hungUp(), b.hungUp()]);
    const removed = await api.request('DELETE', `/api/calls/${first.body.callId}`);
    assert.ok([200, 202, 204].includes(removed.status), removed.text);
    await gone;
    const ended = await events.waitFor((e) => e.type === 'call_ended' && e.callId === first.body.callId);
    assert.equal(ended.reason, 'api');
    await router.recordOf(first.body.callId);
    const csv = await api.request('GET', '/api/history.csv');
    assert.match(csv.text, /callId|call_id/i);
    const trace = await api.get(`/api/calls/${first.body.callId}/trace`);
    assert.ok(JSON.stringify(trace).includes('INVITE'));
    assert.ok(!JSON.stringify(trace).match(/response=\\?"[0-9a-f]{32}/), 'digest responses are masked');
    const file = join(router.dir, 'call.pcap');
    const saved = await router.cli('trace', first.body.callId, '-o', file);
    assert.equal(saved.code, 0, saved.stderr);
    const pcap = readFileSync(file);
    assert.equal(pcap.readUInt32LE(0), 0xa1b2c3d4);
    assert.equal(pcap.toString('latin1').match(/CSeq: \d+ INVITE/g).length,
      trace.filter((one) => /CSeq: \d+ INVITE/.test(one.message)).length);
    isProblem(await api.request('GET', '/api/calls/nonsense'), 404);
    isProblem(await api.request('GET', '/api/calls/nonsense/trace.pcap'), 404);
  } finally {
    await stopAll(a, b);
  }
});

test('events come in order, and what was missed is replayed, each once', options, async () => {
  const events = await api.events();
  const { epoch, seq } = events.snapshot;
  const a = await ScriptPhone.open(router, '101');
  const seen = await events.waitFor((e) => e.type === 'device_registered' && e.deviceId === 'd101' && e.seq > seq);
  events.close();
  await events.closed;
  await a.stop(); // missed by the one who is away
  const b = await ScriptPhone.open(router, '102');
  await b.stop();

  const late = await api.events(`?since=${epoch}:${seen.seq}`);
  const last = await late.waitFor((e) => e.type === 'device_unregistered' && e.deviceId === 'd102', 3000);
  const told = late.all.slice(0, late.all.indexOf(last) + 1);
  assert.ok(!told.some((e) => e.type === 'snapshot'), 'a replay needs no snapshot');
  assert.deepEqual(told.map((e) => e.seq), told.map((_, i) => seen.seq + 1 + i), 'nothing left out, nothing twice');
  assert.deepEqual(told.map((e) => [e.type, e.deviceId]), [
    ['device_unregistered', 'd101'], ['device_registered', 'd102'], ['device_unregistered', 'd102']]);

  const from = late.all.length; // and then what happens, in the same numbering
  const c = await ScriptPhone.open(router, '101');
  const next = await late.waitFor('device_registered', 3000, from);
  assert.equal(next.seq, last.seq + 1);
  await c.stop();

  const whole = await api.events(`?since=${epoch}:${seq}`); // from before the first
  assert.deepEqual(await whole.waitFor((e) => e.seq === seen.seq, 3000), seen, 'the replayed event is the one that was sent');

  for (const query of ['other:1', `${epoch}:999999999`]) {
    const stale = await api.events(`?since=${query}`);
    await stale.waitFor('snapshot', 3000);
    assert.equal(stale.all[0].type, 'snapshot');
    assert.equal(stale.snapshot.epoch, epoch);
  }
  const filtered = await api.events(`?types=device_unregistered&since=${epoch}:${seq}`);
  await filtered.waitFor((e) => e.deviceId === 'd102', 3000);
  assert.deepEqual([...new Set(filtered.all.map((e) => e.type))], ['device_unregistered']);
  for (const query of ['nonsense', `${epoch}`, ':']) {
    const refused = await api.events(`?since=${query}`).catch((error) => error);
    assert.equal(refused.status, 400, query);
  }
});

test('roles: a reader reads, and changes nothing', options, async () => {
  const made = await api.post('/api/tokens', { name: 'reader', role: 'read' });
  assert.ok(made.token);
  const reader = api.as(made.token);
  for (const path of ['status', 'calls', 'devices', 'history', 'config', 'routes', 'providers', 'contacts', 'tokens', 'users']) {
    assert.equal((await reader.request('GET', `/api/${path}`)).status, 200, path);
  }
  isProblem(await reader.request('DELETE', `/api/tokens/${made.id}`), 403);
  isProblem(await reader.request('POST', '/api/tokens', { name: 'more', role: 'admin' }), 403);
  isProblem(await reader.request('POST', '/api/call', { to: '102', from: 'd101' }), 403);
  isProblem(await reader.request('PATCH', '/api/config', { country: 'DE' }), 403);
  isProblem(await reader.request('POST', '/api/drain'), 403);
  assert.equal((await reader.events()).snapshot.type, 'snapshot');
  reader.close();
  const listed = await api.get('/api/tokens');
  assert.ok(!JSON.stringify(listed).includes(made.token), 'a token is shown once');
  await api.delete(`/api/tokens/${made.id}`);
  isProblem(await reader.request('GET', '/api/calls'), 401);
});

test('roles: a user has its own device and calls; what is not its own is 404', options, async () => {
  const made = await api.post('/api/tokens', { name: 'mine', role: 'user', deviceId: 'd101' });
  const user = api.as(made.token);
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    const own = await user.events();
    assert.deepEqual((await user.get('/api/devices')).items.map((one) => one.id), ['d101']);
    isProblem(await user.request('GET', '/api/config'), 403);
    for (const { legs } of (await user.get('/api/history')).items) assert.ok(legs.some((leg) => leg.deviceId === 'd101'));
    isProblem(await user.request('PATCH', '/api/config', { country: 'DE' }), 403);

    const strange = await api.post('/api/call', { to: '*43', from: 'd102' }); // not of d101
    await b.accept(await b.incoming(), { waitAck: false });
    isProblem(await user.request('GET', `/api/calls/${strange.callId}`), 404);
    isProblem(await user.request('DELETE', `/api/calls/${strange.callId}`), 404);
    assert.deepEqual((await user.get('/api/calls')).items, []);
    await api.delete(`/api/calls/${strange.callId}`);
    await b.hungUp();

    const mine = await user.post('/api/call', { to: '*43', from: 'd101' });
    await a.accept(await a.incoming(), { waitAck: false });
    await own.waitFor((e) => e.type === 'call_answered' && e.callId === mine.callId);
    assert.equal((await user.get(`/api/calls/${mine.callId}`)).callId, mine.callId);
    const over = a.hungUp();
    assert.equal((await user.request('DELETE', `/api/calls/${mine.callId}`)).status, 204);
    await over;
    await own.waitFor((e) => e.type === 'call_ended' && e.callId === mine.callId);
    assert.ok(!own.all.some((e) => e.callId === strange.callId), 'no event of a stranger');
  } finally {
    await stopAll(a, b);
    user.close();
    await api.delete(`/api/tokens/${made.id}`);
  }
});

test('the configuration: masked secrets, ETag, merge patch, refusal with a pointer', options, async () => {
  const read = await api.request('GET', '/api/config');
  assert.equal(read.status, 200);
  assert.ok(!read.text.includes('pw101'), 'secrets are masked');
  assert.match(read.text, /"masked": ?true/);
  const etag = read.headers.get('etag');
  assert.ok(etag);
  const events = await api.events();
  const patched = await api.request('PATCH', '/api/config', { contacts: [{ id: 'mum', name: 'Mum', number: '+4930123456' }] }, { 'if-match': etag });
  assert.ok([200, 204].includes(patched.status), patched.text);
  await events.waitFor('config_changed', 5000, 1);
  isProblem(await api.request('PATCH', '/api/config', { country: 'DE' }, { 'if-match': etag }), 412);
  const wrong = await api.request('PATCH', '/api/config', { proxy: { lanPort: 'many' } });
  assert.ok([400, 422].includes(wrong.status), wrong.text);
  assert.match(JSON.stringify(wrong.body), /\/proxy\/lanPort|proxy\.lanPort/);
  const body = (await api.request('GET', '/api/config')).body;
  const put = await api.request('PUT', '/api/config', body);
  assert.ok([200, 204].includes(put.status), put.text);
  const a = await ScriptPhone.open(router, '101'); // the masked password stayed what it was
  await a.stop();
  const check = await api.request('POST', '/api/config/validate', { devices: [{ id: 'x' }, { id: 'x' }] });
  assert.ok([200, 400, 422].includes(check.status));
  assert.match(check.text, /x/);
});

test('a change that waits for a restart is listed, and the status shows what is in force', options, async () => {
  const port = (await api.request('GET', '/api/status')).body.addresses.lanPort;
  const patched = await api.request('PATCH', '/api/config', { proxy: { lanPort: port + 1 } });
  assert.equal(patched.status, 200, patched.text);
  assert.deepEqual(patched.body.diff.restart, ['/proxy/lanPort']);
  assert.equal((await api.request('GET', '/api/status')).body.addresses.lanPort, port);
  assert.equal((await api.request('PATCH', '/api/config', { proxy: { lanPort: port } })).status, 200);
});

test('the echo extension gives back what is said', options, async () => {
  const a = await ScriptPhone.open(router, '101');
  try {
    const dialog = await a.call('*43');
    assert.equal(dialog.answer.status, 200);
    a.sendTone(1000);
    await a.rtp.until((packets) => packets.length > 150, 6000, 'echo');
    const { dB, level } = await import('./lib/audio.js');
    const sound = a.rtp.sound(a.rtp.packets.length - 30);
    assert.ok(dB(level(sound, 8000, 1000)) > -25);
    assert.deepEqual(a.rtp.faults(), []);
    await a.hangup(dialog);
  } finally {
    await a.stop();
  }
});

test('a route is explained without a call', options, async () => {
  const answer = await api.post('/api/routes/test', { direction: 'internal', number: '102', device: 'd101' });
  assert.match(JSON.stringify(answer.targets), /d102/);
  const none = await api.post('/api/routes/test', { direction: 'internal', number: '555', device: 'd101' });
  assert.equal(none.matched, null);
});

test('the command line asks the running router', options, async () => {
  for (const [args, pattern] of [[['status', '--json'], /version/], [['devices', '--json'], /d101/], [['calls', '--json'], /items|\[/], [['history', '--json'], /items|\[/]]) {
    const out = await router.cli(...args);
    assert.equal(out.code, 0, `${args}: ${out.stderr}`);
    assert.match(out.stdout, pattern);
    JSON.parse(out.stdout);
  }
  assert.deepEqual((await api.get('/api/status')).addresses.phones, [host]);
  const status = await router.cli('status');
  assert.match(status.stdout, new RegExp(`^siprouter [0-9.]+, running, up \\d+ \\w+\n(.*\n)*phones .* server ${host}, port ${router.sipPort}\n`));
  const away = await cli(['status', '--url', `http://${host}:1`], { env: { ...process.env, SIPROUTER_TOKEN: 'x' } });
  assert.equal(away.code, 3);
});
