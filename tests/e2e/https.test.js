// HTTPS from the first start: the local CA, reload of certificates, sockets over TLS, slow handshakes.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import WebSocket from 'ws';
import { Router, bin, device, host, missing, poll } from './lib/router.js';
import { WsSip } from './lib/ws_sip.js';
import { Child, deferred, tempDir, within } from './lib/process.js';

const options = { skip: missing };
let router;
let ca;
before(async () => {
  if (missing) return;
  router = await Router.start({ devices: [device('101')], config: { server: { webUiTlsBind: host } } });
  ca = (await router.api.request('GET', '/ca.crt')).text;
});
after(async () => { await router?.stop(); });

/** A request with that CA alone; {status, headers, text, cert}. */
function ask(path, more = {}) {
  const answered = deferred();
  const request = https.request({ host, port: router.webTlsPort, path, ca, agent: false, ...more }, (response) => {
    const cert = response.socket.getPeerX509Certificate();
    let text = '';
    response.on('data', (data) => { text += data; });
    response.on('end', () => answered.resolve({ status: response.statusCode, headers: response.headers, text, cert }));
  });
  request.on('error', answered.reject);
  request.end();
  return within(answered.promise, 5000, `https ${path}`);
}

test('the page, the API and health answer over TLS to whoever trusts the CA', options, async () => {
  assert.equal((await ask('/healthz')).status, 200);
  assert.equal((await ask('/')).status, 200);
  const status = await ask('/api/status', { headers: { authorization: `Bearer ${router.token}` } });
  assert.equal(JSON.parse(status.text).devices.configured, 1);
  assert.equal(status.headers['strict-transport-security'], undefined);
  await assert.rejects(ask('/healthz', { ca: undefined }), /self.signed|unable to/i);
});

test('the CA may sign for this host and for nothing else', options, async () => {
  const { cert } = await ask('/healthz');
  assert.match(cert.subjectAltName, /DNS:localhost/);
  assert.match(cert.subjectAltName, /IP Address:127\.0\.0\.1/);
  const text = spawnSync('openssl', ['x509', '-noout', '-text'], { input: ca, encoding: 'utf8' }).stdout;
  assert.match(text, /Name Constraints: critical/);
  assert.match(text, /IP:127\.0\.0\.1\/255\.255\.255\.255/);
  assert.equal(new X509Certificate(ca).ca, true);
});

test('the trust page shows the fingerprint and offers the certificate', options, async () => {
  const page = await router.api.as('').request('GET', '/trust');
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-type'), /text\/html/);
  assert.ok(page.text.includes(new X509Certificate(ca).fingerprint256));
  assert.match(page.text, /href="\/ca\.crt"/);
  for (const system of ['Windows', 'macOS', 'iPhone', 'Android', 'Linux', 'Firefox']) assert.ok(page.text.includes(system), system);
  const file = await router.api.as('').request('GET', '/ca.crt');
  assert.match(file.headers.get('content-type'), /x-x509-ca-cert/);
  assert.match(file.headers.get('content-disposition'), /siprouter-ca\.crt/);
  assert.ok(!file.text.includes('PRIVATE KEY'));
  assert.equal((await fetch(`${router.api.base}/trust.css`)).status, 200);
});

test('events and SIP run over WSS', options, async () => {
  const snapshot = deferred();
  const socket = new WebSocket(`wss://${host}:${router.webTlsPort}/api/events`,
    { ca, headers: { authorization: `Bearer ${router.token}`, origin: `https://${host}:${router.webTlsPort}` } });
  socket.on('message', (data) => snapshot.resolve(JSON.parse(String(data))));
  socket.on('error', snapshot.reject);
  assert.equal((await within(snapshot.promise, 5000, 'snapshot')).type, 'snapshot');
  socket.terminate();
  const phone = await WsSip.open(`wss://${host}:${router.webTlsPort}/sip`, { ca });
  assert.equal((await phone.register('101', 'pw101')).status, 200);
  await router.device('d101', (one) => one.contacts[0]?.transport === 'WSS');
  phone.close();
});

test('plain HTTP on the TLS port and old TLS are refused', options, async () => {
  const answered = deferred();
  const socket = net.connect(router.webTlsPort, host, () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
  let got = '';
  socket.on('data', (data) => { got += data.toString('latin1'); });
  socket.on('close', () => answered.resolve());
  socket.on('error', () => {});
  await within(answered.promise, 15000, 'close');
  assert.ok(!got.includes('HTTP/1.1 200'));
  const old = deferred();
  const client = tls.connect({ host, port: router.webTlsPort, ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' },
    () => old.resolve('connected'));
  client.on('error', () => old.resolve('refused'));
  assert.equal(await within(old.promise, 5000, 'old TLS'), 'refused');
});

test('200 handshakes that never end are closed in time and hold nobody up', options, async () => {
  let gone = 0;
  const sockets = [];
  for (let i = 0; i < 200; i++) {
    const closed = deferred();
    const socket = net.connect(router.webTlsPort, host);
    socket.on('close', () => { gone += 1; closed.resolve(); });
    socket.on('error', () => {});
    if (i % 2) socket.on('connect', () => socket.write(Buffer.from('160301020001', 'hex'))); // half a hello
    sockets.push(closed.promise);
  }
  assert.equal((await ask('/healthz')).status, 200);
  assert.ok(gone < 200, 'somebody else had to wait until they were gone');
  await within(Promise.all(sockets), 20000, 'all closed');
  assert.equal((await ask('/healthz')).status, 200);
});

function makeCertificate(dir, name) {
  const out = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-keyout', join(dir, `${name}.key`), '-out', join(dir, `${name}.pem`), '-days', '30', '-subj', `/CN=${name}`,
    '-addext', `subjectAltName=IP:${host},DNS:router.example`], { encoding: 'utf8' });
  assert.equal(out.status, 0, out.stderr);
}

const servedBy = async (port = router.webTlsPort) => {
  const done = deferred();
  const client = tls.connect({ host, port, rejectUnauthorized: false },
    () => { done.resolve(client.getPeerX509Certificate().subject); client.destroy(); });
  client.on('error', done.reject);
  return within(done.promise, 5000, 'certificate');
};

test('a configured certificate comes with a reload, and its next file without one', options, async () => {
  makeCertificate(router.dir, 'one');
  makeCertificate(router.dir, 'two');
  copyFileSync(join(router.dir, 'one.pem'), join(router.dir, 'cert.pem'));
  copyFileSync(join(router.dir, 'one.key'), join(router.dir, 'cert.key'));
  const events = await router.api.events();
  router.config.server.tls = { cert: 'cert.pem', key: 'cert.key' };
  router.writeConfig();
  process.kill(router.child.pid, 'SIGHUP');
  await events.waitFor('config_changed');
  await poll(async () => /CN=one/.test(await servedBy()), 5000, 'first certificate');
  await poll(async () => /CN=one/.test(await servedBy(router.tlsPort)), 5000, 'first certificate of SIP');
  copyFileSync(join(router.dir, 'two.key'), join(router.dir, 'cert.key'));
  copyFileSync(join(router.dir, 'two.pem'), join(router.dir, 'cert.pem'));
  await poll(async () => /CN=two/.test(await servedBy()), 15000, 'second certificate');
  await poll(async () => /CN=two/.test(await servedBy(router.tlsPort)), 5000, 'second certificate of SIP');
  const page = await router.api.as('').request('GET', '/trust');
  assert.match(page.text, /administrator configured/);
  assert.equal((await router.api.as('').request('GET', '/ca.crt')).status, 404);
  const pem = readFileSync(join(router.dir, 'cert.pem'), 'utf8');
  router.config.server.allowedOrigins = ['https://router.example'];
  router.writeConfig();
  await router.api.post('/api/reload');
  const named = await ask('/healthz', { ca: pem, headers: { host: 'router.example' } });
  assert.match(named.headers['strict-transport-security'], /max-age=\d+/);
  assert.equal((await ask('/healthz', { ca: pem })).headers['strict-transport-security'], undefined);
});

test('a broken certificate keeps the one in use', options, async () => {
  const before = await servedBy();
  copyFileSync(router.configPath, join(router.dir, 'cert.pem'));
  await poll(() => /event=certificate_refused/.test(router.log), 15000, 'refusal in the log');
  assert.equal(await servedBy(), before);
});

/* In a network of its own, where addresses may change. */
const alone = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status === 0 && spawnSync('curl', ['--version']).status === 0;

test('another address: served there within seconds, by a certificate that names it', { skip: missing || (!alone && 'no right to a network namespace, or no curl') }, async () => {
  const dir = tempDir('moved');
  const child = new Child('unshare', ['-n', 'sh', '-c',
    `ip link set lo up && ip link add lan type veth peer name wall && ip link set wall up && ip addr add 10.77.0.1/24 dev lan && ip link set lan up && exec ${bin} run`], { cwd: dir, name: 'siprouter' });
  const inside = (...command) => spawnSync('nsenter', ['-t', String(child.pid), '-n', ...command], { encoding: 'utf8' });
  const health = (address) => inside('curl', '-s', '-m', '2', '--cacert', join(dir, 'data/tls/ca.pem'), `https://${address}:3443/healthz`).stdout;
  const isServed = (address) => poll(() => health(address) === '{"status":"ok"}', 15000, `HTTPS at ${address}`);
  const leaf = () => new X509Certificate(readFileSync(join(dir, 'data/tls/leaf.pem')));
  try {
    for (const line of [/is running/, /elsewhere +https:\/\/10\.77\.0\.1:3443/, /server 10\.77\.0\.1, port 5060/]) await child.line(line);
    await isServed('10.77.0.1');
    assert.doesNotMatch(leaf().subjectAltName, /10\.77\.0\.2/);
    inside('ip', 'link', 'add', 'docker0', 'type', 'veth', 'peer', 'name', 'veth1');
    inside('ip', 'addr', 'add', '172.18.0.1/16', 'dev', 'docker0');
    inside('ip', 'link', 'set', 'docker0', 'up');
    inside('ip', 'addr', 'add', '10.77.0.2/24', 'dev', 'lan');
    await isServed('10.77.0.2');
    assert.match(leaf().subjectAltName, /IP Address:10\.77\.0\.2/);
    assert.doesNotMatch(leaf().subjectAltName, /172\.18\.0\.1/); // of containers: named would mean to be trusted anew
    inside('ip', 'addr', 'del', '10.77.0.1/24', 'dev', 'lan');
    inside('ip', 'addr', 'add', '10.77.0.2/24', 'dev', 'lan'); // it went with the first one of its net
    await poll(() => !/10\.77\.0\.1/.test(leaf().subjectAltName), 15000, 'a certificate without the old address');
    await isServed('10.77.0.2');
  } finally {
    await child.stop();
  }
});
