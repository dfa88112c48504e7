// The browser phone's messages: rights, wrong order, bounds, other sites' pages. No browser: the sockets are Node's.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import WebSocket from 'ws';
import { Router, device, host, missing } from './lib/router.js';
import { firstPassword } from './lib/browser.js';
import { deferred, within } from './lib/process.js';

const options = { skip: missing };
let router;
before(async () => {
  if (missing) return;
  router = await Router.start({ devices: ['101', '102'].map((e) => device(e)), config: { features: { '*43': 'echo' } } });
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
  const error = await events.waitFor('error', 5000, from);
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
