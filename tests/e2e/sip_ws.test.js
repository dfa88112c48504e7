// SIP over WebSocket (RFC 7118): the door, registration, messages both ways, bounds.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { WsSip } from './lib/ws_sip.js';
import { deferred, within } from './lib/process.js';

const options = { skip: missing };
let router;
let url;
before(async () => {
  if (missing) return;
  router = await Router.start({
    devices: ['101', '102', '103'].map((e) => device(e)),
    config: { server: { allowedOrigins: ['https://crm.example'] }, features: { '*43': 'echo' } },
  });
  url = `ws://${host}:${router.webPort}`;
});
after(async () => { await router?.stop(); });

/** The contacts of a device, once there are so many. */
const contactsOf = async (id, count) => (await router.device(id, ({ contacts }) => contacts.length === count)).contacts;

test('only /sip, only with the subprotocol, only from our own pages', options, async () => {
  const refused = async (path, more, status) => assert.rejects(WsSip.open(url + path, more), { status });
  await refused('/sip', { protocol: '' }, 400);
  await refused('/sip', { protocol: 'mqtt' }, 400);
  await refused('/sip', { headers: { origin: 'https://evil.example' } }, 403);
  await refused('/sip', { headers: { origin: `https://${host}:${router.webPort}` } }, 403); // another scheme
  await refused('/', {}, 404).catch(async () => refused('/', {}, 200));
  assert.equal((await fetch(`${router.api.base}/sip`)).status, 426);
  for (const origin of [`http://${host}:${router.webPort}`, 'https://crm.example']) {
    const phone = await WsSip.open(`${url}/sip`, { headers: { origin } });
    assert.equal(phone.socket.protocol, 'sip');
    phone.close();
  }
});

test('a phone registers with digest, refreshes, and leaves', options, async () => {
  const phone = await WsSip.open(`${url}/sip`);
  const answer = await phone.register('101', 'pw101',
    { contact: ';+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";reg-id=1', extra: ['Supported: outbound, path'] });
  assert.equal(answer.status, 200);
  assert.match(answer.get('via'), new RegExp(`${phone.host}.*received=127\\.0\\.0\\.1`));
  assert.match(answer.get('require') || '', /outbound/);
  const [contact] = await contactsOf('d101', 1);
  assert.equal(contact.transport, 'WS');
  assert.match(contact.uri, /\.invalid/);
  assert.equal((await phone.register('101', 'pw101', { isBinary: true })).status, 200);
  await contactsOf('d101', 1);
  assert.equal((await phone.register('101', 'pw101', { expires: 0 })).status, 200);
  await contactsOf('d101', 0);
  assert.equal((await phone.register('101', 'wrong')).status, 401);
  phone.close();
});

test('keep-alives are answered, and a contact goes with its connection', options, async () => {
  const phone = await WsSip.open(`${url}/sip`);
  const events = await router.api.events();
  assert.equal((await phone.register('102', 'pw102')).status, 200);
  await events.waitFor((e) => e.type === 'device_registered' && e.deviceId === 'd102');
  const pong = deferred();
  phone.onPong = pong.resolve;
  phone.sendRaw('\r\n\r\n');
  await within(pong.promise, 5000, 'pong');
  phone.close();
  const gone = await events.waitFor((e) => e.type === 'device_unregistered' && e.deviceId === 'd102');
  assert.equal(gone.why, 'connection closed');
  await contactsOf('d102', 0);
});

test('junk, floods and huge frames end their own socket and nobody else\'s', options, async () => {
  const good = await WsSip.open(`${url}/sip`);
  const huge = await WsSip.open(`${url}/sip`);
  huge.sendRaw('x'.repeat(70000));
  assert.ok([1009, 1006].includes(await within(huge.closed, 5000, 'close of the huge one')));
  const junk = await WsSip.open(`${url}/sip`);
  for (let i = 0; i < 50; i++) junk.sendRaw(`junk ${i}\r\n\r\n`);
  junk.sendRaw(Buffer.from([0, 255, 128, 13, 10]).toString('latin1'), true);
  const flood = await WsSip.open(`${url}/sip`);
  const text = `OPTIONS sip:siprouter SIP/2.0\r\nVia: ${flood.via()}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n`
    + 'Call-ID: flood\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n';
  for (let i = 0; i < 5000; i++) flood.sendRaw(text);
  assert.equal((await good.register('101', 'pw101')).status, 200);
  good.close();
  junk.close();
  flood.close();
});

test('1,000 sockets opened and dropped leave nothing', options, async () => {
  const filesBefore = router.openFiles();
  for (let round = 0; round < 10; round++) {
    const some = await Promise.all(Array.from({ length: 100 }, () => WsSip.open(`${url}/sip`)));
    for (const phone of some) phone.close();
  }
  await poll(() => router.openFiles() <= filesBefore + 3, 10000, 'files closed');
  const phone = await WsSip.open(`${url}/sip`);
  assert.equal((await phone.register('101', 'pw101')).status, 200);
  phone.close();
});
