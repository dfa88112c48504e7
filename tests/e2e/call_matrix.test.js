// Every ordered pair of codecs: both phones hear the other's tone, over UDP; a few again with one worker; TCP and TLS once.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing } from './lib/router.js';
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
