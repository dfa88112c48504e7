// What strangers throw at the ports, while a call is going on that must not notice.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { randomBytes } from 'node:crypto';
import { Router, device, host, missing, poll } from './lib/router.js';
import { within, deferred } from './lib/process.js';
import { SipEndpoint, token } from './lib/sip.js';
import { snr } from './lib/audio.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const options = { skip: missing };
let router;
let a;
let b;
let dialog;
before(async () => {
  if (missing) return;
  router = await Router.start({ devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })) });
  [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  const answered = (async () => b.accept(await b.incoming()))();
  dialog = await a.call('102');
  await answered;
  a.sendTone(1000);
  b.sendTone(1000);
  await Promise.all([a.rtp.more(10), b.rtp.more(10)]);
});
after(async () => {
  if (missing) return;
  try {
    await a.hangup(dialog);
    await b.hungUp();
  } finally {
    await stopAll(a, b);
    await router.stop();
  }
});

/** The fault, then: the call goes on clean, the program answers. */
function undisturbed(name, body) {
  test(name, options, async () => {
    const from = b.rtp.packets.length;
    await body();
    await b.rtp.more(40);
    assert.deepEqual(b.rtp.faults(from), []);
    assert.ok(snr(b.rtp.sound(from), 8000, 1000) > 25);
    const sip = await SipEndpoint.open({ to: { address: host, port: router.sipPort } });
    const answer = await sip.transact({ method: 'OPTIONS', uri: a.uri('101'), from: '<sip:x@y>;tag=1' }, {});
    assert.ok(answer.status < 500, answer.start);
    sip.close();
    assert.equal((await fetch(`${router.api.base}/healthz`)).status, 200);
  });
}

const udp = () => SipEndpoint.open({ to: { address: host, port: router.sipPort } });

/** A bare TCP connection: {socket, closed (promise), data()}. */
async function raw(port = router.sipPort) {
  const socket = net.connect(port, host);
  const opened = deferred();
  const closed = deferred();
  let data = '';
  socket.on('data', (bytes) => { data += bytes.toString('latin1'); });
  socket.once('connect', opened.resolve);
  socket.on('error', opened.reject);
  socket.once('close', closed.resolve);
  opened.promise.catch(() => {});
  await within(opened.promise, 5000, 'connection');
  return { socket, closed: closed.promise, data: () => data };
}

const badMessages = async () => (await router.api.get('/api/status')).sip.badMessages;

undisturbed('10,000 datagrams of junk', async () => {
  const before = await badMessages();
  const sip = await udp();
  for (let i = 0; i < 10000; i += 1) {
    sip.sendRaw(randomBytes(1 + ((i * 7) % 1400)));
    if (i % 100 === 0) await new Promise(setImmediate); // let the sockets of this process be read
  }
  await poll(async () => await badMessages() >= before + 1000, 5000, 'the junk is counted');
  sip.close();
});

undisturbed('every prefix of a request', async () => {
  const sip = await udp();
  const text = sip.request({ method: 'INVITE', uri: a.uri('102'), from: '<sip:101@x>;tag=1', to: '<sip:102@x>', callId: token(), cseq: 1, body: a.offer });
  for (let n = 1; n < text.length; n += 3) sip.sendRaw(text.slice(0, n));
  sip.close();
});

undisturbed('a request of 60,000 bytes', async () => {
  const sip = await udp();
  sip.sendRaw(sip.request({ method: 'OPTIONS', uri: a.uri('102'), from: '<sip:101@x>;tag=1', to: '<sip:102@x>', callId: token(), cseq: 1, headers: [['X-Long', 'x'.repeat(60000)]] }));
  sip.close();
});

undisturbed('a request with 5,000 headers', async () => {
  const sip = await udp();
  sip.sendRaw(sip.request({ method: 'OPTIONS', uri: a.uri('102'), from: '<sip:101@x>;tag=1', to: '<sip:102@x>', callId: token(), cseq: 1, headers: Array.from({ length: 5000 }, (_, i) => [`X-${i}`, '1']) }));
  sip.close();
});

undisturbed('10,000 connections opened and dropped', async () => {
  const files = router.openFiles();
  let opened = 0;
  for (let i = 0; i < 10000; i += 100) {
    const some = await Promise.allSettled(Array.from({ length: 100 }, () => raw()));
    opened += some.filter((one) => one.status === 'fulfilled').length;
    for (const one of some) one.value?.socket.resetAndDestroy(); // no port is left waiting on our side
  }
  assert.equal(opened, 10000);
  await poll(() => router.openFiles() <= files + 2, 10000, 'every file is given back');
});

undisturbed('100 slow senders that never finish', async () => {
  const files = router.openFiles();
  const some = await Promise.all(Array.from({ length: 100 }, (_, i) => raw([router.sipPort, router.tlsPort, router.webPort][i % 3])));
  for (const [i, one] of some.entries()) {
    one.socket.on('error', () => {});
    one.socket.write(['INVITE sip:102@x SIP/2.0\r\nVia: ', '\x16\x03\x01\x02', 'POST /api/call HTTP/1.1\r\nHo'][i % 3], 'latin1');
  }
  await b.rtp.more(60);
  for (const one of some) one.socket.destroy();
  await poll(() => router.openFiles() <= files + 2, 10000, 'every file is given back');
});

undisturbed('junk on the TLS port', async () => {
  for (let i = 0; i < 200; i += 1) {
    const one = await raw(router.tlsPort);
    one.socket.on('error', () => {});
    one.socket.end(i % 2 ? randomBytes(1 + i * 7) : Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), randomBytes(i * 5)]));
    await within(one.closed, 10000, 'the connection is closed');
  }
});

for (const [name, text] of [
  ['a negative Content-Length on a stream', 'OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: -5\r\n\r\n'],
  ['two Content-Lengths on a stream', 'OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n'],
  ['an endless Content-Length on a stream', 'OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK3\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4294967295\r\n\r\n'],
  ['a header without an end on a stream', `OPTIONS sip:x@y SIP/2.0\r\nX: ${'y'.repeat(200000)}`],
  ['binary junk on a stream', '\x16\x03\x01\x00\xff'.repeat(20000)],
]) {
  undisturbed(name, async () => {
    const one = await raw();
    one.socket.on('error', () => {});
    one.socket.write(text, 'latin1');
    await within(one.closed, 10000, 'the connection is closed');
  });
}

undisturbed('a request sent byte by byte over TCP is answered', async () => {
  const one = await raw();
  one.socket.setNoDelay(true);
  const text = 'OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKslow;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: slow\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n';
  for (const char of text) one.socket.write(char);
  await poll(() => /^SIP\/2\.0 \d/.test(one.data()), 5000, 'answer');
  one.socket.destroy();
});

undisturbed('CRLF keep-alives over TCP get their pong', async () => {
  const one = await raw();
  one.socket.write('\r\n\r\n');
  await poll(() => one.data() === '\r\n', 5000, 'pong');
  one.socket.destroy();
});

undisturbed('junk on the RTP ports is not forwarded', async () => {
  const { port, address } = b.remoteMedia;
  const before = b.rtp.packets.length;
  const stranger = await udp();
  const known = b.rtp.packets[b.rtp.packets.length - 1];
  for (let i = 0; i < 5000; i += 1) {
    const junk = randomBytes(i % 3 === 0 ? 1 + (i % 1400) : 172);
    if (i % 3 === 1) junk.writeUInt16BE(0x8000, 0); // as if it were PCMU
    if (i % 3 === 2) junk.writeUInt16BE(0x80c8, 0); // as if it were a report
    if (i % 6 === 1) junk.writeUInt32BE(known.ssrc, 8);
    stranger.sendRaw(junk, { port: port + (i & 1), address });
    if (i % 100 === 0) await new Promise(setImmediate);
  }
  await b.rtp.more(30);
  assert.equal(new Set(b.rtp.packets.slice(before).map((p) => p.ssrc)).size, 1);
  stranger.close();
});

undisturbed('broken HTTP on the web port', async () => {
  for (const text of ['GET / HTTP/9.9\r\n\r\n', 'POST /api/call HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', `GET /${'a'.repeat(100000)} HTTP/1.1\r\n\r\n`, '\0\0\0\0',
    'POST /api/call HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', ...Array.from({ length: 200 }, (_, i) => randomBytes(1 + i * 11))]) {
    const one = await raw(router.webPort);
    one.socket.on('error', () => {});
    one.socket.end(text);
    await within(one.closed, 10000, 'closed');
  }
});
