// Transfer, pickup, parking, codes within a call: who hears whom, by tones, before and after each step.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { tonesHeard } from './lib/audio.js';
import { tagOf } from './lib/sip.js';
import { ScriptPhone, phone, stopAll } from './lib/phones.js';

const tones = { 101: 700, 102: 1100, 103: 1700 };
const LOUD = -25; // the tones are sent at -10.5 dBFS
const QUIET = -45;
const allow = ['Allow', 'INVITE, ACK, BYE, CANCEL, UPDATE, NOTIFY, REFER'];

/** Waits until the last half second of what a phone hears has exactly these parties' tones. */
async function hears(party, expected) {
  const from = party.rtp.packets.length;
  let heard;
  await poll(() => {
    const sound = party.rtp.sound(from);
    if (sound.length < 4000) return false;
    heard = tonesHeard(sound.subarray(sound.length - 4000), 8000, Object.values(tones));
    return Object.entries(tones).every(([who, hz]) => (expected.includes(Number(who)) ? heard[hz] > LOUD : heard[hz] < QUIET));
  }, 8000, `${party.extension} hears ${expected}`).catch((error) => {
    error.message += `; hears ${JSON.stringify(heard)}`;
    throw error;
  });
}

/** What a phone answers by itself: NOTIFY, UPDATE and BYE. */
function polite(party) {
  party.sip.onMessage = (m) => {
    if (['NOTIFY', 'UPDATE', 'BYE'].includes(m.method)) party.sip.reply(m, 200, 'OK', { headers: [allow] });
  };
  return party;
}

async function setUp(body, { threads = 2, features = {} } = {}) {
  const router = await Router.start({
    devices: ['101', '102', '103'].map((extension) => device(extension, { codecs: ['PCMU'] })),
    config: {
      server: { mediaThreads: threads },
      groups: [{ id: 'all', extension: '200', members: ['d102', 'd103'] }],
      parking: { slots: '701-702', timeoutSec: 60 },
      features: { '*8': 'pickup', '*43': 'echo', ...features },
    },
  });
  const [a, b, c] = (await Promise.all(['101', '102', '103'].map((extension) => ScriptPhone.open(router, extension)))).map(polite);
  try {
    await body({ router, a, b, c, events: await router.api.events() });
  } finally {
    await stopAll(a, b, c);
    await router.stop();
  }
}

async function answer(party) {
  const invite = await party.incoming(8000);
  party.ring(invite);
  party.dialog = { invite };
  await party.accept(invite);
  party.sendTone(tones[party.extension]);
  return invite;
}

/** A calls B; both speak. */
async function talk(a, b) {
  const answered = answer(b);
  const dialog = await a.call(b.extension, { headers: [allow] });
  assert.equal(dialog.answer.status, 200);
  await answered;
  a.sendTone(tones[a.extension]);
  await Promise.all([hears(a, [Number(b.extension)]), hears(b, [Number(a.extension)])]);
  return dialog;
}

function refer(party, dialog, target) {
  return party.sip.transact(party.sip.within(dialog, 'REFER', { headers: [['Refer-To', `<${target}>`], allow] }), { user: party.extension, password: party.password });
}

const notified = (party, status) => party.sip.expect((m) => m.method === 'NOTIFY' && m.body.startsWith(`SIP/2.0 ${status}`), 8000, `NOTIFY ${status}`);
const bye = (party) => party.sip.expect((m) => m.method === 'BYE', 8000, 'BYE');

for (const threads of [1, 2]) {
  test(`blind transfer: the others hear each other at once, ${threads} worker${threads > 1 ? 's' : ''}`, { skip: missing }, () => setUp(async ({ a, b, c, events }) => {
    const dialog = await talk(a, b);
    const invited = answer(c);
    assert.equal((await refer(a, dialog, `sip:103@${host}`)).status, 202);
    const invite = await invited;
    assert.match(invite.get('from'), /102@/);
    await Promise.all([notified(a, 200), bye(a)]);
    await Promise.all([hears(b, [103]), hears(c, [102])]);
    assert.deepEqual(b.rtp.faults(), []);
    assert.deepEqual(c.rtp.faults(), []);
    const removed = await events.waitFor((event) => event.type === 'leg_removed' && event.reason === 'transferred');
    assert.equal(removed.leg?.deviceId ?? 'd101', 'd101');
  }, { threads }));

  test(`attended transfer moves a leg between calls, ${threads} worker${threads > 1 ? 's' : ''}`, { skip: missing }, () => setUp(async ({ router, a, b, c, events }) => {
    const first = await talk(a, b);
    const second = polite(await ScriptPhone.open(router, '101', { register: false }));
    try {
      const asking = await talk(second, c);
      await Promise.all([hears(a, [102]), hears(b, [101])]); // the first call goes on meanwhile
      const replaces = encodeURIComponent(`${asking.callId};to-tag=${tagOf(asking.answer.get('to'))};from-tag=${tagOf(asking.from)}`);
      assert.equal((await refer(a, first, `sip:103@${host}?Replaces=${replaces}`)).status, 202);
      await Promise.all([notified(a, 200), bye(a), bye(second)]);
      await Promise.all([hears(b, [103]), hears(c, [102])]);
      assert.deepEqual(b.rtp.faults(), []);
      assert.deepEqual(c.rtp.faults(), []);
      const ended = await events.waitFor('call_ended');
      assert.equal(ended.reason, 'transferred');
      const left = await router.api.get('/api/calls');
      assert.equal(left.items.length, 1);
      assert.deepEqual(left.items[0].legs.map((leg) => leg.deviceId).sort(), ['d102', 'd103']);
    } finally {
      await stopAll(second);
    }
  }, { threads }));
}

test('a failed transfer gives the call back', { skip: missing }, () => setUp(async ({ a, b, c }) => {
  const dialog = await talk(a, b);
  const refused = (async () => { c.sip.reply(await c.incoming(), 486, 'Busy Here'); })();
  await refer(a, dialog, `sip:103@${host}`);
  await refused;
  await notified(a, 486);
  await Promise.all([hears(a, [102]), hears(b, [101])]);
  assert.deepEqual(a.rtp.faults(), []);
  assert.deepEqual(b.rtp.faults(), []);
}));

test('by the API: blind, then into another call', { skip: missing }, () => setUp(async ({ router, a, b, c, events }) => {
  await talk(a, b);
  const { callId } = await events.waitFor('call_answered');
  const call = await router.api.get(`/api/calls/${callId}`);
  const leg = call.legs.find((one) => one.deviceId === 'd102').legId;
  const answered = answer(c);
  await router.api.post(`/api/calls/${callId}/transfer`, { leg, to: '103', mode: 'blind' });
  await answered;
  await bye(a);
  await Promise.all([hears(b, [103]), hears(c, [102])]);
  const echo = await a.call('*43', { headers: [allow] });
  assert.equal(echo.answer.status, 200);
  a.sendTone(tones[101]);
  await hears(a, [101]);
  const { items } = await router.api.get('/api/calls');
  const mine = items.find((one) => one.to === '*43');
  await router.api.post(`/api/calls/${mine.callId}/transfer`, { leg: mine.legs.find((one) => one.deviceId === 'd101').legId, callId });
  await Promise.all([hears(a, [102, 103]), hears(b, [101, 103]), hears(c, [101, 102])]);
  assert.deepEqual(b.rtp.faults(), []);
  assert.deepEqual(c.rtp.faults(), []);
}));

test('pickup: who dials the code talks to the caller', { skip: missing }, () => setUp(async ({ a, b, c }) => {
  const rings = (async () => { b.ring(await b.incoming()); })();
  const calling = a.call('102', { headers: [allow] });
  await rings;
  const taken = await c.call('*8102', { headers: [allow] });
  assert.equal(taken.answer.status, 200);
  assert.match(taken.answer.get('p-asserted-identity'), /101@/);
  const cancel = await b.sip.expect((m) => m.method === 'CANCEL', 5000, 'CANCEL');
  assert.match(cancel.get('reason'), /completed elsewhere/);
  b.sip.reply(cancel, 200, 'OK');
  const answered = await calling;
  assert.equal(answered.answer.status, 200);
  assert.match(answered.answer.get('p-asserted-identity'), /103@/);
  a.sendTone(tones[101]);
  c.sendTone(tones[103]);
  await Promise.all([hears(a, [103]), hears(c, [101])]);
}));

test('parked, heard music, retrieved', { skip: missing }, () => setUp(async ({ a, b, c }) => {
  const dialog = await talk(a, b);
  await refer(a, dialog, `sip:701@${host}`);
  await Promise.all([notified(a, 200), bye(a)]);
  await hears(b, []); // music, and no tone of anybody
  const got = await c.call('701', { headers: [allow] });
  assert.equal(got.answer.status, 200);
  assert.match(got.answer.get('p-asserted-identity'), /102@/);
  c.sendTone(tones[103]);
  await Promise.all([hears(b, [103]), hears(c, [102])]);
  assert.deepEqual(b.rtp.faults(), []);
}));

/** RFC 4733 digits, one after another. */
async function press(party, digits) {
  for (const digit of digits) {
    const code = '0123456789*#'.indexOf(digit);
    const { ts } = party.rtp;
    for (let i = 0; i < 8; i += 1) {
      party.rtp.ts = ts;
      party.rtp.sendPacket(party.remoteMedia, Buffer.from([code, (i >= 5 ? 0x80 : 0) | 10, (Math.min(i + 1, 5) * 160) >> 8, (Math.min(i + 1, 5) * 160) & 255]), { payloadType: 101, marker: i === 0, samples: 0 });
    }
    party.rtp.ts = ts + 1600;
  }
}

/** Digits that ended at a phone; each is sent three times. */
const digitsOf = (party) => [...new Map(party.rtp.packets.filter((p) => p.payloadType === 101 && p.payload[1] & 0x80)
  .map((p) => [p.ts, p.payload[0]])).values()];

test('codes within a call are held and kept, other digits pass, in a relayed call too', { skip: missing }, () => setUp(async ({ router, a, b, c, events }) => {
  await talk(a, b);
  const { callId } = await events.waitFor('call_answered');
  assert.equal((await router.api.get(`/api/calls/${callId}`)).media, 'relay');
  a.rtp.stopSending();
  await press(a, '5');
  await poll(() => digitsOf(b).includes(5), 5000, 'digit 5 at the other phone');
  await press(a, '*'); // begins the code, and nothing follows: it passes, late
  await poll(() => digitsOf(b).includes(10), 5000, 'the star at the other phone');
  const before = digitsOf(b).length;
  const answered = answer(c);
  await press(a, '**103#');
  await answered;
  await bye(a);
  await Promise.all([hears(b, [103]), hears(c, [102])]);
  assert.equal(digitsOf(b).length, before, 'no digit of the code was heard');
}, { features: { inCallTransfer: '**' } }));

test('baresip transfers: blind', { skip: missing }, () => setUp(async ({ router, b, c, a }) => {
  await a.sip.register('101', 'pw101', { expires: 0 });
  const real = await phone(router, '101', { codecs: 'PCMU', hz: tones[101] });
  try {
    const answered = answer(b);
    await real.dial('102');
    await answered;
    await hears(b, [101]);
    const third = answer(c);
    await real.command('transfer', `sip:103@${host}:${router.sipPort}`);
    await third;
    await real.event('CALL_CLOSED');
    await Promise.all([hears(b, [103]), hears(c, [102])]);
  } finally {
    await stopAll(real);
  }
}));
