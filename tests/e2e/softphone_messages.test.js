// The browser phone's messages: rights, wrong order, bounds, other sites' pages. No browser: the sockets are Node's.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import WebSocket from 'ws';
import { Router, device, host, missing } from './lib/router.js';
import { firstPassword } from './lib/browser.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { deferred, within } from './lib/process.js';

const options = { skip: missing };
let router;
before(async () => {
  if (missing) return;
  router = await Router.start({
    devices: ['101', '102'].map((e) => device(e)),
    config: {
      features: { '*43': 'echo' },
      routing: { routes: [{ id: 'all', match: { direction: 'internal', numberPattern: '77' }, action: { targets: ['d101'], ringBrowsers: true } }] },
    },
  });
});
after(async () => { await router?.stop(); });

export const offerSdp = [
  'v=0', 'o=- 4611731400430051336 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126', 'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0', 'a=ice-ufrag:Ab+1',
  'a=ice-pwd:x9cml/YzichV2+XlhiMu8gZZ', 'a=ice-options:trickle',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, (_, i) => (i + 16).toString(16).toUpperCase()).join(':')}`,
  'a=setup:actpass', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtpmap:9 G722/8000', 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:110 telephone-event/48000', 'a=rtpmap:126 telephone-event/8000', '',
].join('\r\n');

async function tokenOf(role, deviceId) {
  return (await router.api.post('/api/tokens', { name: `${role} ${deviceId}`, role, ...(deviceId ? { deviceId } : {}) })).token;
}

const refusal = async (events, message, code) => {
  const from = events.all.length;
  events.send(message);
  // a session that no check reaches is told so after 5 s: on a slow machine that may come between
  const error = await events.waitFor((e) => e.type === 'error' && e.code !== 'no-audio', 5000, from);
  assert.equal(error.code, code, JSON.stringify(error));
  assert.ok(error.detail);
  return error;
};

test('roles: user has its own device, read has no phone', options, async () => {
  const user = await router.api.as(await tokenOf('user', 'd101')).events();
  assert.equal((await refusal(user, { type: 'webrtc-register', deviceId: 'd102' }, 'forbidden')).inReplyTo, 'webrtc-register');
  user.send({ type: 'webrtc-register', deviceId: 'd101' });
  assert.equal((await user.waitFor('webrtc-registered')).deviceId, 'd101');
  const read = await router.api.as(await tokenOf('read')).events();
  await refusal(read, { type: 'webrtc-register' }, 'forbidden');
  const other = await router.api.as(await tokenOf('user', 'd102')).events();
  await refusal(other, { type: 'webrtc-register', deviceId: 'guest:somebody' }, 'forbidden');
  await router.device('d101', (one) => one.contacts[0]?.transport === 'WEBRTC');
  for (const events of [user, read, other]) events.close();
});

test('what is not a message gets an error and the socket stays', options, async () => {
  const events = await router.api.events();
  for (const text of ['', 'x', '[]', '{}', '{"type":5}', '{"type":"webrtc-link","type":"webrtc-link"}', '{"type":null}']) {
    const from = events.all.length;
    events.socket.send(text);
    assert.equal((await events.waitFor('error', 5000, from)).code, 'bad-message', text);
  }
  await refusal(events, { type: 'nonsense' }, 'unknown-type');
  await refusal(events, { type: 'webrtc-offer', sessionId: 's', sdp: offerSdp }, 'not-registered');
  events.send({ type: 'webrtc-register' });
  await events.waitFor('webrtc-registered');
  for (const message of [
    { type: 'webrtc-offer' }, { type: 'webrtc-offer', sessionId: 's' }, { type: 'webrtc-offer', sessionId: '', sdp: 'v=0' },
    { type: 'webrtc-offer', sessionId: 'x'.repeat(500), sdp: 'v=0' }, { type: 'webrtc-offer', sessionId: 's', sdp: 'v'.repeat(40000) },
    { type: 'webrtc-link', callId: 'c' }, { type: 'webrtc-link', sessionId: 's' }, { type: 'webrtc-hangup' }, { type: 'webrtc-reject' },
  ]) await refusal(events, message, 'bad-message');
  const error = await refusal(events, { type: 'webrtc-link', callId: 'c1', sessionId: 's1' }, 'unknown-session');
  assert.deepEqual([error.inReplyTo, error.callId, error.sessionId], ['webrtc-link', 'c1', 's1']);
  await refusal(events, { type: 'webrtc-accept', callId: 'c1', sessionId: 's1' }, 'unknown-session');
  await refusal(events, { type: 'webrtc-hangup', sessionId: 's1' }, 'unknown-session');
  await refusal(events, { type: 'webrtc-reject', callId: 'c1' }, 'unknown-call');
  await refusal(events, { type: 'webrtc-offer', sessionId: 's', sdp: 'nonsense' }, 'bad-sdp');
  await refusal(events, { type: 'webrtc-register' }, 'already-registered');
  events.close();
});

/** The offer with other lines: `from` becomes `to`, more lines at its end. */
const offerWith = (from, to, more = []) => {
  const sdp = offerSdp.replaceAll(from, to);
  assert.ok(from === '' || sdp !== offerSdp);
  return `${sdp}${more.map((line) => `${line}\r\n`).join('')}`;
};
const many = (count, line) => Array.from({ length: count }, (_, n) => line(n));
const keysOfOffer = offerSdp.split('\r\n').filter((line) => /^a=(ice-|fingerprint|setup|rtcp-mux)/.test(line));
const video = ['m=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', ...keysOfOffer, 'a=mid:1', 'a=rtpmap:96 VP8/90000',
  'a=rid:h send', 'a=rid:l send', 'a=simulcast:send h;l'];
const data = ['m=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', ...keysOfOffer, 'a=mid:2', 'a=sctp-port:5000'];
const bundle = 'a=group:BUNDLE 0';
const [session, audioOnly] = [offerSdp.slice(0, offerSdp.indexOf('m=')), offerSdp.slice(offerSdp.indexOf('m='))];

test('offers of all kinds: what can be answered is, with its other lines switched off', options, async () => {
  const events = await router.api.events();
  events.send({ type: 'webrtc-register' });
  await events.waitFor('webrtc-registered');
  const answered = [
    ['without BUNDLE', offerWith(`${bundle}\r\n`, ''), [], /^(?![^]*BUNDLE)/],
    ['with line feeds alone', offerSdp.replaceAll('\r\n', '\n'), []],
    ['with simulcast and data behind', offerWith(bundle, `${bundle} 1 2`, [...video, ...data]), ['m=video 0', 'm=application 0'], /a=group:BUNDLE 0\r/],
    ['with video before', `${session.replace(bundle, 'a=group:BUNDLE 1 0')}${video.join('\r\n')}\r\n${audioOnly}`, ['m=video 0'], /a=group:BUNDLE 0\r/],
    ['with two voices', `${offerWith(bundle, `${bundle} 3`)}${audioOnly.replace('a=mid:0', 'a=mid:3')}`, ['m=audio 0']],
    ['with 200 candidates', offerWith('', '', many(200, (n) => `a=candidate:${n} 1 udp ${2122260223 - n} 10.0.0.${n} ${20000 + n} typ host`)), []],
    ['with a name as its candidate', offerWith('', '', ['a=candidate:1 1 udp 2113937151 0f4b3c2e-1111-2222-3333-444455556666.local 54321 typ host']), []],
    ['with TCP alone', offerWith('', '', ['a=candidate:1 1 tcp 1518280447 10.0.0.7 9 typ host tcptype active']), []],
    ['with IPv6 alone', offerWith('IP4 0.0.0.0', 'IP6 ::', ['a=candidate:1 1 udp 2113937151 2001:db8::7 54321 typ host']), []],
    ['with candidates that are none', offerWith('', '', ['a=candidate:', 'a=candidate:1 1 udp x y z typ', 'a=candidate:1 256 udp 1 1.1.1.1 99999999 typ host']), []],
    ['of 31 kB', offerWith('', '', many(31, () => `a=x:${'y'.repeat(960)}`)), []],
    ['that only listens', offerWith('a=sendrecv', 'a=recvonly'), [], /a=sendonly/],
    ['that begins the handshake', offerWith('actpass', 'active'), [], /a=setup:passive/],
    ['that waits for it', offerWith('actpass', 'passive'), [], /a=setup:active/],
  ];
  for (const [name, sdp, off, also] of answered) {
    const from = events.all.length;
    events.send({ type: 'webrtc-offer', sessionId: name, sdp });
    const answer = await events.waitFor((e) => e.type === 'webrtc-answer' || (e.type === 'error' && e.code !== 'no-audio'), 5000, from);
    assert.equal(answer.type, 'webrtc-answer', `${name}: ${answer.detail}`);
    const lines = answer.sdp.split('\r\n').filter((line) => line.startsWith('m='));
    assert.deepEqual(lines.filter((line) => / 0 /.test(line)).map((line) => line.split(' ').slice(0, 2).join(' ')), off, name);
    assert.equal(lines.filter((line) => /^m=audio [1-9]\d* /.test(line)).length, 1, name);
    if (also) assert.match(answer.sdp, also, name);
    events.send({ type: 'webrtc-hangup', sessionId: name });
  }
  const refused = [
    ['bad-sdp', 'no audio', `${session}${data.join('\r\n')}\r\n`],
    ['bad-sdp', 'no audio', `${session}${video.join('\r\n')}\r\n`],
    ['bad-sdp', 'no audio', offerWith('m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126', 'm=audio 9 UDP/TLS/RTP/SAVPF 96').replace(/a=rtpmap:111.*/, 'a=rtpmap:96 FOO/8000')],
    ['bad-sdp', 'rtcp-mux', offerWith('a=rtcp-mux\r\n', '')],
    ['bad-sdp', 'DTLS-SRTP', offerWith('UDP/TLS/RTP/SAVPF', 'RTP/SAVPF')],
    ['bad-sdp', 'SHA-256', offerSdp.replace(/a=fingerprint.*/, `a=fingerprint:sha-1 ${Array(20).fill('AA').join(':')}`)],
    ['bad-sdp', 'cannot be read', offerWith('a=ice-ufrag:Ab+1', 'a=ice-ufrag:Ab')],
    ['bad-message', '32768', offerWith('', '', many(33, () => `a=x:${'y'.repeat(1000)}`))],
  ];
  for (const [code, words, sdp] of refused) {
    const error = await refusal(events, { type: 'webrtc-offer', sessionId: 'refused', sdp }, code);
    assert.match(error.detail, new RegExp(words));
  }
  events.close();
});

test('two pages of a device, its phone and a guest ring together: one answers, the others are told', options, async () => {
  const page = async (deviceId) => {
    const events = await router.api.events();
    events.send({ type: 'webrtc-register', ...(deviceId ? { deviceId } : {}) });
    await events.waitFor('webrtc-registered');
    return events;
  };
  const [first, second, guest] = [await page('d101'), await page('d101'), await page()];
  const [caller, desk] = [await ScriptPhone.open(router, '102'), await ScriptPhone.open(router, '101')];
  try {
    const up = caller.call('77', { ms: 10000 });
    const invite = await desk.incoming();
    desk.ring(invite);
    const { callId } = await first.waitFor('webrtc-incoming');
    for (const events of [second, guest]) assert.equal((await events.waitFor('webrtc-incoming')).callId, callId);
    first.send({ type: 'webrtc-offer', sessionId: 's', sdp: offerSdp });
    await first.waitFor('webrtc-answer');
    guest.send({ type: 'webrtc-reject', callId }); // the others go on ringing
    const cancel = desk.sip.expect((m) => m.method === 'CANCEL', 5000, 'CANCEL');
    first.send({ type: 'webrtc-link', callId, sessionId: 's' });
    assert.deepEqual(await second.waitFor('webrtc-cancelled').then(({ callId: id, reason }) => [id, reason]), [callId, 'answered_elsewhere']);
    const cancelled = await cancel;
    assert.match(cancelled.get('reason'), /Call completed elsewhere/);
    desk.sip.reply(cancelled, 200, 'OK');
    desk.sip.reply(invite, 487, 'Request Terminated');
    second.send({ type: 'webrtc-offer', sessionId: 'late', sdp: offerSdp });
    await second.waitFor('webrtc-answer');
    await refusal(second, { type: 'webrtc-link', callId, sessionId: 'late' }, 'unknown-call');
    await refusal(first, { type: 'webrtc-link', callId, sessionId: 's' }, 'already-linked');
    assert.equal((await up).answer.status, 200); // at the latest two seconds after the link
    first.close(); // without its keys and its socket: the call waits for it, the page may come back
    await second.waitFor((e) => e.type === 'call_answered' && e.callId === callId);
    await router.api.delete(`/api/calls/${callId}`);
    await caller.hungUp();
    await router.noCalls();
  } finally {
    await stopAll(caller, desk);
    for (const events of [first, second, guest]) events.close();
  }
});

test('a page of another site gets no socket, with a good cookie or without', options, async () => {
  const login = await fetch(`${router.api.base}/api/login`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'admin', password: await firstPassword(router) }),
  });
  const cookie = login.headers.get('set-cookie').split(';')[0];
  const knock = (headers, path = '/api/events') => {
    const done = deferred();
    const socket = new WebSocket(`ws://${host}:${router.webPort}${path}`, path === '/sip' ? ['sip'] : [], { headers });
    socket.on('open', () => { done.resolve(101); socket.terminate(); });
    socket.on('unexpected-response', (request, response) => { done.resolve(response.statusCode); request.destroy(); });
    socket.on('error', () => {});
    return within(done.promise, 5000, 'answer');
  };
  assert.equal(await knock({ cookie, origin: router.api.base }), 101);
  assert.equal(await knock({ cookie, origin: 'https://evil.example' }), 403);
  assert.equal(await knock({ cookie, origin: 'null' }), 403);
  assert.equal(await knock({ cookie, origin: `http://${host}:1` }), 403);
  assert.equal(await knock({ origin: 'https://evil.example' }, '/sip'), 403);
  assert.equal(await knock({ cookie, origin: 'https://evil.example', host: 'evil.example' }), 421);
});

test('a flood of messages ends its own socket with 1008', options, async () => {
  const events = await router.api.events();
  for (let i = 0; i < 400; i++) events.send({ type: 'nonsense' });
  assert.equal(await within(events.closed, 5000, 'close'), 1008);
  assert.equal((await fetch(`${router.api.base}/healthz`)).status, 200);
});

test('when both have said goodbye the connection ends at once', options, async () => {
  const socket = connect(router.webPort, host);
  const frame = (opcode, text) => Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
  let bytes = Buffer.alloc(0);
  const ended = new Promise((resolve) => { socket.once('end', resolve); });
  const goodbye = new Promise((resolve) => {
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      if (bytes.includes(Buffer.from([0x03, 0xf0]))) resolve(); // 1008
    });
  });
  socket.write(`GET /api/events HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${router.token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
    + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
  for (let i = 0; i < 150; i++) socket.write(frame(1, '{"type":"nonsense"}'));
  await within(goodbye, 5000, 'goodbye');
  socket.write(frame(8, '')); // alone, and our side stays open: it is the server's to close
  await within(ended, 3000, 'end');
  socket.destroy();
});
