// A laboratory of NATs between a phone and the router: it registers, calls, is called; tones tell who hears whom.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { busy } from './lib/process.js';
import { Router, device, missing, poll } from './lib/router.js';
import { NatPhone, outside } from './lib/nat.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { snr } from './lib/audio.js';

const options = { skip: missing };
const NEAR = 1000; // what the phone behind NAT says
const FAR = 1300;
let router;
before(async () => {
  if (missing) return;
  router = await Router.start({
    devices: [
      ...['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })),
      device('103', { codecs: ['PCMU'], qualifySec: 1 }), device('104', { codecs: ['PCMU'], qualifySec: 0 }),
    ],
  });
});
after(async () => { await router?.stop(); });

/** SNR of what each hears in the next 1.2 s: {atNear, atFar}. */
async function hear(near, far) {
  const from = [near, far].map((party) => party.rtp.packets.length);
  await Promise.all([near.rtp.more(60), far.rtp.more(60)]);
  return { atNear: snr(near.rtp.sound(from[0]), 8000, FAR), atFar: snr(far.rtp.sound(from[1]), 8000, NEAR) };
}

const legOf = async (number) => (await router.api.get('/api/calls')).items[0]?.legs.find((leg) => leg.number === number);

async function talk(near, far) {
  await near.talk(NEAR);
  far.sendTone(FAR);
  await Promise.all([near.rtp.more(5), far.rtp.more(5)]);
}

async function callOut(near, far) {
  const answered = (async () => far.accept(await far.incoming(5000, far.sip.received.length)))();
  const dialog = await near.call('102');
  assert.equal(dialog.answer.status, 200, dialog.answer.start);
  await answered;
  await talk(near, far);
  return dialog;
}

async function callIn(near, far, ms = 5000) {
  const answered = (async () => near.accept(await near.incoming(ms, near.sip.received.length)))();
  const dialog = await far.call(near.extension);
  assert.equal(dialog.answer.status, 200, dialog.answer.start);
  await answered;
  await talk(near, far);
  return dialog;
}

/** Whatever a failed test left. */
async function clear(...parties) {
  for (const { callId } of (await router.api.get('/api/calls')).items) await router.api.request('DELETE', `/api/calls/${callId}`);
  await stopAll(...parties);
}

/** One hangs up, the other is told. */
async function end(caller, called, dialog) {
  const from = called.sip.received.length;
  const isBye = (m) => m.method === 'BYE';
  const told = called.sip.expect(isBye, 5000, 'BYE', from).then((bye) => called.sip.reply(bye, 200, 'OK'));
  assert.equal((await caller.hangup(dialog)).status, 200);
  await told;
  for (const party of [caller, called]) party.rtp.stopSending();
  await router.noCalls();
}

const rows = [
  { name: 'full cone', boxes: ['full-cone'] },
  { name: 'restricted', boxes: ['restricted'] },
  { name: 'port restricted', boxes: ['port-restricted'] },
  { name: 'symmetric', boxes: ['symmetric'] },
  { name: 'two in a row', boxes: ['port-restricted', 'symmetric'] },
  { name: 'an ALG that rewrites addresses', boxes: ['port-restricted'], options: { alg: 'on' } },
  { name: 'an ALG in the first of two', boxes: ['restricted', 'symmetric'], options: { alg: 'on' } },
];

for (const { name, ...nat } of rows) {
  test(`${name}: registers, calls, is called, both hear`, options, async (t) => {
    const parties = await Promise.allSettled([NatPhone.open(router, '101', nat), ScriptPhone.open(router, '102')]);
    const [near, far] = parties.map((party) => party.value);
    try {
      for (const party of parties) if (party.status === 'rejected') throw party.reason;
      const figures = {};
      for (const [way, open] of [['out', callOut], ['in', callIn]]) {
        const dialog = await open(near, far);
        const heard = await hear(near, far);
        figures[way] = heard;
        assert.ok(heard.atNear > 30 && heard.atFar > 30, `${way}: SNR ${JSON.stringify(heard)}`);
        await poll(async () => (await legOf('101'))?.address?.split(':')[0] === outside(nat.boxes.length), 5000, 'where the world sees it');
        await (way === 'out' ? end(near, far, dialog) : end(far, near, dialog));
      }
      t.diagnostic(`SNR ${JSON.stringify(figures)}`);
      if (nat.options?.alg) assert.ok((await near.signal.impairs[0].order('stats')).rewritten > 4);
      assert.equal((await near.signal.impairs.at(-1).order('stats')).flows, 1);
    } finally {
      await clear(near, far);
    }
  });
}

for (const [name, nat] of [
  ['a NAT restarts', { boxes: ['symmetric'] }],
  ['both of two NATs restart', { boxes: ['port-restricted', 'symmetric'] }],
  ['a NAT with an ALG restarts', { boxes: ['symmetric'], options: { alg: 'on' } }],
]) {
  test(`${name} in mid-call: the phone comes from another port and both hear again`, options, async (t) => {
    const [near, far] = await Promise.all([NatPhone.open(router, '101', nat), ScriptPhone.open(router, '102')]);
    try {
      const dialog = await callOut(near, far);
      await hear(near, far);
      const { address } = await legOf('101');
      const from = [near, far].map((party) => party.rtp.packets.length);
      const began = Date.now();
      await near.media.forget();
      await poll(async () => (await legOf('101')).address !== address, 6000, 'another address');
      await Promise.all([near, far].map((party, i) => party.rtp.until((packets) => packets.length >= from[i] + 20, 5000)));
      t.diagnostic(`${Date.now() - began} ms until heard again`);
      assert.ok(Date.now() - began < 4000 * busy());
      const heard = await hear(near, far);
      assert.ok(heard.atNear > 30 && heard.atFar > 30, JSON.stringify(heard));
      assert.equal((await legOf('101')).address.split(':')[0], outside(nat.boxes.length));
      await end(near, far, dialog);
    } finally {
      await clear(near, far);
    }
  });
}

test('idle for longer than a mapping lives (3 s for 30 s): OPTIONS each second hold it, a call in is heard', options, async (t) => {
  const nat = { boxes: ['symmetric'], options: { 'mapping-sec': 3 } };
  const [near, lost, far] = await Promise.all([
    NatPhone.open(router, '103', nat), NatPhone.open(router, '104', nat), ScriptPhone.open(router, '102'),
  ]);
  try {
    for (const phone of [near, lost]) phone.sip.onMessage = (m) => { if (m.method === 'OPTIONS') phone.sip.reply(m, 200, 'OK'); };
    const asked = () => near.sip.received.filter((m) => m.method === 'OPTIONS').length;
    await poll(() => asked() >= 6, 20000, 'OPTIONS over two lives of a mapping');
    assert.equal(lost.sip.received.filter((m) => m.method === 'OPTIONS').length, 0);
    const dialog = await callIn(near, far);
    const heard = await hear(near, far);
    t.diagnostic(`SNR ${JSON.stringify(heard)}, after ${asked()} OPTIONS`);
    assert.ok(heard.atNear > 30 && heard.atFar > 30, JSON.stringify(heard));
    assert.equal((await near.signal.impairs[0].order('stats')).flows, 1);
    await end(far, near, dialog);
    // the NAT is a true one: who is not asked is not reached
    const seen = lost.sip.received.length;
    far.call('104').catch(() => {});
    await router.oneCall((call) => call.legs.some((leg) => leg.deviceId === 'd104'));
    const later = asked() + 2; // two more seconds
    await poll(() => asked() >= later, 5000, 'OPTIONS');
    assert.ok(!lost.sip.received.slice(seen).some((m) => m.method === 'INVITE'), 'it rings');
  } finally {
    await clear(near, lost, far);
  }
});
