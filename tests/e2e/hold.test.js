// Hold in every style, mute and DTMF on a live call: who hears whom before, meanwhile and afterwards.
import test, { after, before, describe as group } from 'node:test';
import assert from 'node:assert/strict';
import { PATIENCE_MS } from './lib/process.js';
import { Router, device, missing, poll } from './lib/router.js';
import { dB, level, median, rms } from './lib/audio.js';
import { FakeProvider } from './lib/fake_provider.js';
import { answer, callOf, describe, dial, getsNothing, hears, music, musicFile, press, realPhone, resume, talk, together, voices, withSpeakers } from './lib/office.js';
import { stopAll } from './lib/phones.js';

const options = { skip: missing };
const extensions = Array.from({ length: 28 }, (_, i) => String(401 + i));
let free = [...extensions];
let router;
let far;
before(async () => {
  if (missing) return;
  far = Object.assign(await FakeProvider.open(), { extension: 'far', hz: voices[1] });
  router = await Router.start({
    devices: extensions.map((extension) => device(extension, { codecs: ['PCMU'] })),
    config: {
      musicOnHold: { file: musicFile() },
      providers: [far.account('far')],
      routing: { routes: [{ id: 'in', match: { direction: 'inbound' }, action: { targets: [`d${extensions.at(-1)}`] } }] },
    },
  });
  await poll(() => far.contact, PATIENCE_MS, 'the provider is registered');
});
after(async () => {
  await router?.stop();
  await far?.stop();
});

/** Two phones of their own in a call. */
function inCall(body) {
  return withSpeakers(router, free.splice(0, 2), async (a, b) => {
    const { dialog, atB } = await talk(a, b);
    await body({ a, b, dialog, atB, call: await callOf(router, a.extension) });
    await a.hangup(dialog);
    await b.hungUp();
    assert.deepEqual(a.rtp.faults(), []);
    assert.deepEqual(b.rtp.faults(), []);
  });
}

const reoffers = (party) => party.sip.received.filter((m) => ['INVITE', 'UPDATE'].includes(m.method)).length;

/** Packets without sound that lie between the music and the voice, of what was heard from index `from` on. */
function gapOf(party, from, hz) {
  const sounds = party.rtp.packets.slice(from).map((_, i) => party.rtp.sound(from + i).subarray(0, 160));
  const voice = sounds.findIndex((sound) => dB(level(sound, 8000, hz)) > -25);
  const last = sounds.slice(0, voice).findLastIndex((sound) => dB(rms(sound)) > -40);
  return voice - last - 1;
}

const styles = { sendonly: /a=recvonly/, inactive: /a=inactive/, zero: /a=recvonly/, offerless: /a=sendrecv/ };

group('hold', { concurrency: true, ...options }, () => {
  const gaps = [];

  for (const [style, said] of Object.entries(styles)) {
    for (const isCaller of [true, false]) {
      test(`${style}, by the ${isCaller ? 'caller' : 'called'}: music, nothing the other way, resumed without a gap`, () => inCall(async ({ a, b, dialog, atB }) => {
        const [holder, held, mine] = isCaller ? [a, b, dialog] : [b, a, atB];
        const asked = reoffers(held);
        assert.match(await describe(holder, mine, style), said);
        await hears(held, [music]); // the holder speaks on: it is not heard
        await getsNothing(holder, held);
        const shown = ({ legs }) => JSON.stringify(legs.map((leg) => [leg.deviceId, leg.holding, leg.held]).sort());
        const wanted = JSON.stringify([[`d${a.extension}`, isCaller, false], [`d${b.extension}`, !isCaller, false]]);
        await callOf(router, holder.extension, (call) => shown(call) === wanted);
        const from = held.rtp.packets.length;
        await describe(holder, mine, style === 'offerless' ? 'offerless sendrecv' : 'sendrecv');
        await together(a, b);
        assert.equal(reoffers(held), asked, 'nothing was asked of the held phone');
        gaps.push(gapOf(held, from, holder.hz));
      }));
    }
  }

  test('by both at once, resumed one by one', () => inCall(async ({ a, b, dialog, atB }) => {
    await Promise.all([describe(a, dialog, 'sendonly'), describe(b, atB, 'inactive')]);
    await callOf(router, a.extension, ({ legs }) => legs.every((leg) => leg.holding));
    await resume(a, dialog);
    await hears(a, [music]);
    await getsNothing(b, a);
    await resume(b, atB);
    await together(a, b);
  }));

  test('of a provider\'s call, by either end and by both', () => withSpeakers(router, [free.pop()], async (a) => {
    const [theirs, { dialog }] = await Promise.all([far.call(router, '+498955', far.hz), answer(a)]);
    await together(a, far);
    await describe(far, theirs, 'sendonly');
    await hears(a, [music]);
    await getsNothing(far, a);
    await describe(a, dialog, 'inactive');
    await resume(far, theirs);
    await hears(far, [music]);
    await resume(a, dialog);
    await together(a, far);
    for (const party of [a, far]) assert.deepEqual(party.rtp.faults(), []);
    await a.hangup(dialog);
  }));

  test('by the API: the held party hears music, the other nothing of it', () => inCall(async ({ a, b, call }) => {
    const path = `/api/calls/${call.callId}/legs/${call.legs.find((leg) => leg.deviceId === `d${b.extension}`).legId}`;
    await router.api.patch(path, { held: true });
    await hears(b, [music]);
    await router.api.patch(path, { held: false });
    await together(a, b);
  }));

  /* a baresip's recorder is deaf once it has held: whom it held says that it is back */
  test('a real phone holds a real phone; a scripted one and a real one in turn, and both at once', async () => {
    const mine = free.splice(0, 3);
    const [a, b] = await Promise.all([0, 1].map((i) => realPhone(router, mine[i], voices[i])));
    await withSpeakers(router, [mine[2]], async (c) => {
      try {
        await a.dial(b.extension);
        await together(a, b);
        await a.hold();
        await hears(b, [music]);
        await a.resume();
        await hears(b, [a]);
        await a.hangup();
        await b.event('CALL_CLOSED');
        c.hz = voices[2];
        const dialog = await dial(c, b.extension);
        await together(b, c);
        await describe(c, dialog, 'inactive');
        await hears(b, [music]);
        await resume(c, dialog);
        await together(b, c);
        await b.hold();
        await hears(c, [music]);
        await describe(c, dialog, 'sendonly');
        await callOf(router, c.extension, ({ legs }) => legs.every((leg) => leg.holding));
        await b.resume();
        await callOf(router, c.extension, ({ legs }) => legs.some((leg) => !leg.holding));
        await resume(c, dialog);
        await hears(c, [b]);
        assert.deepEqual(c.rtp.faults(), []);
      } finally {
        await stopAll(a, b);
      }
    });
  });

  after(() => {
    if (missing) return;
    assert.equal(gaps.length, 8);
    assert.ok(median(gaps) <= 3, `packets of silence at each resume: ${gaps}`);
    console.log(`# packets of silence between music and voice: ${gaps}`);
  });
});

test('mute and unmute over REST', options, () => inCall(async ({ a, b, call }) => {
  const path = `/api/calls/${call.callId}/legs/${call.legs.find((one) => one.deviceId === `d${a.extension}`).legId}`;
  await router.api.patch(path, { muted: true });
  await hears(b, []);
  await hears(a, [b]);
  await router.api.patch(path, { muted: false });
  await together(a, b);
}));

test('a digit by RFC 4733 passes and is told as an event', options, () => inCall(async ({ a, b, call }) => {
  const events = await router.api.events();
  a.rtp.stopSending();
  press(a, '5');
  const event = await events.waitFor((one) => one.type === 'dtmf' && one.callId === call.callId);
  assert.equal(event.digit ?? event.digits, '5');
  await b.rtp.until((packets) => packets.some((p) => p.payloadType === 101 && p.payload[0] === 5 && p.payload[1] & 0x80), 3000, 'digit at the other side');
}));
