// The registrar: digest, what strangers learn, transports, several contacts, bounds.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { SipEndpoint, token } from './lib/sip.js';
import { phone, stopAll } from './lib/phones.js';

const options = { skip: missing };
let router;
before(async () => {
  if (missing) return;
  router = await Router.start({ devices: [device('101'), device('102'), device('103', { maxContacts: 2 })] });
});
after(async () => { await router?.stop(); });

const endpoint = (more = {}) => SipEndpoint.open({ to: { address: host, port: router.sipPort }, ...more });

for (const transport of ['udp', 'tcp', 'tls']) {
  test(`baresip registers with digest over ${transport} and the event says so`, options, async () => {
    const events = await router.api.events();
    const bob = await phone(router, '101', { transport });
    try {
      const event = await events.waitFor('device_registered', 5000, 1);
      assert.match(JSON.stringify(event), /d101/);
    } finally {
      await stopAll(bob);
    }
    await events.waitFor('device_unregistered', 8000, 1);
  });
}

test('no credentials, a wrong password and an unknown user get the same answer', options, async () => {
  const shape = (message) => ({
    status: message.status,
    reason: message.reason,
    names: message.headers.map((header) => header[0]),
    challenge: (message.get('www-authenticate') || '').replace(/(nonce|opaque)="[^"]*"/g, '$1=""'),
  });
  const ask = async (user, password) => {
    const sip = await endpoint();
    try {
      return shape(await sip.register(user, password));
    } finally {
      sip.close();
    }
  };
  const none = await ask('101', undefined);
  assert.equal(none.status, 401);
  assert.deepEqual(await ask('nobody', undefined), none);
  const wrong = await ask('101', 'wrong');
  assert.deepEqual(await ask('nobody', 'wrong'), wrong);
  assert.ok([401, 403].includes(wrong.status));
});

test('times of refusal do not tell users apart', options, async () => {
  const times = { 101: [], nobody: [] };
  for (let i = 0; i < 40; i += 1) {
    for (const user of Object.keys(times)) {
      const sip = await endpoint();
      const started = process.hrtime.bigint();
      await sip.register(user, undefined);
      times[user].push(Number(process.hrtime.bigint() - started) / 1e6);
      sip.close();
    }
  }
  const [known, unknown] = [times[101], times.nobody].map((list) => Math.min(...list)); // a busy machine makes some longer, none shorter
  assert.ok(Math.abs(known - unknown) < 5, `${known} ms and ${unknown} ms`);
});

test('a nonce of another address is not accepted', options, async () => {
  const a = await endpoint();
  const b = await endpoint();
  const uri = `sip:${host}:${router.sipPort}`;
  const first = await a.transact({ method: 'REGISTER', uri, from: `<sip:101@${host}>;tag=1`, to: `<sip:101@${host}>` }, {});
  const { credentials } = await import('./lib/sip.js');
  const stolen = credentials(first.get('www-authenticate'), { method: 'REGISTER', uri, user: '101', password: 'pw101' });
  const second = await b.transact({ method: 'REGISTER', uri, from: `<sip:101@${host}>;tag=2`, to: `<sip:101@${host}>`, headers: [['Authorization', stolen]] }, {});
  assert.equal(second.status, 401);
  a.close();
  b.close();
});

test('several contacts are listed, replaced by maxContacts, and removed by a star', options, async () => {
  const sip = await endpoint();
  const uri = `sip:${host}:${router.sipPort}`;
  const send = (headers, contact, callId) => sip.transact(
    { method: 'REGISTER', uri, from: `<sip:103@${host}>;tag=${token()}`, to: `<sip:103@${host}>`, headers, contact, callId },
    { user: '103', password: 'pw103' });
  const contacts = (answer) => answer.all('contact').join(',').split(/,(?=\s*<)/).filter(Boolean);
  let answer = await send([['Expires', '300']], `<sip:103@${sip.hostPort};line=a>`);
  assert.equal(answer.status, 200);
  assert.equal(contacts(answer).length, 1);
  assert.match(answer.get('contact'), /expires=\d+/);
  answer = await send([['Expires', '300']], `<sip:103@${sip.hostPort};line=b>`);
  assert.equal(contacts(answer).length, 2);
  answer = await send([], null);
  assert.equal(contacts(answer).length, 2, 'a REGISTER without Contact only asks');
  answer = await send([['Expires', '300']], '*');
  assert.equal(answer.status, 400, 'a star needs Expires: 0');
  answer = await send([['Expires', '0']], '*');
  assert.equal(answer.status, 200);
  assert.equal(contacts(answer).length, 0);
  sip.close();
});

test('too short an expiry is 423 with Min-Expires', options, async () => {
  const sip = await endpoint();
  const answer = await sip.register('102', 'pw102', { expires: 1 });
  assert.equal(answer.status, 423);
  assert.ok(Number(answer.get('min-expires')) > 1);
  sip.close();
});

test('the answer comes back with received and rport', options, async () => {
  const sip = await endpoint();
  const answer = await sip.transact({ method: 'OPTIONS', uri: `sip:${host}:${router.sipPort}`, from: `<sip:x@${host}>;tag=1` }, {});
  assert.match(answer.get('via'), new RegExp(`rport=${sip.port}`));
  assert.match(answer.get('via'), /received=127\.0\.0\.1/);
  sip.close();
});
