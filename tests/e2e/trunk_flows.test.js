// Ways to a provider: a data centre that dies without a word, IPv6 literals, requests outside of calls.
import test from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';
import { busy } from './lib/process.js';
import { Router, device, host, missing, noIp6 } from './lib/router.js';
import { Baresip } from './lib/baresip.js';
import { NameServer } from './lib/dns.js';
import { Kamailio, passwordOf } from './lib/kamailio.js';
import { Trunk, account, certificate, challenge, until } from './lib/trunk.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { parse, sdp, token, uriOf } from './lib/sip.js';

const options = { skip: missing };

/** A provider's server over TCP, or TLS with a certificate; with isDeaf it still takes bytes, and says nothing; with
 * isDropping an INVITE makes it close. */
class StreamServer {
  static async open(files) {
    const server = new StreamServer();
    Object.assign(server, { received: [], sockets: new Set() });
    const serve = (socket) => {
      server.sockets.add(socket);
      let rest = '';
      socket.on('error', () => {});
      socket.on('data', (data) => {
        rest += data.toString('latin1');
        for (;;) {
          rest = rest.replace(/^(\r\n)+/, ''); // keep-alives
          const at = rest.indexOf('\r\n\r\n');
          if (at < 0) return;
          const length = Number((rest.slice(0, at).match(/^content-length\s*:\s*(\d+)/im) || [0, 0])[1]);
          if (rest.length < at + 4 + length) return;
          const message = parse(Buffer.from(rest.slice(0, at + 4 + length), 'latin1'));
          rest = rest.slice(at + 4 + length);
          server.received.push(message);
          if (server.isDeaf) continue;
          if (server.isDropping && message.method === 'INVITE') {
            socket.resetAndDestroy?.() ?? socket.destroy();
            return;
          }
          if (message.method === 'REGISTER' || message.method === 'OPTIONS') server.reply(socket, message, 200, 'OK');
          if (message.method === 'INVITE') server.reply(socket, message, 200, 'OK', sdp(host, 40000));
          if (message.method === 'BYE') server.reply(socket, message, 200, 'OK');
        }
      });
    };
    server.listener = files ? tls.createServer(files, serve) : net.createServer(serve);
    server.listener.on('tlsClientError', () => {});
    await new Promise((resolve) => { server.listener.listen(0, host, resolve); });
    server.port = server.listener.address().port;
    return server;
  }

  reply(socket, m, status, reason, body = '') {
    socket.write([`SIP/2.0 ${status} ${reason}`, ...m.all('via').map((v) => `Via: ${v}`), `From: ${m.get('from')}`,
      `To: ${m.get('to').includes('tag=') ? m.get('to') : `${m.get('to')};tag=${token()}`}`, `Call-ID: ${m.get('call-id')}`, `CSeq: ${m.get('cseq')}`,
      `Contact: ${m.method === 'REGISTER' ? m.get('contact') : `<sip:gw@${host}:${this.port}>`}`,
      ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${body.length}`, '', body].join('\r\n'));
  }

  async stop() { for (const socket of this.sockets) socket.destroy(); this.listener.close(); }
}

/** A provider with two servers by SRV, over TCP; its account registers or not. */
async function dataCentre(more, body) {
  const [one, two] = [await StreamServer.open(), await StreamServer.open()];
  const dns = await NameServer.open({
    'A one.test': [host], 'SRV _sip._tcp.dc.test': [[10, 0, one.port, 'one.test'], [20, 0, two.port, 'one.test']],
  });
  const router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] })],
    config: {
      dns: { servers: [dns.address] },
      providers: [{ ...account(1, 'dc', more), domain: 'dc.test', outboundProxy: {}, transport: 'tcp' }],
      routing: { routes: [{ id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'pdc' } }] },
    },
  });
  let near;
  try {
    near = await ScriptPhone.open(router, '201');
    await body({ router, near, one, two });
  } finally {
    await stopAll(near, router, dns, one, two);
  }
}

test('over TCP a server goes silent without closing: the call goes to the next, and the registration follows', options, (t) => dataCentre({ qualifySec: 0 }, async ({ router, near, one, two }) => {
  await until(router, 'pdc', (state) => state.state === 'registered');
  assert.ok(one.received.length > 0 && two.received.length === 0);
  one.isDeaf = true;
  const begun = Date.now();
  const call = await near.call('+49891234', { ms: 20000 });
  t.diagnostic(`answered after ${Date.now() - begun} ms`);
  assert.equal(call.answer.status, 200, call.answer.start);
  assert.ok(Date.now() - begun < 9000 * busy());
  await near.hangup(call);
  await until(router, 'pdc', (state) => state.state === 'registered' && state.address.endsWith(`:${two.port}`));
  assert.deepEqual(one.received.map((m) => m.method), ['REGISTER', 'INVITE']);
}));

test('over TCP a server breaks off in the middle of an INVITE: the next one takes the call', options, () => dataCentre({ register: false }, async ({ router, near, one, two }) => {
  await until(router, 'pdc', (state) => ['ready', 'reachable'].includes(state.state));
  one.isDropping = true;
  const call = await near.call('+49891234', { ms: 20000 });
  assert.equal(call.answer.status, 200, call.answer.start);
  assert.equal(one.received.filter((m) => m.method === 'INVITE').length, 1);
  assert.equal(two.received.filter((m) => m.method === 'INVITE').length, 1);
  await near.hangup(call);
}));

test('TLS by SRV: the certificate has the domain, not the name of the server (RFC 5922)', options, async () => {
  const files = { dom: certificate('dom.test'), srv: certificate('one.test') };
  const servers = { dom: await StreamServer.open(files.dom), srv: await StreamServer.open(files.srv) };
  const dns = await NameServer.open({
    'A one.test': [host],
    'SRV _sips._tcp.dom.test': [[10, 0, servers.dom.port, 'one.test']],
    'SRV _sips._tcp.srv.test': [[10, 0, servers.srv.port, 'one.test']],
  });
  const router = await Router.start({
    config: {
      dns: { servers: [dns.address] },
      providers: ['dom', 'srv'].map((name) => ({
        ...account(1, name), domain: `${name}.test`, outboundProxy: {}, transport: 'tls', tlsCaFile: files[name].file,
      })),
    },
  });
  try {
    await until(router, 'pdom', (state) => state.state === 'registered');
    const refused = await until(router, 'psrv', (state) => state.state === 'failed');
    assert.equal(refused.fault, 'certificate_name');
    assert.match(refused.verdict, /not for the name srv\.test/);
    assert.equal(servers.srv.received.length, 0, 'not a byte of SIP was sent there');
  } finally {
    await stopAll(router, dns, ...Object.values(servers));
  }
});

test('Kamailio over TCP: calls both ways on the flow of the registration; its restart is noticed at once', options, async (t) => {
  const server = await Kamailio.start({ numbers: { '+49891234': 'far' } });
  const router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] })],
    config: {
      providers: [account(server.port, 'tcp', { outboundProxy: { address: host, port: server.port, transport: 'tcp' }, registerIntervalSec: 600 })],
      routing: {
        routes: [
          { id: 'in', match: { direction: 'inbound' }, action: { targets: ['d201'] } },
          { id: 'out', match: { direction: 'outbound' }, action: { provider: 'ptcp' } },
        ],
      },
    },
  });
  const far = await Baresip.registered({ user: 'far', password: passwordOf('far'), server: `${host}:${server.port}`, codecs: 'PCMU', hz: 700 });
  let near;
  try {
    await until(router, 'ptcp', (state) => state.state === 'registered' && state.transport === 'TCP');
    near = await ScriptPhone.open(router, '201');
    const [since, from] = [far.events.length, near.sip.received.length];
    const call = await near.call('+49891234', { ms: 12000 });
    assert.equal(call.answer.status, 200, call.answer.start);
    await near.hangup(call);
    await far.event('CALL_CLOSED', 5000, since);
    const again = far.events.length;
    await far.dial('tcp');
    await near.accept(await near.incoming(8000, from));
    await far.event('CALL_ESTABLISHED', 8000, again);
    const live = await router.oneCall();
    const { text } = await router.api.request('GET', `/api/calls/${live.callId}/trace`);
    assert.match(text, /INVITE sip:[0-9a-f]{16}@127\.0\.0\.1:\d+;transport=tcp/);
    await far.hangup();
    await near.hungUp();
    await server.stop();
    const begun = Date.now();
    await server.start();
    await server.child.line(/REGISTERED tcp /, 20000); // long before the 600 s are over
    t.diagnostic(`registered ${Date.now() - begun} ms after the start`);
  } finally {
    await stopAll(near, far, router, server);
  }
});

test('an INVITE too large for a datagram: over TCP to Kamailio, by UDP where there is no TCP', options, async () => {
  const server = await Kamailio.start({ numbers: { '+49891234': 'far' } });
  const plain = await Trunk.open();
  const at = (port, name) => account(port, name, { outboundProxy: { address: host, port }, codecs: ['opus', 'G722', 'PCMA', 'PCMU'] });
  const router = await Router.start({
    devices: [device('201', { displayName: 'A name as long as people make them '.repeat(3), codecs: ['PCMU'] })],
    config: {
      providers: [at(server.port, 'big'), at(plain.port, 'udp')],
      routing: {
        routes: [
          { id: 'plain', match: { direction: 'outbound', numberPattern: '+4930*' }, action: { provider: 'pudp' } },
          { id: 'out', match: { direction: 'outbound' }, action: { provider: 'pbig' } },
        ],
      },
    },
  });
  plain.onMessage = (m) => {
    if (m.method !== 'INVITE') return;
    if (m.get('proxy-authorization')) plain.reply(m, 486, 'Busy Here');
    else plain.reply(m, 407, 'Proxy Authentication Required', { headers: [['Proxy-Authenticate', challenge()]] });
  };
  const far = await Baresip.registered({ user: 'far', password: passwordOf('far'), server: `${host}:${server.port}`, codecs: 'PCMU', hz: 700 });
  let near;
  try {
    for (const id of ['pbig', 'pudp']) await until(router, id, (state) => state.state === 'registered' && state.transport === 'UDP');
    near = await ScriptPhone.open(router, '201');
    for (let i = 0; i < 2; i += 1) {
      const since = far.events.length;
      const call = await near.call('+49891234', { ms: 12000 });
      assert.equal(call.answer.status, 200, call.answer.start);
      const live = await router.oneCall();
      const { text } = await router.api.request('GET', `/api/calls/${live.callId}/trace`);
      assert.match(text, /Via: SIP\/2\.0\/TCP|v: SIP\/2\.0\/TCP/);
      await near.hangup(call);
      await far.event('CALL_CLOSED', 5000, since);
    }
    const call = await near.call('+49301234', { ms: 12000 });
    assert.equal(call.answer.status, 486, call.answer.start);
    const invite = plain.sip.received.filter((m) => m.method === 'INVITE').at(-1);
    assert.ok(invite.raw.length > 1300, `${invite.raw.length}`);
    assert.match(invite.get('via'), /^SIP\/2\.0\/UDP /);
  } finally {
    await stopAll(near, far, router, server, plain);
  }
});

test('a provider named by an IPv6 address: registration, a call out, a call in', { skip: missing || noIp6 }, async () => {
  const six = await Trunk.open(0, '::1');
  const router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] })],
    config: {
      proxy: { bind: [host, '::1'], lanIp6: '::1' },
      providers: [
        { ...account(six.port, 'six'), domain: '::1', outboundProxy: { address: '::1', port: six.port, transport: 'udp' } },
        { ...account(six.port, 'brackets'), domain: '[::1]', outboundProxy: { address: '[::1]', port: six.port, transport: 'udp' } },
      ],
      routing: { routes: [{ id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'psix' } }, { id: 'in', match: { direction: 'inbound' }, action: { targets: ['d201'] } }] },
    },
  });
  let near;
  try {
    for (const id of ['psix', 'pbrackets']) await until(router, id, (state) => state.state === 'registered');
    for (const register of six.registers) assert.equal(register.uri, 'sip:[::1]');
    near = await ScriptPhone.open(router, '201');
    const call = near.call('+49891234', { ms: 20000 });
    const invite = await six.sip.expect((m) => m.method === 'INVITE');
    assert.equal(invite.uri, 'sip:+49891234@[::1]');
    assert.equal(invite.get('route'), `<sip:[::1]:${six.port};lr>`);
    assert.match(invite.get('contact'), /@\[::1\]:\d+>/);
    assert.match(invite.body, /c=IN IP6 ::1/);
    six.sip.reply(invite, 486, 'Busy');
    assert.equal((await call).answer.status, 486);
    six.sip.options.to = { address: '::1', port: router.sipPort };
    const from = near.sip.received.length;
    const back = { method: 'INVITE', uri: uriOf(six.registers.findLast((m) => m.get('to').includes('six@')).get('contact')), user: 'gw', to: '<sip:+4930123@[::1]>', body: sdp('::1', 40000).replace(/IP4/g, 'IP6') };
    const answer = six.sip.transact(back);
    await near.accept(await near.incoming(5000, from));
    assert.equal((await answer).status, 200);
    assert.match(back.answer.body, /c=IN IP6 ::1/);
    six.sip.ack(back);
    const told = near.hungUp();
    assert.equal((await six.sip.transact(six.sip.within(back, 'BYE'))).status, 200);
    await told;
  } finally {
    await stopAll(near, router, six);
  }
});

test('what the provider asks outside of calls: OPTIONS is answered, nothing else opens a door', options, async () => {
  const trunk = await Trunk.open();
  const router = await Router.start({ devices: [device('201')], config: { providers: [account(trunk.port, 'one')] } });
  const rows = [
    ['OPTIONS', 200, {}],
    ['NOTIFY', 481, { headers: [['Event', 'message-summary'], ['Subscription-State', 'active']], body: 'Messages-Waiting: yes\r\n', type: 'application/simple-message-summary' }],
    ['BYE', 481, {}],
    ['SUBSCRIBE', 401, { headers: [['Event', 'presence'], ['Expires', '60']] }],
    ['REFER', 401, { headers: [['Refer-To', '<sip:+49900123@trunk.example>']] }],
  ];
  try {
    await until(router, 'pone', (state) => state.state === 'registered');
    trunk.sip.options.to = { address: host, port: router.sipPort };
    for (const [method, status, more] of rows) {
      const answer = await trunk.sip.transact({ method, uri: trunk.contact, user: 'gw', ...more });
      assert.equal(answer.status, status, `${method}: ${answer.start}`);
    }
  } finally {
    await stopAll(router, trunk);
  }
});
