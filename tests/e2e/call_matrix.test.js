// Every ordered pair of codecs: both phones hear the other's tone, over UDP; a few again with one worker; TCP and TLS once.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing, poll } from './lib/router.js';
import { snr } from './lib/audio.js';
import { phone, stopAll } from './lib/phones.js';

const options = { skip: missing };
const codecs = { PCMU: 'PCMU', PCMA: 'PCMA', G722: 'G722', opus: 'opus/48000/2' };
const names = Object.keys(codecs);
const isG711 = (name) => name.startsWith('PCM');
const few = [['PCMU', 'PCMU'], ['PCMU', 'opus'], ['opus', 'G722'], ['G722', 'PCMA'], ['opus', 'opus']]; // relay and mix
const routers = {}; // by number of workers

before(async () => {
  if (missing) return;
  const devices = [];
  names.forEach((name, i) => {
    devices.push(device(`2${i}1`, { codecs: [name] }), device(`2${i}2`, { codecs: [name] }));
  });
  devices.push(device('191'), device('192'));
  for (const threads of [2, 1]) routers[threads] = await Router.start({ devices, config: { server: { mediaThreads: threads } } });
});
after(async () => { for (const router of Object.values(routers)) await router.stop(); });

async function callBothWays(a, b, number, limit) {
  const since = [a.events.length, b.events.length];
  await a.dial(number);
  await Promise.all([a.event('CALL_ESTABLISHED', 8000, since[0]), b.event('CALL_ESTABLISHED', 8000, since[1])]);
  await Promise.all([a.hear(2), b.hear(2)]);
  await a.hangup();
  await b.event('CALL_CLOSED', 5000, since[1]);
  const atB = b.heard();
  const atA = a.heard();
  const figures = { atB: snr(atB.samples, atB.rate, 1000), atA: snr(atA.samples, atA.rate, 1000) };
  assert.ok(figures.atB > limit && figures.atA > limit, `SNR ${JSON.stringify(figures)}, limit ${limit}`);
}

function pairTest(from, to, threads) {
  test(`${from} calls ${to}: a 1 kHz tone arrives both ways, ${threads} worker${threads > 1 ? 's' : ''}`, options, async () => {
    const numbers = [`2${names.indexOf(from)}1`, `2${names.indexOf(to)}2`];
    const router = routers[threads];
    const phones = await Promise.allSettled([
      phone(router, numbers[0], { codecs: codecs[from] }), phone(router, numbers[1], { codecs: codecs[to] })]);
    try {
      for (const result of phones) if (result.status === 'rejected') throw result.reason;
      await callBothWays(phones[0].value, phones[1].value, numbers[1], isG711(from) && isG711(to) ? 30 : 25);
    } finally {
      await stopAll(...phones.map((result) => result.value));
    }
  });
}
for (const from of names) for (const to of names) pairTest(from, to, 2);
for (const [from, to] of few) pairTest(from, to, 1);

for (const transport of ['tcp', 'tls']) {
  test(`phones call over ${transport}`, options, async () => {
    const a = await phone(routers[2], '191', { transport, codecs: 'PCMU' });
    const b = await phone(routers[2], '192', { transport, codecs: 'PCMU' });
    try {
      await callBothWays(a, b, '192', 30);
    } finally {
      await stopAll(a, b);
    }
  });
}

/** What is told of the sound's way in a live call: by REST, and by the event that each report makes. */
async function xray(from, to, check) {
  const router = routers[1];
  const numbers = [`2${names.indexOf(from)}1`, `2${names.indexOf(to)}2`];
  const events = await router.api.events('?types=quality');
  const phones = await Promise.allSettled([phone(router, numbers[0], { codecs: codecs[from] }), phone(router, numbers[1], { codecs: codecs[to] })]);
  try {
    for (const result of phones) if (result.status === 'rejected') throw result.reason;
    await phones[0].value.dial(numbers[1]);
    const legs = await poll(async () => {
      const call = (await router.api.get('/api/calls')).items.find((one) => one.legs.some((leg) => leg.number === numbers[1]));
      const both = numbers.map((number) => call?.legs.find((leg) => leg.number === number));
      return both.every((leg) => leg?.audio && leg.audio.delay.earMs !== null && (from === to ? leg.audio.mix === null : leg.audio.mix?.jitterBufferMs > 0)) && both;
    }, 20000, 'both legs told of');
    for (const leg of legs) check(leg.audio);
    for (const leg of legs) {
      const event = await events.waitFor((one) => one.type === 'quality' && one.legId === leg.legId, 10000);
      assert.deepEqual(Object.keys(event.leg.audio), Object.keys(leg.audio));
    }
  } finally {
    await stopAll(...phones.map((result) => result.value));
    events.close();
  }
}

test('calls tell the way of their sound, mixed and relayed', options, () => Promise.all([
  xray('PCMU', 'opus', ({ mix, delay }) => {
    assert.deepEqual([mix.busHz, mix.decodeHz, mix.encodeHz, mix.sharedEncoder], [8000, 8000, 8000, false]);
    assert.ok(mix.jitterTargetMs >= 0 && mix.cpuUsPerSec > 0, JSON.stringify(mix));
    assert.ok(Number.isFinite(mix.driftPpm) && mix.stretches >= 0 && mix.concealed >= 0, JSON.stringify(mix));
    assert.deepEqual([delay.packetMs, delay.inMs, delay.outMs], [20, mix.delayInMs, mix.delayOutMs]);
    assert.ok(delay.inMs > 0 && delay.earMs >= 20 + delay.outMs, JSON.stringify(delay));
  }),
  xray('G722', 'G722', ({ mix, delay, packetsIn }) => {
    assert.equal(mix, null);
    assert.ok(packetsIn > 0 && delay.earMs >= 20, JSON.stringify(delay));
    assert.deepEqual([delay.packetMs, delay.inMs, delay.outMs], [20, 0, 0]);
  }),
]));
