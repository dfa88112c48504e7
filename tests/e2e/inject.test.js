// Others send RTP into a call that is not encrypted: before its source is known, after, with its SSRC, of another type.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { RtpParty } from './lib/rtp.js';
import { sdp } from './lib/sip.js';
import { protector } from './lib/srtp.js';
import { snr } from './lib/audio.js';

const options = { skip: missing };
const NOISE = Buffer.alloc(160, 0x11);
let router;
before(async () => {
  if (missing) return;
  router = await Router.start({ rtpPorts: 20, devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })) });
});
after(async () => { await router?.stop(); });

const isNoise = (packet) => packet.payload.subarray(0, 8).equals(NOISE.subarray(0, 8));
const legOf = async (number) => (await router.api.get('/api/calls')).items[0]?.legs.find((leg) => leg.number === number);

async function withCall(body) {
  const [a, b] = await Promise.all(['101', '102'].map((number) => ScriptPhone.open(router, number)));
  const strangers = await Promise.all(['127.6.6.6', '127.6.6.7', host].map((address) => RtpParty.open(0, address)));
  const timers = [];
  try {
    await body(a, b, strangers, (send) => timers.push(setInterval(send, 10)));
  } finally {
    for (const timer of timers) clearInterval(timer);
    for (const stranger of strangers) stranger.close();
    for (const { callId } of (await router.api.get('/api/calls')).items) await router.api.request('DELETE', `/api/calls/${callId}`);
    await router.noCalls();
    await stopAll(a, b);
  }
}

async function connect(a, b) {
  const answered = (async () => b.accept(await b.incoming()))();
  const dialog = await a.call('102');
  await answered;
  return dialog;
}

async function isClean(a, b, count = 100) {
  await Promise.all([a.rtp.more(count), b.rtp.more(count)]);
  for (const [party, hz] of [[a, 1300], [b, 1000]]) {
    assert.equal(party.rtp.packets.filter(isNoise).length, 0, 'packets of strangers');
    assert.deepEqual(party.rtp.faults(), []);
    const heard = snr(party.rtp.sound().slice(-8000), 8000, hz);
    assert.ok(heard > 35, `SNR ${heard}`);
  }
}

test('while the source is learnt: strangers at every port, from before the call on', options, () => withCall(async (a, b, strangers, each10ms) => {
  const { min, max } = router.config.proxy.rtpPortRange;
  each10ms(() => {
    for (const stranger of strangers.slice(0, 2)) { // in a sequence of its own at each port
      const { seq } = stranger;
      for (let port = min; port <= max; port += 2) {
        stranger.seq = seq;
        stranger.sendPacket({ address: host, port }, NOISE);
      }
    }
  });
  await connect(a, b);
  const stray = await poll(async () => {
    const legs = await Promise.all(['101', '102'].map(legOf));
    return legs.every((leg) => leg?.audio?.stray > 100) && legs;
  }, 8000, 'the strangers are counted');
  assert.deepEqual(stray.map((leg) => leg.audio.packetsIn), [0, 0]);
  assert.deepEqual([a, b].map((party) => party.rtp.packets.length), [0, 0], 'nothing leaks out');
  a.sendTone(1000);
  b.sendTone(1300);
  await isClean(a, b);
}));

test('after: from elsewhere with the SSRC and the numbers of the call', options, () => withCall(async (a, b, strangers, each10ms) => {
  await connect(a, b);
  a.sendTone(1000);
  b.sendTone(1300);
  await Promise.all([a.rtp.more(20), b.rtp.more(20)]);
  each10ms(() => {
    for (const stranger of strangers) {
      Object.assign(stranger, { ssrc: a.rtp.ssrc, seq: (a.rtp.seq + 1) & 0xffff, ts: (a.rtp.ts + 160) >>> 0 });
      stranger.sendPacket(a.remoteMedia, NOISE);
      stranger.ssrc = (a.rtp.ssrc ^ 1) >>> 0;
      stranger.sendPacket(b.remoteMedia, NOISE);
    }
  });
  await isClean(a, b, 150);
  assert.equal((await legOf('101')).address, `${host}:${a.rtp.port}`);
  assert.equal((await legOf('102')).address, `${host}:${b.rtp.port}`);
}));

test('from the right address, of types nobody agreed on: dropped and counted', options, () => withCall(async (a, b, strangers, each10ms) => {
  await connect(a, b);
  a.sendTone(1000);
  b.sendTone(1300);
  await Promise.all([a.rtp.more(20), b.rtp.more(20)]);
  each10ms(() => {
    for (const payloadType of [8, 18, 96, 127]) {
      const { seq, ts } = a.rtp;
      a.rtp.sendPacket(a.remoteMedia, NOISE, { payloadType });
      Object.assign(a.rtp, { seq, ts });
    }
  });
  await isClean(a, b, 150);
  await poll(async () => (await legOf('101')).audio?.dropped > 500, 8000, 'counted as dropped');
}));

test('encrypted: before the call, replayed, changed, of another key, with the SSRC: not one packet gets through', options, () => withCall(async (a, b, strangers, each10ms) => {
  const KEY = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
  const WRONG = Buffer.alloc(30, 7).toString('base64');
  const secured = sdp(host, a.rtp.port, { more: [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`] }).replace('RTP/AVP', 'RTP/SAVP');
  const { min, max } = router.config.proxy.rtpPortRange;
  const sent = [];
  each10ms(() => { // while it is learnt and after: in the clear and with a wrong key, from the phone's own address, too
    for (const stranger of strangers) {
      const { seq } = stranger;
      for (let port = min; port <= max; port += 2) {
        for (const protect of [undefined, protector(WRONG)]) {
          Object.assign(stranger, { seq, protect });
          stranger.sendPacket({ address: host, port }, NOISE);
        }
      }
    }
  });
  const answered = (async () => b.accept(await b.incoming()))();
  const dialog = await a.call('102', { body: secured });
  assert.equal(dialog.answer.status, 200, dialog.answer.start);
  await answered;
  await poll(async () => { const leg = await legOf('101'); return leg?.audio?.stray + leg?.audio?.srtpAuthFailed > 100; }, 8000, 'the strangers are counted');
  assert.equal(b.rtp.packets.length, 0, 'nothing leaks out');
  assert.equal((await legOf('101')).audio.packetsIn, 0);
  a.rtp.protect = protector(KEY);
  a.rtp.onSend = (bytes) => sent.push(bytes);
  a.sendTone(1000);
  await b.rtp.more(30);
  each10ms(() => { // what the phone itself has sent: again, and with one bit changed; from its own socket and another
    const old = sent[Math.max(0, sent.length - 20)];
    const changed = Buffer.from(sent[sent.length - 1]);
    changed[20] ^= 1;
    for (const bytes of [old, changed]) {
      for (const socket of [a.rtp.socket, strangers[2].socket]) socket.send(bytes, a.remoteMedia.port, a.remoteMedia.address);
    }
  });
  const from = b.rtp.packets.length;
  await b.rtp.more(150);
  assert.deepEqual(b.rtp.faults(from), []);
  const heard = snr(b.rtp.sound(from), 8000, 1000);
  assert.ok(heard > 35, `SNR ${heard}`);
  const { audio } = await poll(async () => {
    const leg = await legOf('101');
    return leg.audio.srtpAuthFailed > 100 && leg.audio.srtpReplayed > 50 && leg;
  }, 8000, 'counted');
  assert.ok(audio.packetsIn <= sent.length, `${audio.packetsIn} of ${sent.length} taken`);
}));
