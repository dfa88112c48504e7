// Calls through providers with habits: each is a script that does what some real one does.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { busy } from './lib/process.js';
import { Router, device, host, missing, noIp6 } from './lib/router.js';
import { NameServer } from './lib/dns.js';
import { Baresip } from './lib/baresip.js';
import { Trunk, account, until } from './lib/trunk.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { RtpParty } from './lib/rtp.js';
import { mediaOf, sdp, uriOf } from './lib/sip.js';
import { snr } from './lib/audio.js';

const options = { skip: missing };

/** One provider per name, each behind a script of its own, called by a prefix of its own. */
const names = ['early', 'ptime', 'from', 'fromOff', 'ppi', 'ppiOff', 'phone', 'phoneOff', 'prack', 'prackOff', 'fixed', 'to', 'pcpi', 'ppid', 'auto', 'account', 'sipgate', 'ims', 'fritzbox'];
const presets = ['account', 'sipgate', 'ims', 'fritzbox'];
const quirks = {
  from: { fromUser: 'account' }, ppi: { preferredIdentity: true }, phone: { userPhone: true }, prack: { prack: false },
  fixed: { ptime: 40 }, to: { calledNumber: 'to' }, pcpi: { calledNumber: 'pCalledPartyId' }, ppid: { calledNumber: 'pPreferredIdentity' },
};
const numberOf = (name) => `+49${70 + names.indexOf(name)}123`;
const trunks = {};
let router;
let near;

before(async () => {
  if (missing) return;
  for (const name of names) trunks[name] = await Trunk.open();
  router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] })],
    config: {
      providers: names.map((name) => account(trunks[name].port, name, {
        register: ['to', 'pcpi', 'ppid', 'auto', 'sipgate', 'ims', 'fritzbox'].includes(name), callerId: '+49301234', codecs: ['PCMU'],
          quirks: quirks[name] ?? {}, preset: presets.includes(name) ? name : '',
      })),
      security: { blockedPrefixes: ['+4970900'] },
      routing: {
        routes: [
          ...names.map((name) => ({
            id: `out-${name}`, match: { direction: 'outbound', numberPattern: `${numberOf(name).slice(0, 5)}*` }, action: { provider: `p${name}` },
          })),
          { id: 'main', match: { direction: 'inbound', numberPattern: '+492229' }, action: { targets: ['d201'] } },
        ],
      },
    },
  });
  near = await ScriptPhone.open(router, '201');
});
after(async () => { await stopAll(near, router, ...Object.values(trunks)); });

/** The phone calls through that provider: its INVITE there, and the phone's call as a promise. */
async function dial(name, callOptions = {}) {
  const trunk = trunks[name];
  const from = trunk.sip.received.length;
  const call = near.call(numberOf(name), { ms: 15000, ...callOptions });
  call.catch(() => {}); // looked at by the test
  const invite = await trunk.sip.expect((m) => m.method === 'INVITE', 5000, 'INVITE', from);
  return { trunk, call, invite, from };
}

const acked = ({ trunk, invite, from }) => trunk.sip.expect((m) => m.method === 'ACK' && m.get('call-id') === invite.get('call-id'), 5000, 'ACK', from);

async function hangUp({ trunk, call, from }) {
  const bye = trunk.sip.expect((m) => m.method === 'BYE', 5000, 'BYE', from);
  const done = near.hangup(await call);
  trunk.sip.reply(await bye, 200, 'OK');
  await done;
}

async function heardBy(party, hz, packets = 60) {
  const from = party.packets.length;
  await party.more(packets);
  return snr(party.sound(from), 8000, hz);
}

test('a provider that forks: 183 of one, 180 of another, which answers from elsewhere', options, async (t) => {
  const [one, two] = [await RtpParty.open(0), await RtpParty.open(0)];
  try {
    const line = await dial('early');
    const from = near.sip.received.length;
    line.trunk.sip.reply(line.invite, 183, 'Session Progress', { toTag: 'one', body: sdp(host, one.port) });
    const early = await near.sip.expect((m) => m.status === 183, 5000, '183', from);
    one.sendTone(mediaOf(line.invite.body), 700);
    near.rtp.sendTone(mediaOf(early.body), 1000);
    const figures = { early: await heardBy(near.rtp, 700) };
    line.trunk.sip.reply(line.invite, 180, 'Ringing', { toTag: 'two' });
    await near.sip.expect((m) => m.status === 180, 5000, '180', from);
    one.stopSending();
    const ok = { toTag: 'two', headers: [['P-Asserted-Identity', `"Front desk" <sip:+4970555@trunk.example>`]], body: sdp(host, two.port) };
    line.trunk.sip.reply(line.invite, 200, 'OK', ok);
    assert.match((await acked(line)).get('to'), /;tag=two/);
    const { answer } = await line.call;
    assert.match(answer.get('p-asserted-identity'), /"Front desk" <sip:\+4970555@/);
    two.sendTone(mediaOf(line.invite.body), 900);
    await near.rtp.more(30); // the source is learnt anew
    figures.answered = await heardBy(near.rtp, 900);
    figures.atTwo = await heardBy(two, 1000);
    t.diagnostic(`SNR ${JSON.stringify(figures)}`);
    for (const figure of Object.values(figures)) assert.ok(figure > 30, JSON.stringify(figures));
    await hangUp(line);
  } finally {
    near.rtp.stopSending();
    one.close();
    two.close();
  }
});

test('the provider takes packets of 10, 30 and 60 ms, the phone of 20', options, async (t) => {
  for (const ptime of [10, 30, 60]) {
    const far = await RtpParty.open(0);
    try {
      const line = await dial('ptime');
      line.trunk.sip.reply(line.invite, 200, 'OK', { body: sdp(host, far.port, { ptime }) });
      await acked(line);
      await line.call;
      far.sendTone(mediaOf(line.invite.body), 700, 0.3, ptime);
      near.sendTone(1000);
      await Promise.all([near.rtp.more(40), far.more(Math.ceil(800 / ptime))]);
      const [atNear, atFar] = await Promise.all([heardBy(near.rtp, 700, 60), heardBy(far, 1000, Math.ceil(1200 / ptime))]);
      t.diagnostic(`${ptime} ms: SNR ${JSON.stringify({ atNear, atFar })}`);
      assert.ok(atNear > 30 && atFar > 30, `${ptime} ms: ${atNear} ${atFar}`);
      assert.deepEqual(far.packets.slice(-10).map((p) => p.payload.length), Array(10).fill(8 * ptime));
      assert.deepEqual(near.rtp.packets.slice(-10).map((p) => p.payload.length), Array(10).fill(160));
      await hangUp(line);
    } finally {
      near.rtp.stopSending();
      far.close();
    }
  }
});

test('302 of a provider: the number it names is called, within the limits of the caller; a name is not', options, async () => {
  const line = await dial('early');
  const from = trunks.ptime.sip.received.length;
  line.trunk.sip.reply(line.invite, 302, 'Moved Temporarily', { contact: `<sip:${numberOf('ptime')}@elsewhere.example>` });
  const there = await trunks.ptime.sip.expect((m) => m.method === 'INVITE', 5000, 'INVITE elsewhere', from); // by its own route
  assert.equal(there.uri, `sip:${numberOf('ptime')}@trunk.example`);
  trunks.ptime.sip.reply(there, 200, 'OK', { body: sdp(host, 40000) });
  assert.equal((await line.call).answer.status, 200);
  await hangUp({ ...line, trunk: trunks.ptime, from });
  for (const [contact, status] of [['<sip:+4970900123@elsewhere.example>', 403], ['<sip:someone@elsewhere.example>', 404]]) {
    const other = await dial('early');
    other.trunk.sip.reply(other.invite, 302, 'Moved Temporarily', { contact });
    assert.equal((await other.call).answer.status, status);
  }
  const loop = await dial('early');
  loop.trunk.sip.reply(loop.invite, 302, 'Moved', { contact: `<sip:${numberOf('early')}@trunk.example>` }); // to itself
  assert.equal((await loop.call).answer.status, 482);
});

test('422 after a challenge: the INVITE goes out once more with the interval asked for', options, async () => {
  const line = await dial('early');
  const next = (cseq) => line.trunk.sip.expect((m) => m.method === 'INVITE' && m.get('call-id') === line.invite.get('call-id') && m.get('cseq') === `${cseq} INVITE`, 5000, `INVITE ${cseq}`, line.from);
  line.trunk.sip.reply(line.invite, 407, 'Proxy Authentication Required', { headers: [['Proxy-Authenticate', 'Digest realm="trunk.example", nonce="n1", algorithm=MD5, qop="auth"']] });
  line.trunk.sip.reply(await next(2), 422, 'Session Interval Too Small', { headers: [['Min-SE', '3600']] });
  const third = await next(3);
  assert.equal(third.get('min-se'), '3600');
  assert.match(third.get('session-expires'), /^3600/);
  line.trunk.sip.reply(third, 200, 'OK', { body: sdp(host, 40000) });
  assert.equal((await line.call).answer.status, 200);
  await hangUp(line);
});

test('hairpin: a call that the provider brings back, described by our public address, has audio', options, async (t) => {
  const trunk = await Trunk.open();
  trunk.seen = { address: '203.0.113.9', port: 4242 }; // nothing sent there arrives
  const home = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] }), device('202', { codecs: ['PCMU'] })],
    config: {
      providers: [account(trunk.port, '4930123')],
      routing: {
        routes: [
          { id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'p4930123' } },
          { id: 'in', match: { direction: 'inbound' }, action: { targets: ['d202'] } },
        ],
      },
    },
  });
  const phones = [];
  try {
    await until(home, 'p4930123', (state) => state.state === 'registered');
    phones.push(await ScriptPhone.open(home, '201'), await ScriptPhone.open(home, '202'));
    const [a, b] = phones;
    const call = a.call('+4930124');
    const out = await trunk.sip.expect((m) => m.method === 'INVITE');
    assert.equal(mediaOf(out.body).address, '203.0.113.9');
    trunk.sip.options.to = { address: host, port: home.sipPort };
    const back = { method: 'INVITE', uri: trunk.contact, user: 'gw', to: '<sip:+4930124@trunk.example>', body: out.body };
    const answer = trunk.sip.transact(back);
    await b.accept(await b.incoming());
    trunk.sip.ack(Object.assign(back, { answer: await answer }));
    trunk.sip.reply(out, 200, 'OK', { body: back.answer.body });
    assert.equal(mediaOf(back.answer.body).address, '203.0.113.9');
    const fields = await call;
    a.sendTone(1000);
    b.sendTone(700);
    await Promise.all([a.rtp.more(30), b.rtp.more(30)]);
    const figures = { atA: await heardBy(a.rtp, 700), atB: await heardBy(b.rtp, 1000) };
    t.diagnostic(`SNR ${JSON.stringify(figures)}`);
    assert.ok(figures.atA > 30 && figures.atB > 30, JSON.stringify(figures));
    a.hangup(fields).catch(() => {});
    trunk.sip.reply(await trunk.sip.expect((m) => m.method === 'BYE'), 200, 'OK');
  } finally {
    await stopAll(...phones, home, trunk);
  }
});

// ---- peculiarities: without the entry of the table this provider refuses ----

const userOf = (uri) => uri.replace(/^sip:/, '').split('@')[0];
const isAccount = (name) => (invite) => userOf(uriOf(invite.get('from'))) === name;
const callerIn = (header) => (invite) => /\+49301234@/.test(invite.get(header) ?? '');
const isPhone = (invite) => invite.uri.endsWith(';user=phone') && /;user=phone>/.test(invite.get('to'));
const all = (...tests) => (invite) => tests.every((isGood) => isGood(invite));
const refusing = [
  ['from', 'From has to be the account', isAccount('from'), 403],
  ['ppi', 'the caller stands in P-Preferred-Identity', callerIn('p-preferred-identity'), 403],
  ['phone', 'numbers need ;user=phone', isPhone, 484],
  ['account', 'preset account', all(isAccount('account'), callerIn('p-asserted-identity')), 403, 'early'],
  ['sipgate', 'preset sipgate', all(isAccount('sipgate'), callerIn('p-preferred-identity')), 403, 'early'],
  ['ims', 'preset ims', all(isPhone, callerIn('p-preferred-identity')), 404, 'early'],
  ['fritzbox', 'preset fritzbox', all(isAccount('fritzbox'), (invite) => !/100rel/.test(invite.get('supported'))), 403, 'early'],
];
for (const [name, what, isGood, status, without = `${name}Off`] of refusing) {
  test(`${what}: refused without, answered with`, options, async () => {
    for (const [row, isAnswered] of [[without, false], [name, true]]) {
      const line = await dial(row);
      if (isGood(line.invite)) line.trunk.sip.reply(line.invite, 200, 'OK', { body: sdp(host, 40000) });
      else line.trunk.sip.reply(line.invite, status, 'Not Like That');
      const { answer } = await line.call;
      assert.equal(answer.status === 200, isAnswered, `${row}: ${answer.start}`);
      if (isAnswered) await hangUp(line);
    }
  });
}

test('a gateway that says 100rel and never gets over its PRACK: "prack" false keeps it from that', options, async () => {
  const stuck = async (line) => { // waits for a PRACK it does not understand
    line.trunk.sip.reply(line.invite, 183, 'Session Progress', { headers: [['Require', '100rel'], ['RSeq', '1']], body: sdp(host, 40000) });
    return line.trunk.sip.expect((m) => m.method === 'PRACK', 5000, 'PRACK', line.from);
  };
  const off = await dial('prackOff');
  assert.match(off.invite.get('supported'), /100rel/);
  off.trunk.sip.reply(await stuck(off), 481, 'What');
  off.trunk.sip.reply(off.invite, 500, 'Stuck');
  assert.equal((await off.call).answer.status, 500);
  const line = await dial('prack');
  assert.doesNotMatch(line.invite.get('supported'), /100rel/);
  line.trunk.sip.reply(line.invite, 200, 'OK', { body: sdp(host, 40000) });
  assert.equal((await line.call).answer.status, 200);
  await hangUp(line);
});

test('an untruthful packet time: "ptime" 40 is sent where 20 is said', options, async () => {
  const far = await RtpParty.open(0);
  try {
    const line = await dial('fixed');
    line.trunk.sip.reply(line.invite, 200, 'OK', { body: sdp(host, far.port, { ptime: 20 }) });
    await line.call;
    far.sendTone(mediaOf(line.invite.body), 700, 0.3, 40);
    near.sendTone(1000);
    await far.more(40);
    assert.deepEqual(far.packets.slice(-10).map((p) => p.payload.length), Array(10).fill(320));
    assert.ok(await heardBy(far, 1000, 30) > 30);
    await hangUp(line);
  } finally {
    near.rtp.stopSending();
    far.close();
  }
});

test('the called number stands elsewhere: To, P-Called-Party-ID, P-Preferred-Identity', options, async () => {
  const wanted = { to: '+49111', pcpi: '+49222', ppid: '+49333', auto: '+49222', sipgate: '+49111', ims: '+49222', fritzbox: '+49111' };
  for (const [name, number] of Object.entries(wanted)) {
    await until(router, `p${name}`, (state) => state.state === 'registered');
    const { sip, contact } = trunks[name];
    sip.options.to = { address: host, port: router.sipPort };
    const answer = await sip.transact({
      method: 'INVITE', uri: contact, user: 'gw', to: '<sip:+49111@trunk.example>', body: sdp(host, 40000),
      headers: [['P-Called-Party-ID', '<sip:+49222@trunk.example>'], ['P-Preferred-Identity', '<sip:+49333@trunk.example>']],
    });
    assert.equal(answer.status, 404); // no route takes it: the log says so
    await router.child.line(new RegExp(`event=unrouted .*direction=inbound number=\\${number} nearest=main `), 5000);
  }
});

test('both families: the address of the first is dead, the other takes over within about 4 s', { skip: missing || noIp6 }, async (t) => {
  const [registrar, gateway] = [await Trunk.open(), await Trunk.open()];
  const dns = await NameServer.open({
    'A four.test': [host], 'AAAA six.test': ['::1'],
    'SRV _sip._udp.reg.test': [[10, 0, registrar.port, 'six.test'], [20, 0, registrar.port, 'four.test']],
    'SRV _sip._udp.gw.test': [[10, 0, gateway.port, 'six.test'], [20, 0, gateway.port, 'four.test']],
    'A only.test': [host], 'AAAA only.test': ['::1'],
  });
  const six = await Trunk.open(0, '::1');
  const dead = await Trunk.open(six.port); // the same name over IPv4: published, not served
  dead.onMessage = (m) => { if (m.method === 'INVITE') dead.sip.reply(m, 403, 'Not Here'); };
  const provider = (name, more) => ({ ...account(1, name, more), domain: `${name}.test`, outboundProxy: {}, transport: 'udp' });
  let both;
  let caller;
  const far = await RtpParty.open(0);
  try {
    both = await Router.start({
      devices: [device('201', { codecs: ['PCMU'] })],
      config: {
        proxy: { bind: [host, '::1'], lanIp6: '::1' },
        dns: { servers: [dns.address] },
        providers: [
          provider('reg'), provider('gw', { register: false }),
          ...[['only', { family: 'ip6' }], ['onlyOff', {}]].map(([name, family]) => ({
            ...provider(name, { register: false, quirks: family }), outboundProxy: { address: 'only.test', port: six.port, transport: 'udp' },
          })),
        ],
        routing: {
          routes: [
            { id: 'sixOff', match: { direction: 'outbound', numberPattern: '+4969*' }, action: { provider: 'ponlyOff' } },
            { id: 'six', match: { direction: 'outbound', numberPattern: '+496*' }, action: { provider: 'ponly' } },
            { id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'pgw' } },
          ],
        },
      },
    });
    const begun = Date.now();
    caller = await ScriptPhone.open(both, '201');
    const call = caller.call('+49891234', { ms: 15000 });
    const invite = await gateway.sip.expect((m) => m.method === 'INVITE', 9000, 'INVITE');
    const figures = { invite: Date.now() - begun };
    assert.equal(mediaOf(invite.body).address, host);
    assert.match(invite.get('contact'), /@127\.0\.0\.1:/);
    gateway.sip.reply(invite, 200, 'OK', { body: sdp(host, far.port) });
    await call;
    caller.sendTone(1000);
    far.sendTone(mediaOf(invite.body), 700);
    await far.more(20);
    const [atFar, atNear] = await Promise.all([heardBy(far, 1000), heardBy(caller.rtp, 700)]);
    assert.ok(atFar > 30 && atNear > 30, `${atFar} ${atNear}`);
    await until(both, 'preg', (state) => state.state === 'registered' && state.address === `${host}:${registrar.port}`);
    t.diagnostic(JSON.stringify(figures));
    assert.ok(figures.invite > 3000 && figures.invite < 8000 * busy(), JSON.stringify(figures));
    // and a provider that serves over IPv6 alone, though its name has an IPv4 address, too
    const second = caller.call('+496111', { ms: 15000 });
    const there = await six.sip.expect((m) => m.method === 'INVITE', 9000, 'INVITE over IPv6');
    assert.match(there.body, /c=IN IP6 ::1/);
    assert.match(there.get('contact'), /@\[::1\]:/);
    six.sip.reply(there, 486, 'Busy Here');
    assert.equal((await second).answer.status, 486);
    const without = await caller.call('+496911', { ms: 15000 }); // refused over IPv4: no answer of the one that serves
    assert.equal(without.answer.status, 403, without.answer.start);
    assert.equal(six.sip.received.filter((m) => m.method === 'INVITE' && m.uri.includes('+496911')).length, 0);
  } finally {
    far.close();
    await stopAll(caller, both, registrar, gateway, six, dead, dns);
  }
});

// ---- encrypted audio: real peers as gateways ----

test('srtp off, optional and required on a trunk: keys in the SDP, DTLS in either role, a second offer after 488', options, async (t) => {
  const gateways = await Promise.all(['srtp-mand', 'dtls_srtp', null].map((mediaenc, n) => Baresip.start({
    user: `470000${n}`, server: `${host}:${1}`, codecs: 'PCMU', hz: 700, ...(mediaenc ? { mediaenc } : {}),
  })));
  const [sdes, dtls, plain] = gateways;
  const rows = [
    { id: 'a0', srtp: 'optional', at: sdes, encrypted: 'sdes', invites: 2 },
    { id: 'a1', srtp: 'optional', at: dtls, encrypted: 'dtls', invites: 3 },
    { id: 'a2', srtp: 'optional', at: plain, encrypted: 'no', invites: 1 },
    { id: 'b0', srtp: 'required', at: sdes, encrypted: 'sdes', invites: 1 },
    { id: 'b1', srtp: 'required', at: dtls, encrypted: 'dtls', invites: 2 },
    { id: 'b2', srtp: 'required', at: plain, status: 488 },
    { id: 'c0', srtp: 'off', at: sdes, status: 488 },
  ];
  rows.forEach((row, n) => { row.prefix = `9${n}`; });
  const secure = await Router.start({
    devices: [device('201', { codecs: ['PCMU'], srtp: 'off' })],
    config: {
      providers: rows.map((row) => account(row.at.sipPort, row.id, { register: false, codecs: ['PCMU'], srtp: row.srtp })),
      routing: {
        routes: [
          ...rows.map((row) => ({
            id: row.id, match: { direction: 'outbound', numberPattern: `${row.prefix}*` }, action: { provider: `p${row.id}`, stripPrefix: row.prefix },
          })),
          { id: 'in', match: { direction: 'inbound' }, action: { targets: ['d201'] } },
        ],
      },
    },
  });
  let caller;
  try {
    caller = await ScriptPhone.open(secure, '201');
    const figures = {};
    for (const row of rows) {
      const since = row.at.events.length;
      const call = await caller.call(`${row.prefix}${row.at.options.user}`, { ms: 12000 });
      assert.equal(call.answer.status, row.status ?? 200, `${row.id}: ${call.answer.start}`);
      if (row.status) continue;
      caller.sendTone(1000);
      const from = caller.rtp.packets.length;
      await Promise.all([caller.rtp.more(75, 8000), row.at.hear(1)]);
      const live = await secure.oneCall();
      const { text } = await secure.api.request('GET', `/api/calls/${live.callId}/trace`);
      await caller.hangup(call);
      caller.rtp.stopSending();
      await row.at.event('CALL_CLOSED', 5000, since);
      const { samples, rate } = row.at.heard();
      figures[row.id] = [snr(caller.rtp.sound(from + 20), 8000, 700), snr(samples, rate, 1000)];
      assert.ok(Math.min(...figures[row.id]) > 30, `${row.id}: ${figures[row.id]}`);
      assert.equal(live.legs.find((leg) => leg.kind === 'provider').encrypted, row.encrypted, row.id);
      assert.ok(text.match(/INVITE sip:470000\d@/g).length >= row.invites, `${row.id}: fewer than ${row.invites} offers`);
    }
    for (const [gateway, row, encrypted] of [[sdes, rows[3], 'sdes'], [dtls, rows[4], 'dtls'], [plain, rows[5], null]]) { // calls in
      const [since, seen] = [gateway.events.length, caller.sip.received.length];
      await gateway.dial(`sip:${row.id}@${host}:${secure.sipPort}`);
      if (encrypted) {
        await caller.accept(await caller.incoming(5000, seen));
        await gateway.event('CALL_ESTABLISHED', 5000, since);
        caller.sendTone(1000);
        const from = caller.rtp.packets.length;
        await caller.rtp.more(75, 8000);
        const live = await secure.oneCall();
        assert.equal(live.legs.find((leg) => leg.kind === 'provider').encrypted, encrypted);
        assert.equal(live.legs.find((leg) => leg.kind === 'provider').providerId, `p${row.id}`);
        figures[`${row.id} in`] = snr(caller.rtp.sound(from + 20), 8000, 700);
        assert.ok(figures[`${row.id} in`] > 30, JSON.stringify(figures));
        await gateway.hangup();
        await caller.hungUp();
        caller.rtp.stopSending();
      }
      const closed = await gateway.event('CALL_CLOSED', 5000, since);
      if (!encrypted) assert.match(closed.param, /488/);
    }
    t.diagnostic(`SNR ${JSON.stringify(figures)}`);
  } finally {
    await stopAll(caller, secure, ...gateways);
  }
});
