// Hold, mute and DTMF on a live call.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { dB, level, rms } from './lib/audio.js';
import { sdp } from './lib/sip.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const options = { skip: missing };
let router;
before(async () => {
  if (!missing) router = await Router.start({ devices: ['101', '102'].map((extension) => device(extension, { codecs: ['PCMU'] })) });
});
after(async () => { await router?.stop(); });

async function inCall(body) {
  const [a, b] = await Promise.all(['101', '102'].map((extension) => ScriptPhone.open(router, extension)));
  try {
    const events = await router.api.events();
    const answered = (async () => b.accept(await b.incoming()))();
    const dialog = await a.call('102');
    await answered;
    assert.equal(dialog.answer.status, 200);
    const { callId } = await events.waitFor('call_answered');
    a.sendTone(900);
    b.sendTone(1300);
    await Promise.all([a.rtp.more(25), b.rtp.more(25)]);
    await body({ a, b, dialog, callId, events });
    await a.hangup(dialog);
    await b.hungUp();
  } finally {
    await stopAll(a, b);
  }
}

/** Waits until the last 300 ms a party heard pass the test. */
function soundIs(party, check, what) {
  const from = party.rtp.packets.length;
  return poll(() => {
    const sound = party.rtp.sound(from);
    return sound.length >= 2400 && check(sound.subarray(sound.length - 2400));
  }, 6000, what);
}

const has = (hz) => (sound) => dB(level(sound, 8000, hz)) > -25;

test('the held party hears music, hold is not propagated, resume brings the voice back', options, () => inCall(async ({ a, b, dialog }) => {
  const before = b.sip.received.length;
  const hold = a.sip.within(dialog, 'INVITE', { body: sdp(host, a.rtp.port, { direction: 'sendonly', version: 2 }) });
  const held = await a.sip.transact(hold, { user: '101', password: 'pw101' });
  assert.equal(held.status, 200);
  assert.match(held.body, /a=(recvonly|inactive)/);
  a.sip.ack(hold);
  a.rtp.stopSending();
  await soundIs(b, (sound) => rms(sound) > 0.003 && !has(900)(sound), 'music on hold');
  assert.ok(!b.sip.received.slice(before).some((m) => m.method === 'INVITE' || m.method === 'UPDATE'), 'hold stays local');

  dialog.cseq = hold.cseq;
  const resume = a.sip.within(dialog, 'INVITE', { body: sdp(host, a.rtp.port, { version: 3 }) });
  const resumed = await a.sip.transact(resume, { user: '101', password: 'pw101' });
  assert.equal(resumed.status, 200);
  a.sip.ack(resume);
  dialog.cseq = resume.cseq;
  a.sendTone(900);
  await Promise.all([soundIs(b, has(900), 'voice after hold'), soundIs(a, has(1300), 'other voice after hold')]);
  assert.deepEqual(b.rtp.faults(), []);
}));

test('mute and unmute over REST', options, () => inCall(async ({ a, b, callId }) => {
  const call = await router.api.get(`/api/calls/${callId}`);
  const leg = call.legs.find((one) => one.deviceId === 'd101');
  await router.api.patch(`/api/calls/${callId}/legs/${leg.legId}`, { muted: true });
  await soundIs(b, (sound) => !has(900)(sound) && dB(rms(sound)) < -45, 'silence of a muted party');
  await router.api.patch(`/api/calls/${callId}/legs/${leg.legId}`, { muted: false });
  await soundIs(b, has(900), 'voice after mute');
  assert.deepEqual(b.rtp.faults(), []);
  assert.deepEqual(a.rtp.faults(), []);
}));

test('a digit by RFC 4733 passes and is told as an event', options, () => inCall(async ({ a, b, events }) => {
  a.rtp.stopSending();
  const { seq, ts } = a.rtp;
  for (let i = 0; i < 8; i += 1) { // digit 5: five packets on the way, three that end it, one timestamp
    a.rtp.ts = ts;
    const end = i >= 5 ? 0x80 : 0;
    const duration = Math.min(i + 1, 5) * 160;
    a.rtp.sendPacket(a.remoteMedia, Buffer.from([5, end | 10, duration >> 8, duration & 255]), { payloadType: 101, marker: i === 0, samples: 0 });
  }
  assert.equal(a.rtp.seq, (seq + 8) & 0xffff);
  a.rtp.ts = ts + 800;
  const event = await events.waitFor('dtmf');
  assert.equal(event.digit ?? event.digits, '5');
  await b.rtp.until((packets) => packets.some((p) => p.payloadType === 101 && p.payload[0] === 5 && p.payload[1] & 0x80), 3000, 'digit at the other side');
}));
