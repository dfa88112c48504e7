// `siprouter run` from nothing, ports that are taken, and the end.
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { statSync } from 'node:fs';
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
    const refused = await a.call('102');
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
