// Calls through providers: Kamailio as registrar and proxy with digest, and scripted providers that look at single messages.
import test from 'node:test';
import assert from 'node:assert/strict';
import tls from 'node:tls';
import { Router, cli, device, host, missing, poll } from './lib/router.js';
import { Baresip } from './lib/baresip.js';
import { Impair } from './lib/impair.js';
import { Kamailio, domain, passwordOf } from './lib/kamailio.js';
import { NameServer } from './lib/dns.js';
import { Trunk, account, certificate, until } from './lib/trunk.js';
import { SipEndpoint, credentials, digestParams, mediaOf, parse, sdp, token, uriOf } from './lib/sip.js';
import { RtpParty } from './lib/rtp.js';
import { snr } from './lib/audio.js';
import { PATIENCE_MS, busy } from './lib/process.js';
import { ScriptPhone, phone, stopAll } from './lib/phones.js';

const options = { skip: missing };
const accounts = [1, 2, 3, 4, 5].map((n) => `493010${n}`);

/** The tones of two baresips: 1,000 Hz of the near one, 700 Hz of the far one. */
async function hearEachOther(t, near, far) {
  const [atNear, atFar] = await Promise.all([near.hear(2), far.hear(2)]);
  const figures = { atFar: snr(atFar.samples, atFar.rate, 1000), atNear: snr(atNear.samples, atNear.rate, 700) };
  t.diagnostic(`SNR ${JSON.stringify(figures)}`);
  assert.ok(figures.atFar > 30 && figures.atNear > 30, JSON.stringify(figures));
}

test('Kamailio: five accounts on one host, calls out and in with tones both ways', options, async (t) => {
  const server = await Kamailio.start({ numbers: { '+49891234': 'far' }, maxExpires: 16 });
  const router = await Router.start({
    devices: accounts.map((name, n) => device(`20${n + 1}`, { codecs: ['PCMU'] })),
    config: {
      providers: accounts.map((name) => account(server.port, name)),
      routing: {
        routes: [
          ...accounts.map((name, n) => ({
            id: `in${n + 1}`, match: { direction: 'inbound', sourceProvider: `p${name}` }, action: { targets: [`d20${n + 1}`] },
          })),
          { id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: `p${accounts[0]}` } },
        ],
      },
    },
  });
  const far = await Baresip.registered({ user: 'far', password: passwordOf('far'), server: `${host}:${server.port}`, codecs: 'PCMU', hz: 700 });
  try {
    for (const name of accounts) {
      await until(router, `p${name}`, (state) => state.state === 'registered');
      await server.registered(name);
    }
    await t.test('each has a Contact user of its own', () => {
      const users = accounts.map((name) => server.child.output.match(new RegExp(`REGISTERED ${name} .*?<sip:([0-9a-f]{16})@`))[1]);
      assert.equal(new Set(users).size, 5);
    });
    await t.test('a call out', async () => {
      const near = await phone(router, '201', { codecs: 'PCMU' });
      try {
        const since = [near.events.length, far.events.length];
        await near.dial('+49891234');
        await Promise.all([near.event('CALL_ESTABLISHED', 10000, since[0]), far.event('CALL_ESTABLISHED', 10000, since[1])]);
        const call = await router.oneCall(({ legs }) => legs.some((leg) => leg.kind === 'provider' && leg.providerId === `p${accounts[0]}`));
        assert.equal(call.direction, 'outbound');
        assert.equal(call.routeId, 'out');
        await hearEachOther(t, near, far);
        await near.hangup();
        await far.event('CALL_CLOSED', 5000, since[1]);
        await router.noCalls();
        const again = far.events.length;
        const made = await router.api.post('/api/call', { from: '201', to: '+49891234', providerId: `p${accounts[2]}` });
        await far.event('CALL_ESTABLISHED', 10000, again);
        await router.oneCall(({ callId, legs }) => callId === made.callId && legs.some((leg) => leg.kind === 'provider' && leg.providerId === `p${accounts[2]}`));
        await near.hangup();
        await far.event('CALL_CLOSED', 5000, again);
      } finally {
        await near.stop();
      }
    });
    for (const [n, name] of accounts.entries()) {
      await t.test(`a call in to account ${n + 1} rings its own phone`, async () => {
        const near = await phone(router, `20${n + 1}`, { codecs: 'PCMU' });
        try {
          const since = [near.events.length, far.events.length];
          await far.dial(name);
          await Promise.all([near.event('CALL_ESTABLISHED', 10000, since[0]), far.event('CALL_ESTABLISHED', 10000, since[1])]);
          const call = await router.oneCall((one) => one.routeId === `in${n + 1}`);
          assert.equal(call.direction, 'inbound');
          assert.equal(call.to, name);
          if (n === 4) {
            await hearEachOther(t, near, far);
          }
          await far.hangup();
          await near.event('CALL_CLOSED', 5000, since[0]);
        } finally {
          await near.stop();
        }
      });
    }
    await t.test('the provider restarts: all register again by themselves', async () => {
      await server.stop();
      await server.start();
      for (const name of accounts) await server.child.line(new RegExp(`REGISTERED ${name} `), 30000);
    });
    await t.test('the command line shows them', async () => {
      for (const name of accounts) await until(router, `p${name}`, (state) => state.state === 'registered');
      const shown = await cli(['providers', '--data', router.data]);
      assert.equal(shown.code, 0, shown.stderr);
      assert.equal((shown.stdout.match(/registered/g) || []).length, 5);
    });
  } finally {
    await stopAll(far, router, server);
  }
});

test('Kamailio: what is wrong is said in one sentence', options, async () => {
  const server = await Kamailio.start();
  const router = await Router.start({
    config: {
      providers: [
        account(server.port, 'right'),
        account(server.port, 'wrong', { password: 'guess' }),
        account(server.port, 'tcp', { outboundProxy: { address: host, port: 1, transport: 'tcp' } }),
        { ...account(server.port, 'lost'), domain: 'no-such-name.invalid', outboundProxy: {} },
      ],
    },
  });
  try {
    await until(router, 'pright', (state) => state.state === 'registered');
    const wrong = await until(router, 'pwrong', (state) => state.state === 'failed');
    assert.equal(wrong.fault, 'wrong_password');
    assert.match(wrong.verdict, /password/);
    assert.match(wrong.lastResponse, /^401 /);
    assert.equal((await until(router, 'ptcp', (state) => state.state === 'failed')).fault, 'connection_refused');
    assert.equal((await until(router, 'plost', (state) => state.state === 'failed', 15000)).fault, 'dns_failure');
    const { providers } = await poll(async () => { // counted each second
      const status = await router.api.get('/api/status');
      return status.providers.up === 1 ? status : null;
    }, 5000, 'the count of providers');
    assert.equal(providers.configured, 4);
  } finally {
    await stopAll(router, server);
  }
});

test('Kamailio: bindings of 6 s and nonces of 2 s: refreshed in time, each stale nonce answered', options, async () => {
  const server = await Kamailio.start({ maxExpires: 6, nonceSec: 2 });
  const router = await Router.start({ config: { providers: [account(server.port, 'short')] } });
  try {
    await until(router, 'pshort', (state) => state.state === 'registered');
    const events = await router.api.events();
    const count = () => server.child.lines.filter((line) => /REGISTERED short /.test(line)).length;
    const seen = count();
    const began = Date.now();
    await poll(() => count() >= seen + 3, 18000, 'three refreshes');
    assert.ok(Date.now() - began < 3 * 6000 * busy(), 'before the binding ends'); // all three may be late on a busy machine
    assert.equal(events.all.filter((event) => event.type === 'provider_failed').length, 0);
    assert.equal((await until(router, 'pshort', (state) => state)).state, 'registered');
  } finally {
    await stopAll(router, server);
  }
});

// Each account has two servers by SRV: a script that dies at the worst moment, and Kamailio.
test('death of the provider during registration, between calls, while it rings: Kamailio takes over', options, async (t) => {
  const server = await Kamailio.start({ numbers: { '+49891234': 'far' } });
  const dying = { during: await Trunk.open(), between: await Trunk.open(), ringing: await Trunk.open() };
  dying.during.sip.onMessage = (message) => {
    if (message.method !== 'REGISTER' || message.get('authorization')) return;
    dying.during.reply(message, 401, 'Unauthorized', { headers: [['WWW-Authenticate', `Digest realm="${domain}", nonce="${token()}", algorithm=MD5, qop="auth"`]] });
  };
  const records = { 'A kam.test': [host], 'A dying.test': [host] };
  for (const [name, trunk] of Object.entries(dying)) {
    records[`SRV _sip._udp.${name}.test`] = [[10, 0, trunk.port, 'dying.test'], [20, 0, server.port, 'kam.test']];
  }
  const dns = await NameServer.open(records);
  const provider = (name, more) => account(1, name, { outboundProxy: { address: `${name}.test`, transport: 'udp' }, ...more });
  const router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] })],
    config: {
      dns: { servers: [dns.address] },
      providers: [
        provider('during'), provider('between', { qualifySec: 1 }), provider('ringing', { register: false, digestRealm: domain }),
      ],
      routing: {
        routes: ['during', 'between', 'ringing'].map((name, n) => ({
          id: name, match: { direction: 'outbound', numberPattern: `9${n}*` }, action: { provider: `p${name}`, stripPrefix: `9${n}` },
        })),
      },
    },
  });
  const far = await Baresip.registered({ user: 'far', password: passwordOf('far'), server: `${host}:${server.port}`, codecs: 'PCMU', hz: 700 });
  let near;
  try {
    const events = await router.api.events();
    // during registration: the challenge came, then nothing more
    await dying.during.sip.expect((m) => m.method === 'REGISTER' && m.get('authorization'), PATIENCE_MS, 'REGISTER with credentials');
    dying.during.close();
    // between calls
    await until(router, 'pbetween', (state) => state.state === 'registered' && state.address.endsWith(`:${dying.between.port}`));
    dying.between.close();
    // in the middle of ringing: stays one call until the caller gives up, nothing is left behind
    near = await ScriptPhone.open(router, '201');
    const callId = `${token()}@near`;
    const ringing = near.call('92+49891234', { ms: 20000, callId });
    const invite = await dying.ringing.sip.expect((m) => m.method === 'INVITE', PATIENCE_MS, 'INVITE');
    dying.ringing.sip.reply(invite, 180, 'Ringing');
    await near.sip.expect((m) => m.status === 180, PATIENCE_MS, '180');
    dying.ringing.close();
    await until(router, 'pduring', (state) => state.state === 'registered' && state.address.endsWith(`:${server.port}`), 12000);
    await until(router, 'pbetween', (state) => state.state === 'registered' && state.address.endsWith(`:${server.port}`), 12000);
    // the other server had answered before anybody could call this a failure
    assert.deepEqual(events.all.filter((event) => event.type === 'provider_failed').map((event) => event.providerId), []);
    await router.oneCall();
    const sent = near.sip.received.find((m) => m.status === 180);
    near.sip.sendRaw(near.sip.request({
      method: 'CANCEL', uri: near.uri('92+49891234'), from: sent.get('from'), to: sent.get('to').replace(/;tag=.*/, ''),
      callId, cseq: parseInt(sent.get('cseq'), 10), branch: sent.get('via').match(/branch=([^;]+)/)[1], contact: null,
    }));
    assert.equal((await ringing).answer.status, 487);
    await router.noCalls();
    // each of them calls on, by Kamailio
    for (const n of [0, 1, 2]) {
      const since = far.events.length;
      const call = await near.call(`9${n}+49891234`, { ms: 12000 });
      assert.equal(call.answer.status, 200, `${n}: ${call.answer.raw}\n${JSON.stringify((await router.api.get('/api/history')).items[0]?.legs)}`);
      await far.event('CALL_ESTABLISHED', 5000, since);
      near.sendTone(1000);
      const from = near.rtp.packets.length;
      await near.rtp.more(80);
      assert.ok(snr(near.rtp.sound(from + 20), 8000, 700) > 30);
      near.rtp.stopSending();
      await near.hangup(call);
      await far.event('CALL_CLOSED', 5000, since);
    }
    t.diagnostic(`the last word of each: ${JSON.stringify((await router.api.get('/api/providers')).items.map((item) => [item.id, item.state, item.lastResponse]))}`);
  } finally {
    await stopAll(near, far, router, dns, server, ...Object.values(dying));
  }
});

// ---- a scripted provider ----

test('a scripted provider: caller identity on the wire, digest of the INVITE, tones both ways', options, async (t) => {
  const trunk = await Trunk.open();
  const router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] })],
    config: {
      providers: [account(trunk.port, '4930123', { callerId: '+4930123', preset: 'sipgate' })],
      routing: { routes: [{ id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'p4930123' } }] },
    },
  });
  let near;
  try {
    await until(router, 'p4930123', (state) => state.state === 'registered');
    near = await phone(router, '201', { codecs: 'PCMU' });
    await near.dial('+49891234');
    const first = await trunk.sip.expect((m) => m.method === 'INVITE');
    const headers = [['Proxy-Authenticate', `Digest realm="${domain}", nonce="n1", algorithm=MD5, qop="auth"`]];
    trunk.sip.reply(first, 407, 'Proxy Authentication Required', { headers });
    const invite = await trunk.sip.expect((m) => m.method === 'INVITE' && m.get('proxy-authorization'));
    const given = digestParams(invite.get('proxy-authorization'));
    const right = credentials(headers[0][1], { method: 'INVITE', uri: given.uri, user: '4930123', password: passwordOf('4930123'), cnonce: given.cnonce, nc: parseInt(given.nc, 16) });
    assert.equal(given.response, digestParams(right).response);
    assert.match(invite.get('from'), /<sip:4930123@trunk\.example>/);
    assert.equal(uriOf(invite.get('p-preferred-identity')), `sip:+4930123@${domain}`);
    assert.equal(invite.uri, `sip:+49891234@${domain}`);
    const rtp = await RtpParty.open(0);
    const media = mediaOf(invite.body);
    rtp.sendTone(media, 700);
    trunk.sip.reply(invite, 183, 'Session Progress', { body: sdp(host, rtp.port) });
    trunk.sip.reply(invite, 200, 'OK', { body: sdp(host, rtp.port) });
    await trunk.sip.expect((m) => m.method === 'ACK' && m.get('cseq') === invite.get('cseq').replace('INVITE', 'ACK'));
    await near.event('CALL_ESTABLISHED', 5000);
    await rtp.more(20);
    const from = rtp.packets.length;
    await near.hear(2);
    await rtp.until((packets) => packets.length >= from + 100);
    const atNear = near.heard();
    const figures = { atTrunk: snr(rtp.sound(from), 8000, 1000), atNear: snr(atNear.samples, atNear.rate, 700) };
    t.diagnostic(`SNR ${JSON.stringify(figures)}`);
    assert.ok(figures.atTrunk > 30 && figures.atNear > 30, JSON.stringify(figures));
    await near.hangup();
    const bye = await trunk.sip.expect((m) => m.method === 'BYE');
    trunk.sip.reply(bye, 200, 'OK');
    rtp.close();
  } finally {
    await stopAll(near, router, trunk);
  }
});

test('a stranger who knows the number is challenged; the provider is not', options, async () => {
  const trunk = await Trunk.open();
  const router = await Router.start({
    devices: [device('201')],
    config: {
      providers: [account(trunk.port, '4930123')],
      routing: { routes: [{ id: 'in', match: { direction: 'inbound' }, action: { targets: ['d201'] } }] },
    },
  });
  // loopback is the provider's address here, so the stranger comes from another one
  const stranger = await SipEndpoint.open({ to: { address: host, port: router.sipPort }, address: '127.0.0.2' });
  try {
    await until(router, 'p4930123', (state) => state.state === 'registered');
    const fields = {
      method: 'INVITE', uri: `sip:+4930123@${host}:${router.sipPort}`, user: '4930123',
      headers: [['P-Asserted-Identity', '<sip:4930123@trunk.example>'], ['P-Called-Party-ID', '<sip:4930123@trunk.example>']],
      body: sdp('127.0.0.2', 40000),
    };
    assert.equal((await stranger.transact({ ...fields })).status, 401);
    trunk.sip.options.to = { address: host, port: router.sipPort };
    const answer = await trunk.sip.transact({ ...fields, uri: trunk.contact, to: `<sip:+4930123@${domain}>`, body: sdp(host, 40000) });
    assert.equal(answer.status, 480); // nobody's phone is on: but it was let in
  } finally {
    stranger.close();
    await stopAll(router, trunk);
  }
});

test('the end of the program takes the registration back', options, async () => {
  const trunk = await Trunk.open();
  const router = await Router.start({ config: { providers: [account(trunk.port, '4930123')] } });
  try {
    await until(router, 'p4930123', (state) => state.state === 'registered');
    await router.stop();
    await poll(() => trunk.registers.at(-1).get('expires') === '0', 5000, 'the last REGISTER'); // it may still lie in our socket
  } finally {
    trunk.close();
  }
});

test('a reload touches only the account that changed', options, async () => {
  const trunk = await Trunk.open();
  const router = await Router.start({ config: { providers: [account(trunk.port, 'one'), account(trunk.port, 'two')] } });
  try {
    await until(router, 'pone', (state) => state.state === 'registered');
    await until(router, 'ptwo', (state) => state.state === 'registered');
    const before = trunk.registers.length;
    const events = await router.api.events();
    router.config.providers[1].registerIntervalSec = 120;
    router.writeConfig();
    router.child.child.kill('SIGHUP');
    await trunk.sip.expect((m) => m.method === 'REGISTER' && m.get('expires') === '120' && m.get('authorization'));
    await until(router, 'ptwo', (state) => state.state === 'registered');
    const later = () => trunk.registers.slice(before);
    await poll(() => later().some((m) => m.get('to').includes('two') && m.get('expires') === '0'), 5000, 'the old one is taken back');
    assert.equal(later().filter((m) => m.get('to').includes('one')).length, 0);
    const up = await events.waitFor('provider_registered');
    assert.equal(up.providerId, 'ptwo');
    assert.equal(up.provider.state, 'registered');
    trunk.status = 403;
    router.config.providers[1].registerIntervalSec = 180;
    router.writeConfig();
    router.child.child.kill('SIGHUP');
    const down = await events.waitFor('provider_failed');
    assert.equal(down.fault, 'forbidden');
    assert.match(down.why, /403/);
  } finally {
    await stopAll(router, trunk);
  }
});

test('behind NAT the private address never reaches the provider, and a new address is told at once', options, async () => {
  const trunk = await Trunk.open();
  trunk.seen = { address: '203.0.113.9', port: 4242 };
  const router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] })],
    config: {
      providers: [account(trunk.port, '4930123', { qualifySec: 1 })],
      routing: { routes: [{ id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'p4930123' } }] },
    },
  });
  let near;
  let rtp;
  const isClean = (message) => {
    const own = [message.all('via')[0], message.get('contact'), message.body].join('\n');
    assert.ok(!own.includes('127.0.0.1'), `a private address in ${message.raw}`);
  };
  try {
    const state = await until(router, 'p4930123', (one) => one.state === 'registered');
    assert.equal(state.publicAddress, '203.0.113.9:4242');
    assert.match(trunk.contact, /@203\.0\.113\.9:4242$/);
    near = await phone(router, '201', { codecs: 'PCMU' });
    await near.dial('+49891234');
    const invite = await trunk.sip.expect((m) => m.method === 'INVITE');
    isClean(invite);
    assert.equal(mediaOf(invite.body).address, '203.0.113.9');
    rtp = await RtpParty.open(0);
    trunk.sip.reply(invite, 200, 'OK', { body: sdp(host, rtp.port) });
    isClean(await trunk.sip.expect((m) => m.method === 'ACK'));
    await near.event('CALL_ESTABLISHED', 5000);
    const from = trunk.sip.received.length;
    trunk.seen = { address: '203.0.113.77', port: 999 };
    const again = await trunk.sip.expect((m) => m.method === 'INVITE' && m.get('to').includes('tag='), 15000, 're-INVITE', from);
    isClean(again);
    assert.equal(mediaOf(again.body).address, '203.0.113.77');
    trunk.sip.reply(again, 200, 'OK', { body: sdp(host, rtp.port, { version: 2 }) });
    const register = await trunk.sip.expect((m) => m.method === 'REGISTER' && m.get('contact').includes('203.0.113.77:999'), 15000, 'REGISTER', from);
    assert.match(register.get('contact'), /203\.0\.113\.9:4242>;expires=0/);
    await near.hangup();
    const bye = await trunk.sip.expect((m) => m.method === 'BYE');
    isClean(bye);
    trunk.sip.reply(bye, 200, 'OK');
  } finally {
    rtp?.close();
    await stopAll(near, router, trunk);
  }
});

// The way to the provider leads through a symmetric NAT that forgets a mapping after 3 s (30 s, shortened).
for (const [what, keepAliveSec, arrives] of [['a keep-alive each second holds it open', 1, true], ['without keep-alives nobody gets in', 0, false]]) {
  test(`symmetric NAT with short mappings, an idle while, a call in: ${what}`, options, async (t) => {
    const server = await Kamailio.start();
    const nat = await Impair.start(`${host}:${server.port}`, { nat: 'symmetric', 'mapping-sec': 3 });
    const router = await Router.start({
      devices: [device('201', { codecs: ['PCMU'] })],
      config: {
        providers: [account(nat.port, '4930123', { registerIntervalSec: 600, quirks: { keepAliveSec } })],
        routing: { routes: [{ id: 'in', match: { direction: 'inbound' }, action: { targets: ['d201'] } }] },
      },
    });
    const far = await Baresip.registered({ user: 'far', password: passwordOf('far'), server: `${host}:${server.port}`, codecs: 'PCMU', hz: 700 });
    let near;
    try {
      const state = await until(router, 'p4930123', (one) => one.state === 'registered');
      assert.notEqual(state.publicAddress, `${host}:${router.sipPort}`); // the NAT's port
      near = await phone(router, '201', { codecs: 'PCMU' });
      const since = [near.events.length, far.events.length];
      const begun = Date.now();
      await poll(async () => (await nat.order('stats')) && Date.now() - begun > 8000, 12000, 'the idle while');
      await far.dial('4930123');
      if (arrives) {
        await Promise.all([near.event('CALL_ESTABLISHED', 10000, since[0]), far.event('CALL_ESTABLISHED', 10000, since[1])]);
        await hearEachOther(t, near, far);
        await far.hangup();
      } else {
        await far.event('CALL_CLOSED', 15000, since[1]);
        assert.equal(near.events.slice(since[0]).filter((event) => event.type === 'CALL_INCOMING').length, 0);
      }
    } finally {
      await stopAll(near, far, router, nat, server);
    }
  });
}

test('TLS: expired, for another name, by a stranger, and a good one', options, async () => {
  const cases = [
    ['certificate_expired', certificate('localhost', '20210101000000Z'), true],
    ['certificate_name', certificate('elsewhere.example'), true],
    ['certificate_untrusted', certificate('localhost'), false],
    ['', certificate('localhost'), true],
  ];
  const servers = [];
  for (const [, files] of cases) {
    const server = tls.createServer(files, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => {
        const request = parse(data);
        if (request?.method !== 'REGISTER') return;
        const answer = ['SIP/2.0 200 OK', ...['via', 'from', 'call-id', 'cseq', 'contact'].map((name) => `${name}: ${request.get(name)}`),
          `To: ${request.get('to')};tag=x`, 'Content-Length: 0', '', ''];
        socket.write(answer.join('\r\n'));
      });
    });
    server.on('tlsClientError', () => {});
    await new Promise((resolve) => { server.listen(0, host, resolve); });
    servers.push(server);
  }
  const router = await Router.start({
    config: {
      providers: cases.map(([, files, isTrusted], n) => account(1, `tls${n}`, {
        outboundProxy: { address: 'localhost', port: servers[n].address().port, transport: 'tls' },
        quirks: { family: 'ip4' }, ...(isTrusted ? { tlsCaFile: files.file } : {}),
      })),
    },
  });
  try {
    for (const [n, [fault]] of cases.entries()) {
      const state = await until(router, `ptls${n}`, (one) => one.state === (fault ? 'failed' : 'registered'), 15000);
      assert.equal(state.fault ?? '', fault);
    }
  } finally {
    await stopAll(router);
    for (const server of servers) server.close();
  }
});
