// Keys of the configuration that no other file proves: each set, and its effect seen from outside.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import tls from 'node:tls';
import { once } from 'node:events';
import { Router, device, host, missing, poll } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { SipEndpoint, credentials, digestParams, parse, sdp, token } from './lib/sip.js';
import { Trunk, certificate } from './lib/trunk.js';

const options = { skip: missing };
let router;
let api;
let trunk;
let secure; // a TLS server whose certificate nobody vouches for
const greeted = []; // what came to it, by domain
before(async () => {
  if (missing) return;
  trunk = await Trunk.open();
  trunk.onMessage = (message) => { if (message.method === 'INVITE') trunk.reply(message, 486, 'Busy Here'); };
  const { cert, key } = certificate('nobody.example');
  secure = tls.createServer({ cert, key }, (socket) => {
    socket.on('data', (data) => greeted.push(parse(data)?.uri));
    socket.on('error', () => {});
  });
  secure.on('tlsClientError', () => {});
  await once(secure.listen(0, host), 'listening');
  const provider = (id, more) => ({
    id, domain: `${id}.example`, register: false, qualifySec: 0, codecs: ['PCMU'],
    outboundProxy: { address: host, port: trunk.port, transport: 'udp' }, ...more,
  });
  const overTls = { register: true, username: 'u', outboundProxy: { address: host, port: secure.address().port, transport: 'tls' } };
  router = await Router.start({
    devices: [...['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })), device('103', { expectedAddress: '192.0.2.0/24' })],
    config: {
      proxy: { rtpTimeoutSec: 1 },
      server: { allowAnonymousApi: true },
      domains: ['pbx.example'],
      security: { emergencyNumbers: ['999'], digestAlgorithms: ['MD5', 'SHA-256'] },
      providers: [
        provider('pai', { callerIdHeader: 'pai', username: 'account' }), provider('from', { callerIdHeader: 'from', username: 'account' }),
        provider('rpid', { callerIdHeader: 'rpid', username: 'account' }),
        provider('named', { register: true, username: 'line', authUsername: 'other-name', password: 'pw' }),
        provider('strict', { ...overTls, tlsVerify: true }), provider('lax', { ...overTls, tlsVerify: false }),
      ],
      routing: {
        routes: [
          { id: 'boss', match: { direction: 'internal', sourceDevice: 'd101', numberPattern: '50' }, action: { targets: ['d102'] } },
          { id: 'known', match: { direction: 'inbound', callerPattern: '+4989*' }, action: { targets: ['d101'] } },
          { id: 'line', match: { direction: 'outbound', numberPattern: '7*' }, action: { provider: 'from', stripPrefix: '7', prependPrefix: '99' } },
        ],
      },
    },
  });
  api = router.api;
});
after(async () => {
  await router?.stop();
  trunk?.close();
  secure?.close();
});

/** The INVITE that the call makes. */
async function invited(body) {
  const from = trunk.sip.received.length;
  await api.post('/api/call', body);
  return trunk.sip.expect((m) => m.method === 'INVITE', 5000, 'INVITE', from);
}

test('callerIdHeader: where the caller\'s number stands', options, async () => {
  const number = '+49301119';
  for (const [providerId, name, isInFrom] of [['pai', 'p-asserted-identity', false], ['rpid', 'remote-party-id', false], ['from', null, true]]) {
    const invite = await invited({ to: '+4989123', providerId, callerId: number });
    for (const header of ['p-asserted-identity', 'remote-party-id'])
      assert.equal((invite.get(header) ?? '').includes(number), header === name, `${providerId} ${header}: ${invite.get(header)}`);
    if (isInFrom) assert.match(invite.get('from'), /\+49301119/);
  }
});

test('stripPrefix and prependPrefix change what is dialled', options, async () => {
  assert.match((await invited({ to: '7123456' })).uri, /^sip:99123456@/);
});

test('authUsername goes into the answer to a challenge, username into From', options, async () => {
  const message = await poll(() => trunk.registers.find((m) => m.get('authorization')), 5000, 'REGISTER with credentials');
  assert.equal(digestParams(message.get('authorization')).username, 'other-name');
  assert.match(message.get('from'), /<sip:line@named\.example>/);
});

test('tlsVerify off talks to whom nobody vouches for, on does not', options, async () => {
  await poll(() => greeted.includes('sip:lax.example'), 8000, 'the lax one');
  const strict = await poll(async () => (await api.get('/api/providers')).items.find((one) => one.id === 'strict' && one.fault), 8000, 'a fault of the strict one');
  assert.match(strict.verdict, /certificate/i);
  assert.ok(!greeted.includes('sip:strict.example'));
});

test('sourceDevice, callerPattern and emergencyNumbers choose routes', options, async () => {
  const listed = Object.fromEntries((await api.get('/api/routes')).items.map((one) => [one.id, one]));
  assert.deepEqual(listed.boss, { id: 'boss', name: '', enabled: true, priority: 100, direction: 'internal', numberPattern: '50', sourceDevice: 'd101', targets: ['d102'], mode: 'b2bua' });
  assert.deepEqual([listed.known.callerPattern, listed.line.provider, listed.line.targets], ['+4989*', 'from', []]);
  const ask = (body) => api.post('/api/routes/test', body);
  assert.equal((await ask({ number: '50', device: 'd101' })).matched, 'boss');
  assert.equal((await ask({ number: '50', device: 'd102' })).matched, null);
  assert.equal((await ask({ number: '1', provider: 'pai', caller: '+498912' })).matched, 'known');
  assert.equal((await ask({ number: '1', provider: 'pai', caller: '+493012' })).matched, null);
  assert.equal((await ask({ number: '999', device: 'd101' })).emergency, true);
  assert.equal((await ask({ number: '112', device: 'd101' })).emergency, false);
});

test('expectedAddress, domains and digestAlgorithms hold at the registrar', options, async () => {
  const phone = await SipEndpoint.open({ to: { address: host, port: router.sipPort } });
  const register = (user, uri, algorithm) => async () => {
    const fields = { method: 'REGISTER', uri, from: `<sip:${user}@${host}>;tag=${token()}`, to: `<sip:${user}@${host}>`, user, headers: [['Expires', '60']] };
    const asked = await phone.transact(fields);
    const challenges = asked.all('www-authenticate').map((one) => digestParams(one).algorithm ?? 'MD5');
    const challenge = asked.all('www-authenticate').find((one) => (digestParams(one).algorithm ?? 'MD5') === algorithm);
    if (!challenge) return { status: asked.status, challenges };
    fields.headers.push(['Authorization', credentials(challenge, { method: 'REGISTER', uri, user, password: `pw${user}` })]);
    fields.cseq += 1;
    return { status: (await phone.transact(fields)).status, challenges };
  };
  try {
    const here = `sip:${host}:${router.sipPort}`;
    assert.deepEqual(await register('101', here, 'SHA-256')(), { status: 200, challenges: ['SHA-256', 'MD5'] });
    assert.equal((await register('101', 'sip:pbx.example', 'MD5')()).status, 200);
    assert.notEqual((await register('101', 'sip:elsewhere.example', 'MD5')()).status, 200);
    assert.notEqual((await register('103', here, 'MD5')()).status, 200);
    await api.patch('/api/config', { security: { digestAlgorithms: ['MD5'] }, domains: ['elsewhere.example'] });
    await poll(async () => (await register('101', 'sip:elsewhere.example', 'MD5')()).status === 200, 3000, 'the new domain');
    assert.deepEqual((await register('101', here, 'SHA-256')()).challenges, ['MD5']);
    assert.notEqual((await register('101', 'sip:pbx.example', 'MD5')()).status, 200);
  } finally {
    phone.close();
  }
});

test('lanIp is told to devices from the reload on, in Contact and SDP', options, async () => {
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    for (const lanIp of [host, '127.0.0.9', host]) {
      await api.patch('/api/config', { proxy: { lanIp } });
      const calling = a.call('102');
      const invite = await b.incoming(5000, b.sip.received.length);
      b.sip.reply(invite, 486, 'Busy Here');
      await calling;
      assert.match(invite.get('contact'), new RegExp(`@?${lanIp}:${router.sipPort}`));
      assert.match(invite.body, new RegExp(`^c=IN IP4 ${lanIp}\\r$`, 'm'));
    }
  } finally {
    await stopAll(a, b);
  }
});

test('traceKeepDays 0 keeps no SIP message beyond the call', options, async () => {
  const a = await ScriptPhone.open(router, '101');
  try {
    for (const [traceKeepDays, status] of [[0, 404], [14, 200]]) {
      await api.patch('/api/config', { history: { traceKeepDays } });
      const number = `55${traceKeepDays}`; // nobody's
      assert.equal((await a.call(number)).answer.status, 404);
      const { callId } = await poll(async () => (await api.get(`/api/history?number=${number}`)).items[0], 5000, 'record');
      await router.written();
      assert.equal((await api.request('GET', `/api/calls/${callId}/trace`)).status, status, number);
    }
  } finally {
    await a.stop();
  }
});

test('rtpTimeoutSec ends a call that is silent, rtpTimeoutHoldSec one that is held', options, async () => {
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    const events = await api.events();
    const talk = async () => {
      const calling = a.call('102');
      await b.accept(await b.incoming(5000, b.sip.received.length));
      return calling;
    };
    const over = async (from) => {
      const gone = Promise.all([a, b].map((one) => one.sip.expect((m) => m.method === 'BYE', 15000, 'BYE', from[one.extension]).then((bye) => one.sip.reply(bye, 200, 'OK'))));
      const ended = await events.waitFor('call_ended', 15000, from.events);
      await gone;
      return ended.reason;
    };
    const mark = () => ({ events: events.all.length, 101: a.sip.received.length, 102: b.sip.received.length });
    let from = mark();
    await talk();
    const silent = await over(from);
    await api.patch('/api/config', { proxy: { rtpTimeoutSec: 600, rtpTimeoutHoldSec: 1 } });
    from = mark();
    const dialog = await talk();
    const hold = a.sip.within(dialog, 'INVITE', { body: sdp(host, a.rtp.port, { direction: 'sendonly', version: 2 }) });
    b.sip.onMessage = (m) => { if (m.method === 'INVITE' && /;\s*tag=/.test(m.get('to'))) b.sip.reply(m, 200, 'OK', { body: b.offer }); };
    await a.sip.transact(hold, { user: '101', password: 'pw101' });
    a.sip.ack(hold);
    assert.deepEqual([silent, await over(from)], ['media_timeout', 'media_timeout']);
  } finally {
    await stopAll(a, b);
  }
});

test('allowAnonymousApi: without a token on loopback, and not from another page', options, async () => {
  const nobody = api.as('');
  assert.equal((await nobody.request('GET', '/api/status')).status, 200);
  assert.deepEqual([(await nobody.get('/api/me')).by, (await nobody.get('/api/me')).role], ['anonymous', 'admin']);
  assert.equal((await nobody.request('POST', '/api/reload', undefined, { origin: 'http://evil.example' })).status, 403);
  assert.equal((await api.as('wrong').request('GET', '/api/status')).status, 401, 'a wrong token is no token');
  await api.patch('/api/config', { server: { allowAnonymousApi: false } });
  assert.equal((await nobody.request('GET', '/api/status')).status, 401, 'by reload');
});
