// What goes wrong around the program: no standard files, a log nobody reads, no file handle left, a full disk, a taken
// port, a folder of somebody else. Each gets a sentence or a count, harms no call, and is over when its cause is.
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { spawnSync } from 'node:child_process';
import { constants, closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Router, bin, cli, device, host, missing, poll } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { Child, root, tempDir } from './lib/process.js';

const options = { skip: missing };
const devices = ['101', '102'].map((extension) => device(extension, { codecs: ['PCMU'] }));
const count = (text, pattern) => (text.match(pattern) || []).length;

/** A whole call between two phones. */
async function talk(a, b) {
  const answered = (async () => b.accept(await b.incoming(5000, b.sip.received.length)))();
  const dialog = await a.call('102');
  assert.equal(dialog.answer.status, 200, dialog.answer.start);
  await answered;
  const over = b.hungUp();
  await a.hangup(dialog);
  await over;
}

test('started without standard input, output and error: nothing of ours gets their place', options, async () => {
  const router = await Router.make({ devices, inside: ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh'] });
  await router.start();
  assert.equal(statSync(join(router.data, 'run/lock')).size, 0); // the greeting is not in there
  for (const fd of [0, 1, 2]) {
    const out = spawnSync('readlink', [`/proc/${router.child.pid}/fd/${fd}`], { encoding: 'utf8' });
    assert.equal(out.stdout.trim(), '/dev/null');
  }
  await router.stop();
});

test('a log that nobody reads stops no call; what was kept is there later', options, async () => {
  const fifo = join(tempDir('log'), 'log');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const end = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const junk = Buffer.alloc(4096, '.');
  try {
    for (;;) writeSync(end, junk); // until it is full
  } catch (error) {
    assert.equal(error.code, 'EAGAIN');
  }
  const password = 'a password of 22 chars';
  const router = await Router.make({
    devices: ['101', '102'].map((extension) => device(extension, { password, codecs: ['PCMU'] })),
    inside: ['sh', '-c', `exec "$@" 2>${fifo}`, 'sh'],
  });
  await router.start();
  const [a, b] = await Promise.all(['101', '102'].map((extension) => ScriptPhone.open(router, extension, { password })));
  try {
    await talk(a, b);
    let text = '';
    await poll(() => {
      try {
        text += junk.toString('utf8', 0, readSync(end, junk));
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
      return /event=started/.test(text);
    }, 5000, 'the log');
  } finally {
    await stopAll(a, b);
    await router.stop();
    closeSync(end);
  }
});

test('no file handle is left: told once, counted, and over when there are some again', options, async () => {
  const router = await Router.make({ devices, inside: ['prlimit', '--nofile=48'] });
  await router.start();
  const sockets = [];
  try {
    for (let i = 0; i < 60; i++) {
      sockets.push(net.connect(router.webPort, host).on('error', () => {}));
      sockets.push(net.connect(router.sipPort, host).on('error', () => {}));
    }
    await router.child.line(/event=accept_failed/);
    const phone = await ScriptPhone.open(router, '101', { register: false });
    sockets.push({ destroy: () => { phone.rtp.close(); phone.sip.close(); } });
    assert.ok((await phone.call('102')).answer.status >= 400, 'SIP is answered'); // it is not asleep
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  const status = await poll(async () => router.api.get('/api/status').catch(() => null), 5000, 'the page is back');
  await poll(async () => (await router.api.get('/api/status')).sip.connections === 0, 5000, 'all closed');
  assert.equal(count(router.log, /event=accept_failed/g), 1, router.log);
  assert.ok(status.web.failedAccepts >= 1 && status.web.failedAccepts < 500, `asked ${status.web.failedAccepts} times`);
  assert.match((await router.cli('status')).stdout, /none was left for a connection/);
  const metrics = await (await fetch(`${router.api.base}/metrics`, { headers: { authorization: `Bearer ${router.token}` } })).text();
  assert.match(metrics, /\nsiprouter_http_accepts_failed_total [1-9]/);
  await router.stop();
});

test('every metric is in the documents, and every metric of the documents is there', options, async () => {
  const router = await Router.start({ devices });
  const text = await (await fetch(`${router.api.base}/metrics`, { headers: { authorization: `Bearer ${router.token}` } })).text();
  const document = readFileSync(join(root, 'docs/monitoring.md'), 'utf8');
  const served = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map((m) => `${m[1]} ${m[2]}`).sort();
  const told = [...document.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map((m) => `${m[1]} ${m[2]}`).sort();
  assert.deepEqual(served, told);
  for (const [name] of document.matchAll(/\bsiprouter_\w+/g)) { // the rules, too
    const base = name.replace(/_(bucket|count|sum)$/, '');
    assert.ok(served.some((one) => one.startsWith(`${name} `) || one.startsWith(`${base} histogram`)), name);
  }
  await router.stop();
});

test('the service manager is told: ready, alive, stopping', options, async () => {
  const path = join(tempDir('notify'), 'socket');
  const listener = new Child('python3', ['-uc', `import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(${JSON.stringify(path)})
print("open")
while True: print(s.recv(4096).decode())`], { name: 'listener' });
  const told = (word) => count(listener.output, new RegExp(`^${word}=1$`, 'gm'));
  await listener.line(/open/);
  const router = await Router.make({ devices, env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '300000' } });
  try {
    await router.start();
    await poll(() => told('READY') === 1 && told('WATCHDOG') >= 3, 5000, 'ready and alive');
    assert.equal(told('STOPPING'), 0);
    await router.stop();
    await poll(() => told('STOPPING') === 1, 5000, 'the end is told');
  } finally {
    await router.stop();
    await listener.stop('SIGKILL');
  }
});

test('the program is built so that a hole in it is hard to use', options, () => {
  const read = (flag) => spawnSync('readelf', ['-W', flag, bin], { encoding: 'utf8' }).stdout;
  assert.match(read('-h'), /Type:\s+DYN/, 'at a place of its own at each start');
  assert.match(read('-d'), /BIND_NOW|Flags:.*NOW/, 'no late binding');
  assert.match(read('-l'), /GNU_RELRO/);
  assert.match(read('-l'), /GNU_STACK.*\bRW\b/, 'no code on the stack');
  assert.match(read('--dyn-syms'), /__stack_chk_fail/);
});

test('who has the port of the page is told, and which key names it', options, async () => {
  const router = await Router.make({ devices });
  const taken = net.createServer();
  await new Promise((resolve) => { taken.listen(router.webPort, host, resolve); });
  try {
    const out = await cli(['run', '--config', router.configPath, '--data', router.data], { cwd: router.dir });
    assert.equal(out.code, 1);
    assert.match(out.stderr, new RegExp(`TCP ${host}:${router.webPort} is taken by .*\\(pid ${process.pid}\\).*server\\.webUiPort`));
  } finally {
    taken.close();
  }
});

test('a certificate that is none: check, start and a running router say so', options, async () => {
  const router = await Router.make({ devices });
  const file = join(router.dir, 'cert.pem');
  writeFileSync(file, 'junk\n');
  router.config.server.tls = { cert: file, key: file };
  router.writeConfig();
  const said = new RegExp(`${file} holds no certificate`);
  const check = await cli(['check', '--config', router.configPath]);
  assert.equal(check.code, 1);
  assert.match(check.stdout, /\/server\/tls\/cert: /);
  assert.match(check.stdout, said);
  const run = await cli(['run', '--config', router.configPath, '--data', router.data]);
  assert.equal(run.code, 1);
  assert.match(run.stderr, said);
});

test('a data folder of somebody else: whose it is', { skip: missing || process.getuid() !== 0 }, async () => {
  const router = await Router.make({ devices });
  assert.equal(spawnSync('sh', ['-c', `chmod 711 ${router.dir} && chmod 644 ${router.configPath} && mkdir -m 700 ${router.data}`]).status, 0);
  const out = await new Promise((resolve) => {
    const child = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', bin,
      'run', '--config', router.configPath, '--data', router.data], { encoding: 'utf8' });
    resolve(child);
  });
  assert.equal(out.status, 1, out.stderr);
  assert.match(out.stderr, new RegExp(`${router.data} belongs to user 0, this is user 65534`));
});

test('a full disk: calls go on, nothing is lost, and a start works', { skip: missing || process.getuid() !== 0 }, async (t) => {
  const router = await Router.make({ devices });
  const ballast = join(router.data, 'ballast');
  mkdirSync(router.data);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', router.data]).status !== 0) {
    t.skip('no mount here');
    return;
  }
  const fill = () => {
    try {
      writeFileSync(ballast, Buffer.alloc(8 << 20, 'x'));
    } catch (error) {
      assert.equal(error.code, 'ENOSPC');
    }
  };
  const parties = [];
  try {
    await router.start();
    const reserve = join(router.data, 'run/reserve'); // made when all else is up
    await poll(() => existsSync(reserve) && statSync(reserve).blocks > 0, 10000, 'the reserve');
    const [a, b] = await Promise.all(['101', '102'].map((extension) => ScriptPhone.open(router, extension)));
    parties.push(a, b);
    fill();
    for (let i = 0; i < 25; i++) await talk(a, b);
    await poll(async () => !(await router.api.get('/api/status')).store.healthy, 5000, 'it is noticed');
    assert.match((await router.cli('status')).stdout, /^store .*disk full/m);
    rmSync(ballast);
    await poll(async () => (await router.api.get('/api/history?limit=1000')).items.length === 25, 10000, 'all records');
    assert.equal((await router.api.get('/api/status')).store.writesLost, 0);
    fill(); // a reboot is the first thing people try
    await router.child.stop('SIGKILL');
    await router.start();
    await router.child.line(/event=disk_full .*reserve/);
    await talk(a, b); // they are still registered
    assert.ok(!existsSync(reserve));
    rmSync(ballast);
    await poll(async () => (await router.api.get('/api/history?limit=1000')).items.length === 26, 10000, 'the new record');
  } finally {
    await stopAll(...parties);
    await router.stop();
    spawnSync('umount', ['-l', router.data]);
  }
});
