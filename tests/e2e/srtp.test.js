// Encrypted audio (SDES): real phones with and without it, relayed and mixed; other keys; refusals.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { rms, snr } from './lib/audio.js';
import { sdp } from './lib/sip.js';
import { RtpParty } from './lib/rtp.js';
import { ScriptPhone, phone, stopAll } from './lib/phones.js';

const options = { skip: missing };
const KEY = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
let router;

before(async () => {
  if (missing) return;
  router = await Router.start({
    devices: [
      ...['301', '302', '303', '304'].map((number) => device(number)),
      ...['311', '312'].map((number) => device(number, { srtp: 'required' })),
      device('321', { srtp: 'off' }),
    ],
  });
});
after(async () => { await router?.stop(); });

async function legsOf(numbers) {
  const call = await router.oneCall((one) => numbers.every((number) => one.legs.some((leg) => leg.number === number)));
  return { call, legs: numbers.map((number) => call.legs.find((leg) => leg.number === number)) };
}

/** Both talk; SNR both ways; what REST, trace and history say of it. */
async function callBothWays(a, b, numbers, { encrypted, media, limit = 30 }) {
  const since = [a.events.length, b.events.length];
  await a.dial(numbers[1]);
  await Promise.all([a.event('CALL_ESTABLISHED', 8000, since[0]), b.event('CALL_ESTABLISHED', 8000, since[1])]);
  const seconds = media === 'mix' ? 3.5 : 2; // of a tone that begins Opus takes two to choose how to code it
  await Promise.all([a.hear(seconds), b.hear(seconds)]);
  const { call, legs } = await legsOf(numbers);
  assert.deepEqual(legs.map((leg) => leg.encrypted), encrypted);
  assert.equal(call.media, media);
  const { text } = await router.api.request('GET', `/api/calls/${call.callId}/trace`);
  assert.equal(/inline:[^*|"\\]/.test(text), false, 'a key in the trace');
  if (encrypted.includes('sdes')) assert.match(text, /inline:\*{38}/);
  await a.hangup();
  await b.event('CALL_CLOSED', 5000, since[1]);
  const figures = {};
  for (const [name, party] of [['atA', a], ['atB', b]]) {
    const { samples, rate } = party.heard();
    figures[name] = snr(samples, rate, 1000);
  }
  assert.ok(figures.atA > limit && figures.atB > limit, `SNR ${JSON.stringify(figures)}, limit ${limit}`);
  const record = await router.recordOf(call.callId);
  const answered = record.legs.filter((leg) => leg.answeredAt); // a phone may have been asked twice
  assert.deepEqual(numbers.map((number) => answered.find((leg) => leg.number === number).encrypted), encrypted);
  assert.deepEqual(answered.map((leg) => leg.verdict), [null, null]);
  return figures;
}

const rows = [
  { name: 'encrypted calls plain, relayed', a: ['301', 'srtp-mand', 'PCMU', 'tls'], b: ['302', null, 'PCMU'], encrypted: ['sdes', 'no'], media: 'relay' },
  { name: 'plain calls encrypted, mixed', a: ['303', null, 'PCMU'], b: ['311', 'srtp-mand', 'opus/48000/2', 'tls'], encrypted: ['no', 'sdes'], media: 'mix', limit: 25 },
  { name: 'both as it comes, relayed', a: ['301', 'srtp', 'G722', 'tls'], b: ['302', 'srtp', 'G722', 'tls'], encrypted: ['sdes', 'sdes'], media: 'relay', limit: 25 },
  { name: 'both demand it, mixed', a: ['312', 'srtp-mand', 'opus/48000/2'], b: ['311', 'srtp-mand', 'PCMA', 'tls'], encrypted: ['sdes', 'sdes'], media: 'mix', limit: 25 },
  { name: 'plain calls one left at "optional" that takes nothing else, over UDP', a: ['303', null, 'PCMU'], b: ['304', 'srtp-mand', 'PCMU'], encrypted: ['no', 'sdes'], media: 'relay' },
  { name: 'DTLS calls plain, relayed', a: ['301', 'dtls_srtp', 'PCMU'], b: ['302', null, 'PCMU'], encrypted: ['dtls', 'no'], media: 'relay' },
  { name: 'plain calls one that takes nothing but DTLS', a: ['303', null, 'PCMU'], b: ['304', 'dtls_srtp', 'PCMU'], encrypted: ['no', 'dtls'], media: 'relay' },
  { name: 'DTLS calls keys in the SDP, mixed', a: ['301', 'dtls_srtp', 'opus/48000/2'], b: ['311', 'srtp-mand', 'PCMA', 'tls'], encrypted: ['dtls', 'sdes'], media: 'mix', limit: 25 },
  { name: 'offered over TLS and not taken', a: ['303', null, 'PCMU', 'tls'], b: ['304', null, 'PCMU', 'tls'], encrypted: ['no', 'no'], media: 'relay' },
];

for (const row of rows) {
  test(`${row.name}: a tone arrives both ways`, options, async () => {
    const phones = await Promise.allSettled([row.a, row.b].map(([number, mediaenc, codecs, transport]) =>
      phone(router, number, { codecs, ...(mediaenc ? { mediaenc } : {}), ...(transport ? { transport } : {}) })));
    try {
      for (const result of phones) if (result.status === 'rejected') throw result.reason;
      await callBothWays(phones[0].value, phones[1].value, [row.a[0], row.b[0]], row);
    } finally {
      await stopAll(...phones.map((result) => result.value));
    }
  });
}

const secured = (port, more = []) => sdp(host, port, { more: [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, ...more] })
  .replace('RTP/AVP', 'RTP/SAVP');

test('a phone with another key: nothing of it is heard, counter and verdict tell', options, async () => {
  const [a, b] = await Promise.all([ScriptPhone.open(router, '301'), ScriptPhone.open(router, '302')]);
  try {
    const events = await router.api.events();
    const answered = (async () => b.accept(await b.incoming()))();
    const dialog = await a.call('302', { body: secured(a.rtp.port) });
    await answered;
    assert.equal(dialog.answer.status, 200);
    assert.match(dialog.answer.body, /RTP\/SAVP/);
    const { callId } = await events.waitFor('call_answered');
    a.sendTone(1000); // never heard of its own key: the same as a wrong one
    b.sendTone(1300);
    await a.rtp.more(50);
    const { leg } = await events.waitFor((event) => event.type === 'verdict' && event.callId === callId && event.leg.number === '301', 12000);
    assert.equal(leg.verdict, 'the packets arrive but cannot be decrypted: the keys differ');
    assert.ok(leg.audio.srtpAuthFailed > 100, `${leg.audio.srtpAuthFailed} refused`);
    assert.equal(leg.audio.packetsIn, 0);
    assert.equal(b.rtp.packets.length, 0, 'not a packet reached the other party');
    const heard = a.rtp.sound().slice(-8000); // what we send is noise without the key
    assert.ok(rms(heard) > 0.05 && snr(heard, 8000, 1300) < 3, 'the tone does not shine through');
    await a.hangup(dialog);
    await b.hungUp();
    const record = await router.recordOf(callId);
    assert.equal(record.legs.find((one) => one.number === '301').verdict, leg.verdict);
  } finally {
    await stopAll(a, b);
  }
});

test('injected packets are not heard, neither while the source is learnt nor after', options, async () => {
  const a = await phone(router, '301', { mediaenc: 'srtp-mand', transport: 'tls', codecs: 'PCMU' });
  const b = await ScriptPhone.open(router, '302');
  const attackers = await Promise.all([0, 1].map(() => RtpParty.open(0)));
  let timer;
  try {
    const since = a.events.length;
    const { min, max } = router.config.proxy.rtpPortRange;
    const noise = Buffer.alloc(160, 0x11);
    timer = setInterval(() => { // at every port, from before the call until after it
      for (const attacker of attackers) {
        for (let port = min; port <= max; port += 2) {
          attacker.sendPacket({ address: host, port }, attacker === attackers[0] ? noise : Buffer.concat([noise, Buffer.alloc(10)]));
        }
      }
    }, 20);
    await a.dial('302');
    await b.accept(await b.incoming());
    await a.event('CALL_ESTABLISHED', 8000, since);
    b.sendTone(1000);
    await Promise.all([a.hear(3), b.rtp.more(100)]);
    const { legs } = await legsOf(['301', '302']);
    assert.equal(legs[0].encrypted, 'sdes');
    await a.hangup();
    await b.hungUp();
    assert.ok(b.rtp.packets.length >= 100);
    assert.equal(b.rtp.packets.filter((packet) => packet.payload.subarray(0, 8).equals(noise.subarray(0, 8))).length, 0);
    const heard = b.rtp.sound().slice(-8000);
    assert.ok(snr(heard, 8000, 1000) > 30, `SNR ${snr(heard, 8000, 1000)}`);
    const { samples, rate } = a.heard();
    assert.ok(snr(samples, rate, 1000) > 30, 'and what the encrypted party hears');
  } finally {
    clearInterval(timer);
    for (const attacker of attackers) attacker.close();
    await stopAll(a, b);
  }
});

test('what does not fit is refused with 488 and a reason', options, async () => {
  const phones = await Promise.all(['311', '321', '302'].map((number) => ScriptPhone.open(router, number)));
  const [required, off] = phones;
  try {
    const events = await router.api.events();
    const refusals = [
      [required, required.offer],
      [required, secured(required.rtp.port).replace(KEY, `${KEY}|2^31|1:4`)],
      [off, secured(off.rtp.port)],
    ];
    for (const [party, body] of refusals) {
      const from = events.all.length;
      const { answer } = await party.call('302', { body });
      assert.equal(answer.status, 488);
      assert.equal((await events.waitFor('call_ended', 5000, from)).reason, 'encryption');
    }
  } finally {
    await stopAll(...phones);
  }
});
