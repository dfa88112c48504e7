// `siprouter run` from nothing, ports that are taken, and the end.
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { deferred } from './lib/process.js';
import { Router, cli, device, host, missing, poll } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const options = { skip: missing };

test('version says its number', options, async () => {
  const out = await cli(['version']);
  assert.equal(out.code, 0);
  assert.match(out.stdout, /\d+\.\d+\.\d+/);
});

test('a taken port is named and the program stops', options, async () => {
  const router = await Router.make({ devices: [device('101')] });
  const server = net.createServer();
  const listening = deferred();
  server.listen(router.sipPort, host, listening.resolve);
  await listening.promise;
  try {
    const out = await cli(['run', '--config', router.configPath, '--data', router.data], { cwd: router.dir });
    assert.notEqual(out.code, 0);
    assert.match(out.stdout + out.stderr, new RegExp(String(router.sipPort)));
  } finally {
    server.close();
  }
});

test('a first start that fails loses no password: the next one prints them', options, async () => {
  const router = await Router.make({ devices: [device('101')] });
  const page = net.createServer();
  const sip = net.createServer();
  const listens = async (server, port) => new Promise((resolve) => {
    server.once('error', resolve); // somebody else has it: just as good
    server.listen(port, host, resolve);
  });
  try {
    await listens(page, router.webPort);
    const out = await cli(['run', '--config', router.configPath, '--data', router.data], { cwd: router.dir });
    assert.notEqual(out.code, 0);
    assert.match(out.stderr, new RegExp(`${router.webPort} is taken`));
    page.close();
    await router.start();
    await poll(() => /user admin, password \S+/.test(router.log), 5000, "the administrator's password");
    await router.stop();

    await listens(sip, 5060); // where the first configuration of an empty folder listens
    const first = join(router.dir, 'first.json');
    const demo = await cli(['run', '--config', first, '--data', router.data], { cwd: router.dir });
    assert.notEqual(demo.code, 0);
    assert.match(demo.stderr, /is taken/);
    assert.ok(!existsSync(first), 'the phones\' passwords are in a file that nobody was told of');
  } finally {
    page.close();
    sip.close();
    await router.stop();
  }
});

test('the token file is for its owner alone', options, async () => {
  const router = await Router.start({ devices: [device('101')] });
  const path = join(router.data, 'run/api.json');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await router.stop();
});

test('SIGTERM drains: no new call, the live one may finish, then the end', options, async () => {
  const router = await Router.start({ devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })), config: { server: { drainSec: 20 } } });
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    const answered = (async () => b.accept(await b.incoming()))();
    const dialog = await a.call('102');
    await answered;
    router.child.child.kill('SIGTERM');
    await poll(async () => (await fetch(`${router.api.base}/readyz`)).status === 503, 5000, 'not ready while draining');
    const refused = await a.call('102', { once: true });
    assert.equal(refused.answer.status, 503);
    assert.ok(refused.answer.get('retry-after'));
    await a.hangup(dialog);
    await b.hungUp();
    const result = await router.child.ended;
    assert.equal(result.code, 0);
  } finally {
    await stopAll(a, b);
    await router.stop();
  }
});

test('what does not fit this machine is said at start', options, async () => {
  const router = await Router.make({
    devices: ['101', '102', '103', '104', '105'].map((number) => device(number)),
    config: { proxy: { rtpPortRange: { min: 40000, max: 40007 } }, server: { mediaThreads: 64 } },
    inside: ['prlimit', '--nofile=1000:1000'],
  });
  await router.start();
  const isSmall = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8')) < 4194304;
  for (const line of [/event=few_files limit=1000 wanted=1032/, /event=few_ports calls=2 devices=5/, /event=shared_ports range=40000-40007/, /event=many_threads mediaThreads=64/]) await router.child.line(line);
  assert.equal(/event=small_buffers bytes=\d+ wanted=4194304/.test(router.log), isSmall); // it comes before the last of them
  await router.stop();
});

test('bench says what the machine carries', options, async () => {
  const out = await cli(['bench', '--seconds', '16', '--json']);
  assert.equal(out.code, 0, out.stderr);
  const bench = JSON.parse(out.stdout);
  assert.ok(bench.cores >= 1 && bench.processor.length > 0);
  assert.deepEqual(bench.scenarios.map((one) => one.name),
    ['relay', 'g711_g722', 'g711_opus', 'room_g711', 'room_opus']);
  for (const one of bench.scenarios) {
    assert.ok(one.cpuPctEach > 0, JSON.stringify(one));
    assert.ok(one.perCore > 1 && one.perMachine > 0, JSON.stringify(one));
    assert.ok(one.lostPct < 100, JSON.stringify(one)); // phones did hear something
  }
  assert.deepEqual(bench.delays.map((one) => one.name), ['relay', 'mix', 'mix_opus']);
  for (const one of bench.delays) assert.ok(one.bursts > 0 && one.medianMs > 0 && one.latePct >= 0, JSON.stringify(one));
  const wrong = await cli(['bench', '--seconds', '1']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /16 to 3600/);
});
