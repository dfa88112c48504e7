// What strangers and insiders try at the signalling and at the API, each over real sockets: nothing of it opens a door,
// names another, leaves the house larger than it came, or tells a secret.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { SipEndpoint, token } from './lib/sip.js';

const options = { skip: missing };
const planted = ['planted-device-1', 'planted-device-2', 'planted-provider', 'planted-origin-pass'];
let router;
let a;
let b;

before(async () => {
  if (missing) return;
  router = await Router.start({
    devices: [device('101', { password: planted[0], codecs: ['PCMU'] }), device('102', { password: planted[1], codecs: ['PCMU'] })],
    args: ['--log-level', 'debug'],
    config: {
      providers: [{ id: 'acme', domain: '127.0.0.1', outboundProxy: { address: host, port: 9 }, transport: 'udp', username: 'acme', password: planted[2] }],
      routing: { routes: [{ id: 'out', match: { direction: 'outbound' }, action: { provider: 'acme' } }] },
    },
  });
  [a, b] = await Promise.all([['101', planted[0]], ['102', planted[1]]].map(([extension, password]) => ScriptPhone.open(router, extension, { password })));
});

after(async () => {
  await stopAll(a, b);
  await router?.stop();
});

const stranger = (more) => SipEndpoint.open({ to: { address: host, port: router.sipPort }, ...more });

test('no request of a stranger is served, and none is answered with more than thrice its size', options, async () => {
  const endpoint = await stranger();
  try {
    for (const [method, headers] of [
      ['INVITE', []], ['MESSAGE', []], ['SUBSCRIBE', [['Event', 'dialog']]], ['SUBSCRIBE', [['Event', 'message-summary']]], ['PUBLISH', [['Event', 'presence']]],
      ['REFER', [['Refer-To', '<sip:+491701234567@test>']]], ['NOTIFY', [['Event', 'dialog'], ['Subscription-State', 'active']]], ['INFO', []], ['UPDATE', []],
      ['BYE', []], ['PRACK', [['RAck', '1 1 INVITE']]], ['REGISTER', []], ['OPTIONS', []],
    ]) {
      for (const user of ['102', '+491701234567', '']) {
        const fields = {
          method, uri: `sip:${user ? `${user}@` : ''}${host}:${router.sipPort}`, from: `<sip:101@${host}>;tag=${token()}`, headers, callId: token(8), cseq: 1,
        };
        fields.to = ['BYE', 'INFO', 'UPDATE', 'PRACK', 'NOTIFY'].includes(method) ? `<${fields.uri}>;tag=${token()}` : `<${fields.uri}>`;
        fields.branch = `z9hG4bK${token()}`;
        const asked = endpoint.request(fields);
        endpoint.sendRaw(asked);
        const answer = await endpoint.expect((m) => m.status && m.get('via').includes(fields.branch), 5000, `${method} ${user}`);
        if (method !== 'OPTIONS') assert.ok(answer.status >= 400, `${method} ${user}: ${answer.start}`);
        assert.ok(!answer.start.includes('100 Trying'), 'no 100 before the password');
        const size = answer.raw.length;
        assert.ok(size <= 3 * asked.length, `${method}: ${size} for ${asked.length}`);
      }
    }
    assert.equal((await router.api.get('/api/calls')).items.length, 0);
  } finally {
    endpoint.close();
  }
});

test('a phone cannot speak in the name of another: From and asserted identities are its own', options, async () => {
  for (const from of [`"The Boss" <sip:102@${host}>`, `<sip:+4930999999@${host}>`, `<sip:anonymous@anonymous.invalid>`]) {
    const at = b.sip.received.length;
    const fields = {
      method: 'INVITE', uri: a.uri('102'), body: a.offer, from: `${from};tag=${token()}`,
      headers: [['P-Asserted-Identity', '<sip:+491111@evil.example>'], ['Remote-Party-ID', '<sip:+492222@evil.example>;party=calling'], ['P-Preferred-Identity', '<sip:+493333@evil.example>'],
        ['Diversion', '<sip:+494444@evil.example>'], ['History-Info', '<sip:+495555@evil.example>;index=1']],
    };
    const answered = a.sip.transact(fields, { user: '101', password: planted[0], ms: 10000 });
    const seen = await Promise.race([b.incoming(5000, at), answered.then((answer) => ({ refused: answer.status }))]);
    if (seen.refused) {
      assert.equal(seen.refused, 403, from);
      continue;
    }
    assert.doesNotMatch(seen.raw, /evil\.example|49(1111|2222|3333|4444|5555)|30999999/, from);
    assert.match(seen.get('from'), /sip:(101|anonymous)@/, from);
    assert.doesNotMatch(seen.get('from'), /sip:102@/);
    b.sip.reply(seen, 486, 'Busy Here');
    assert.equal((await answered).status, 486);
  }
});

test('registering for another, for all, at the router itself', options, async () => {
  const uri = `sip:${host}:${router.sipPort}`;
  const registerAs = async (to, headers, contact) => {
    const fields = { method: 'REGISTER', uri, to: `<sip:${to}@${host}>`, from: `<sip:${to}@${host}>;tag=${token()}`, headers, contact };
    return a.sip.transact(fields, { user: '101', password: planted[0] });
  };
  const others = async () => (await router.api.get('/api/devices')).items.find((one) => one.id === 'd102').contactCount;
  await router.device('d102', (one) => one.contactCount === 1);
  const was = 1;
  assert.ok((await registerAs('102', [])).status >= 400, 'with an own password for another');
  assert.equal((await registerAs('101', [['Expires', '600']], '*')).status, 400, 'a star that is no goodbye');
  assert.equal(await others(), was);
  assert.equal((await registerAs('101', [], `<sip:101@${host}:${router.sipPort}>`)).status, 403, 'the router itself');
  for (const contact of ['<sip:101@224.0.0.1>', '<sip:101@0.0.0.0>', '<sip:101@255.255.255.255>', '<sip:101@198.51.100.9:5060>']) {
    const answer = await registerAs('101', [], contact);
    if (answer.status !== 200) continue;
    const { contacts } = (await router.api.get('/api/devices')).items.find((one) => one.id === 'd101');
    assert.ok(contacts.length > 0);
    for (const one of contacts) assert.equal(one.address, a.sip.hostPort, `${contact} is rung where it came from`);
  }
  assert.equal((await registerAs('101', [['Expires', '0']], '*')).status, 200);
  assert.equal((await a.sip.register('101', planted[0])).status, 200);
});

test('a Via that lies sends no answer to a third', options, async () => {
  const [liar, victim] = await Promise.all([stranger(), stranger()]);
  try {
    const branch = `z9hG4bK${token()}`;
    const at = victim.received.length;
    liar.sendRaw([`OPTIONS sip:${host}:${router.sipPort} SIP/2.0`, `Via: SIP/2.0/UDP ${host}:${victim.port};branch=${branch};received=${host};rport=${victim.port}`,
      'Max-Forwards: 70', `From: <sip:x@test>;tag=${token()}`, `To: <sip:${host}>`, `Call-ID: ${token(8)}`, 'CSeq: 1 OPTIONS', 'Content-Length: 0', '', ''].join('\r\n'));
    const answer = await liar.expect((m) => m.status && m.get('via').includes(branch), 5000, 'the answer at its real source');
    assert.match(answer.get('via'), new RegExp(`rport=${liar.port}`));
    assert.equal(victim.received.length, at);
  } finally {
    liar.close();
    victim.close();
  }
});

test('a live call: BYE, re-INVITE, CANCEL and Replaces of others change nothing', options, async () => {
  const answered = (async () => b.accept(await b.incoming(5000, b.sip.received.length)))();
  const dialog = { method: 'INVITE', uri: a.uri('102'), body: a.offer };
  assert.equal((await a.sip.transact(dialog, { user: '101', password: planted[0] })).status, 200);
  a.sip.ack(dialog);
  await answered;
  const endpoint = await stranger();
  try {
    const invite = b.sip.received.filter((m) => m.method === 'INVITE').at(-1);
    const ids = { callId: invite.get('call-id'), from: invite.get('to'), to: invite.get('from') };
    for (const method of ['BYE', 'INVITE', 'UPDATE', 'INFO', 'CANCEL']) {
      const fields = { method, uri: `sip:102@${host}:${router.sipPort}`, ...ids, to: `<sip:102@${host}>;tag=${token()}`, cseq: 99, branch: `z9hG4bK${token()}` };
      endpoint.sendRaw(endpoint.request(fields));
      const answer = await endpoint.expect((m) => m.status >= 200 && m.get('via').includes(fields.branch), 5000, method);
      assert.ok(answer.status >= 400, `${method}: ${answer.start}`);
    }
    const replaces = { method: 'INVITE', uri: `sip:102@${host}:${router.sipPort}`, body: a.offer, user: 'x',
      headers: [['Replaces', `${ids.callId};from-tag=x;to-tag=y`]] };
    assert.ok((await endpoint.transact(replaces, {})).status >= 400);
    const { callId } = await router.oneCall((call) => call.state === 'answered');
    assert.equal((await router.cli('hangup', callId)).code, 0);
    await router.recordOf(callId);
  } finally {
    endpoint.close();
  }
});

test('signs that databases and shells know are only signs', options, async () => {
  const odd = ["'", "' OR 1=1 --", '%', '_', '%25', '"; DROP TABLE calls; --', 'a\0b', '../../etc/passwd', 'x'.repeat(3000), 'x'.repeat(60000), '\u202e', '`id`'];
  const all = (await router.api.get('/api/history?limit=1000')).items.length;
  assert.ok(all > 0);
  for (const text of odd) {
    for (const key of ['number', 'device', 'provider', 'result', 'cursor', 'from', 'to', 'limit']) {
      const response = await fetch(`${router.api.base}/api/history?${key}=${encodeURIComponent(text)}`, { headers: { authorization: `Bearer ${router.token}` } });
      const body = await response.text();
      assert.ok(response.status < 500, `${key}=${text.slice(0, 30)}: ${response.status}`);
      if (response.status === 200 && key !== 'limit') assert.equal(JSON.parse(body).items.length, 0, `${key}=${text.slice(0, 30)}`);
    }
    for (const path of [`/api/calls/${encodeURIComponent(text)}`, `/api/calls/${encodeURIComponent(text)}/trace.pcap`, `/${encodeURIComponent(text)}`, `/assets/${encodeURIComponent(text)}`]) {
      const response = await fetch(`${router.api.base}${path}`, { headers: { authorization: `Bearer ${router.token}` } });
      assert.ok([400, 404, 414, 431].includes(response.status), `${path.slice(0, 40)}: ${response.status}`);
      if (text.length > 8) assert.ok(!(await response.text()).includes(text), 'it is not given back');
    }
  }
  assert.equal((await router.api.get('/api/history?limit=1000')).items.length, all);
});

test('no answer, event, trace or line of the log has a secret', options, async () => {
  const answered = (async () => b.accept(await b.incoming(5000, b.sip.received.length)))();
  const fields = { method: 'INVITE', uri: a.uri('102'), body: a.offer };
  await a.sip.transact(fields, { user: '101', password: planted[0] });
  a.sip.ack(fields);
  await answered;
  const digests = fields.headers.map(([, value]) => value.match(/response="([0-9a-f]+)"/)?.[1]).filter(Boolean);
  assert.equal(digests.length, 1);
  const texts = [router.log];
  for (const path of ['/api/status', '/api/config', '/api/calls', '/api/devices', '/api/providers', '/api/history?limit=1000', '/api/history.csv', '/api/contacts', '/api/routes', '/api/users', '/api/tokens',
    '/metrics', '/api/openapi.json']) {
    const response = await fetch(`${router.api.base}${path}`, { headers: { authorization: `Bearer ${router.token}` } });
    assert.equal(response.status, 200, path);
    texts.push(await response.text());
  }
  for (const { callId } of [...(await router.api.get('/api/calls')).items, ...(await router.api.get('/api/history?limit=20')).items]) {
    for (const end of ['', '/trace', '/trace.pcap']) {
      const response = await fetch(`${router.api.base}/api/calls/${callId}${end}`, { headers: { authorization: `Bearer ${router.token}` } });
      texts.push(Buffer.from(await response.arrayBuffer()).toString('latin1'));
    }
  }
  for (const args of [['status'], ['calls'], ['history'], ['devices'], ['providers']]) texts.push((await router.cli(...args)).stdout);
  for (const text of texts) {
    for (const secret of [...planted, ...digests, router.token]) {
      const found = text.indexOf(secret);
      assert.equal(found, -1, `"${secret}" in ...${text.slice(Math.max(0, found - 200), found + 100)}`);
    }
  }
  for (const { callId } of (await router.api.get('/api/calls')).items) await router.cli('hangup', callId);
});
