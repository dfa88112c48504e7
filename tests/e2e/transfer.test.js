// Transfer, by REFER, digits and the API: who hears whom, by tones, before and after each step.
import test, { after, before, describe as group } from 'node:test';
import assert from 'node:assert/strict';
import { PATIENCE_MS } from './lib/process.js';
import { Router, device, host, missing, poll } from './lib/router.js';
import { answer, bye, callOf, describe, dial, hears, music, musicFile, notified, press, realPhone, refer, refuse, replacing, resume, ringback, speaker, talk, together, voices, withSpeakers } from './lib/office.js';
import { FakeProvider } from './lib/fake_provider.js';
import { stopAll } from './lib/phones.js';
import { uriOf } from './lib/sip.js';

const extensions = Array.from({ length: 60 }, (_, i) => String(401 + i));
const accounts = {}; // by id
const routers = {}; // by number of workers, and their events
let free = [...extensions];

before(async () => {
  if (missing) return;
  for (const id of ['blind', 'asked']) accounts[id] = await FakeProvider.open();
  for (const threads of [1, 2]) {
    const router = await Router.start({
      devices: [...extensions.map((extension) => device(extension, { codecs: ['PCMU'] })), device('499', { dnd: true }), device('498')],
      rtpPorts: 200,
      config: {
        server: { mediaThreads: threads },
        conferences: [{ id: 'room', extension: '800' }],
        features: { '*43': 'echo', inCallTransfer: '**', inCallAttended: '*2' },
        musicOnHold: { file: musicFile() },
        providers: threads === 2 ? Object.keys(accounts).map((id) => accounts[id].account(id, { callerId: '+4930123' })) : [],
        routing: { routes: threads === 2 ? Object.keys(accounts).flatMap((id, i) => [
          { id: `out-${id}`, match: { direction: 'outbound', numberPattern: `+4989${i}*` }, action: { provider: id } },
          { id: `in-${id}`, match: { direction: 'inbound', sourceProvider: id }, action: { targets: [`d${extensions[3 * i]}`] } }]) : [] },
      },
    });
    routers[threads] = { router, events: await router.api.events() };
  }
  await poll(() => Object.values(accounts).every((provider) => provider.contact), PATIENCE_MS, 'the providers are registered');
});
after(async () => {
  for (const { router } of Object.values(routers)) await router.stop();
  await stopAll(...Object.values(accounts));
});

/** Three phones of their own. */
const trio = (body, { threads = 2, of = free.splice(0, 3) } = {}) => withSpeakers(routers[threads].router, of, (a, b, c) => body({ a, b, c, ...routers[threads] }));
const to = (party) => `sip:${party.extension ?? party}@${host}`;
const unbroken = (...parties) => parties.forEach((party) => assert.deepEqual(party.rtp.faults(), [], party.extension));
const named = (party, number) => party.sip.expect((m) => m.method === 'UPDATE' && uriOf(m.get('p-asserted-identity')).includes(`${number}@`), PATIENCE_MS, `UPDATE: ${number}`);

group('transfer', { concurrency: true, skip: missing }, () => {
  const toProvider = [free.splice(0, 3), free.splice(0, 3)]; // the first of each is who its provider's calls ring

  for (const threads of [1, 2]) {
    const workers = `${threads} worker${threads > 1 ? 's' : ''}`;

    test(`blind: the others hear each other at once, ${workers}`, () => trio(async ({ router, events, a, b, c }) => {
      const { dialog } = await talk(a, b);
      const { callId } = await callOf(router, a.extension);
      const invited = answer(c);
      assert.equal((await refer(a, dialog, to(c))).status, 202);
      assert.ok((await invited).invite.get('from').includes(`${b.extension}@`));
      await Promise.all([notified(a, 200), bye(a), named(b, c.extension)]);
      await together(b, c);
      unbroken(b, c);
      const removed = await events.waitFor((event) => event.type === 'leg_removed' && event.callId === callId && event.reason === 'transferred');
      assert.equal(removed.leg?.deviceId ?? `d${a.extension}`, `d${a.extension}`);
    }, { threads }));

    test(`attended: a leg moves between calls, ${workers}`, () => trio(async ({ router, a, b, c }) => {
      const { dialog: first } = await talk(a, b);
      const { callId } = await callOf(router, b.extension);
      const second = await speaker(router, a.extension, voices[3], { register: false });
      try {
        const { dialog: asking } = await talk(second, c);
        await together(a, b); // the first call goes on meanwhile
        assert.equal((await refer(a, first, replacing(c.extension, asking))).status, 202);
        await Promise.all([notified(a, 200), bye(a), bye(second), named(b, c.extension), named(c, b.extension)]);
        await together(b, c);
        unbroken(b, c);
        assert.equal((await router.recordOf(callId)).reason, 'transferred');
        await callOf(router, b.extension, ({ legs }) => legs.map((leg) => leg.deviceId).sort().join() === [b, c].map((party) => `d${party.extension}`).join());
      } finally {
        await stopAll(second);
      }
    }, { threads }));
  }

  test('as a desk phone does it: the called one holds and transfers; who waits hears music, then ring-back, then the new party', () => trio(async ({ router, a, b, c }) => {
    const { dialog, atB } = await talk(a, b);
    const { callId } = await callOf(router, a.extension);
    await describe(b, atB, 'sendonly');
    await hears(a, [music]);
    await refer(b, atB, to(c));
    const invite = await c.incoming(PATIENCE_MS);
    c.ring(invite);
    await hears(a, [ringback]);
    assert.ok(invite.get('from').includes(`${a.extension}@`));
    await c.accept(invite);
    c.sendTone(c.hz);
    await Promise.all([notified(b, 180), notified(b, 200), bye(b), named(a, c.extension)]);
    await together(a, c);
    unbroken(a, c);
    await a.hangup(dialog);
    const { legs } = await router.recordOf(callId);
    assert.deepEqual(legs.map((leg) => [leg.deviceId, leg.reason, leg.verdict]).sort(), [a, b, c].map((party) => [`d${party.extension}`, party === b ? 'transferred' : 'hangup', null]), 'that it was held is no fault');
  }));

  test('refused, unknown, not there, not to be disturbed: the call is as before each time, on hold or not', () => trio(async ({ a, b, c }) => {
    const { dialog } = await talk(a, b);
    const refused = refuse(c, 486, 'Busy Here');
    await Promise.all([refer(a, dialog, to(c)), refused, notified(a, 486)]);
    await together(a, b);
    await describe(a, dialog, 'inactive');
    for (const [target, status] of [['777', 404], ['498', 480], ['499', 486]]) {
      const from = a.sip.received.length;
      await refer(a, dialog, to(target));
      await notified(a, status, from);
      await hears(b, [music]);
    }
    await resume(a, dialog);
    await together(a, b);
    unbroken(a, b);
  }));

  test('who has hung up meanwhile is rung back when nobody takes the call', () => trio(async ({ a, b, c }) => {
    const { dialog } = await talk(a, b);
    await refer(a, dialog, to(c));
    const invite = await c.incoming(PATIENCE_MS);
    c.ring(invite);
    assert.equal((await a.hangup(dialog)).status, 200);
    a.rtp.stopSending();
    await hears(b, [ringback]);
    const from = a.sip.received.length;
    c.sip.reply(invite, 603, 'Decline');
    const { invite: back } = await answer(a, { from });
    assert.ok(back.get('from').includes(`${b.extension}@`));
    await together(a, b);
    unbroken(b);
  }));

  test('attended, while the new party still rings', () => trio(async ({ router, a, b, c }) => {
    const { dialog } = await talk(a, b);
    const second = await speaker(router, a.extension, voices[3], { register: false });
    try {
      const calling = second.call(c.extension);
      const invite = await c.incoming(PATIENCE_MS);
      c.ring(invite);
      const ringing = await second.sip.expect((m) => m.status === 180, PATIENCE_MS, '180');
      const early = { callId: ringing.get('call-id'), answer: ringing, from: ringing.get('from') };
      await refer(a, dialog, replacing(c.extension, early));
      assert.equal((await calling).answer.status, 487);
      await Promise.all([notified(a, 200), bye(a)]);
      await hears(b, [ringback]);
      await c.accept(invite);
      c.sendTone(c.hz);
      await together(b, c);
      unbroken(b, c);
    } finally {
      await stopAll(second);
    }
  }));

  test('to a number outside, and a call of a provider to a colleague; a provider itself transfers nobody', () => trio(async ({ router, a, b, c }) => {
    const far = Object.assign(accounts.blind, { extension: 'far', hz: voices[3] });
    const { dialog } = await talk(a, b);
    const answered = far.answer('+49890111', far.hz);
    await refer(a, dialog, to('+49890111'));
    await answered;
    await Promise.all([notified(a, 200), bye(a), together(b, far)]);
    const call = await callOf(router, b.extension, ({ legs }) => legs.map((leg) => leg.providerId ?? leg.deviceId).sort().join() === `blind,d${b.extension}`);
    unbroken(b);
    await router.api.delete(`/api/calls/${call.callId}`);
    await far.sip.expect((m) => m.method === 'BYE', PATIENCE_MS, 'BYE');

    const from = a.sip.received.length;
    const [calling, called] = await Promise.all([far.call(router, '+49891', far.hz), answer(a, { from })]);
    await together(a, far);
    const tried = far.sip.within(calling, 'REFER', { headers: [['Refer-To', `<${to(c)}>`]] });
    calling.cseq = tried.cseq;
    assert.equal((await far.sip.transact(tried)).status, 403);
    const taken = answer(c);
    await refer(a, called.dialog, to(c));
    await taken;
    await together(c, far);
  }, { of: toProvider[0] }));

  test('a call of a provider, asked first: the colleague sees the number outside', () => trio(async ({ router, a, c }) => {
    const far = Object.assign(accounts.asked, { extension: 'far', hz: voices[1] });
    const second = await speaker(router, a.extension, voices[3], { register: false });
    try {
      const [, called] = await Promise.all([far.call(router, '+498955', far.hz), answer(a)]);
      await together(a, far);
      await describe(a, called.dialog, 'sendonly');
      await hears(far, [music]);
      const { dialog: asking } = await talk(second, c);
      await refer(a, called.dialog, replacing(c.extension, asking));
      await Promise.all([bye(a), bye(second), named(c, '+498955')]);
      await together(c, far);
    } finally {
      await stopAll(second);
    }
  }, { of: toProvider[1] }));

  test('into a room where somebody is', () => trio(async ({ a, b, c }) => {
    await dial(c, '800');
    const { dialog } = await talk(a, b);
    await refer(a, dialog, to('800'));
    await Promise.all([notified(a, 200), bye(a), together(b, c)]);
    unbroken(b, c);
  }));

  test('by the API: on hold, then blind, then into another call', () => trio(async ({ router, a, b, c }) => {
    await talk(a, b);
    const call = await callOf(router, a.extension);
    const legOf = (one, party) => one.legs.find((leg) => leg.deviceId === `d${party.extension}`).legId;
    await router.api.patch(`/api/calls/${call.callId}/legs/${legOf(call, b)}`, { held: true });
    await hears(b, [music]);
    await router.api.post(`/api/calls/${call.callId}/transfer`, { leg: legOf(call, b), to: c.extension, mode: 'blind' });
    const invite = await c.incoming(PATIENCE_MS);
    c.ring(invite);
    await hears(b, [ringback]);
    await c.accept(invite);
    c.sendTone(c.hz);
    await Promise.all([bye(a), together(b, c)]);
    await dial(a, '*43');
    await hears(a, [a]);
    const mine = await callOf(router, a.extension);
    await router.api.post(`/api/calls/${mine.callId}/transfer`, { leg: legOf(mine, a), callId: call.callId });
    await together(a, b, c);
    unbroken(b, c);
  }));

  /** Digits that ended at a phone; each is sent three times. */
  const digitsOf = (party) => [...new Map(party.rtp.packets.filter((p) => p.payloadType === 101 && p.payload[1] & 0x80)
    .map((p) => [p.ts, p.payload[0]])).values()];

  test('codes within a call are held and kept, other digits pass, in a relayed call too', () => trio(async ({ router, a, b, c }) => {
    await talk(a, b);
    await callOf(router, a.extension, ({ media }) => media === 'relay');
    a.rtp.stopSending();
    press(a, '5');
    await poll(() => digitsOf(b).includes(5), PATIENCE_MS, 'digit 5 at the other phone');
    press(a, '*'); // begins the code, and nothing follows: it passes, late
    await poll(() => digitsOf(b).includes(10), PATIENCE_MS, 'the star at the other phone');
    const passed = digitsOf(b).length;
    const answered = answer(c);
    press(a, `**${c.extension}#`);
    await answered;
    await Promise.all([bye(a), together(b, c)]);
    assert.equal(digitsOf(b).length, passed, 'no digit of the code was heard');
  }));

  test('asked first by digits: music for the one, ring-back and the colleague for the other, then all three, then two', () => trio(async ({ a, b, c }) => {
    const { dialog } = await talk(a, b);
    a.rtp.stopSending();
    press(a, `*2${c.extension}#`);
    const invite = await c.incoming(PATIENCE_MS);
    c.ring(invite);
    await Promise.all([hears(b, [music]), hears(a, [ringback])]);
    await c.accept(invite);
    c.sendTone(c.hz);
    a.sendTone(a.hz);
    await Promise.all([together(a, c), hears(b, [music])]);
    a.rtp.stopSending();
    press(a, '*2');
    a.sendTone(a.hz);
    await together(a, b, c);
    await a.hangup(dialog);
    a.rtp.stopSending();
    await together(b, c);
    unbroken(a, b, c);
  }));

  test('a real phone transfers: blind', () => trio(async ({ router, a, b, c }) => {
    const { extension } = a;
    await a.sip.register(extension, `pw${extension}`, { expires: 0 });
    const real = await realPhone(router, extension, voices[0]);
    try {
      const answered = answer(b);
      await real.dial(b.extension);
      await answered;
      await together(b, real);
      const third = answer(c);
      await real.command('transfer', `${to(c)}:${router.sipPort}`);
      await third;
      await real.event('CALL_CLOSED');
      await together(b, c);
    } finally {
      await stopAll(real);
    }
  }));
});
