// Pickup, parking, intercom, rooms, call waiting: who hears whom, by tones, before and after each step.
import test, { after, before, describe as group } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Router, bin, device, host, missing, poll } from './lib/router.js';
import { level, readWav, resample, spectralDistance } from './lib/audio.js';
import { answer, bye, callOf, describe, dial, hears, music, musicFile, notified, press, realPhone, refer, replacing, resume, speaker, talk, together, voices, withSpeakers } from './lib/office.js';
import { stopAll } from './lib/phones.js';
import { PATIENCE_MS, tempDir } from './lib/process.js';

const mute = missing || (spawnSync(bin, ['say', 'a', '-o', '-']).status !== 0 && 'built without a voice');
const PARKED_SEC = 5;
const extensions = Array.from({ length: 40 }, (_, i) => String(401 + i));
let free = [...extensions];
let router;

before(async () => {
  if (missing) return;
  router = await Router.start({
    devices: [...extensions.map((extension) => device(extension, { codecs: ['PCMU'] })), device('451', { codecs: ['PCMU'], maxCalls: 1 })],
    rtpPorts: 200,
    config: {
      groups: [{ id: 'desk', extension: '200', members: extensions.slice(3, 6).map((extension) => `d${extension}`) }],
      conferences: [{ id: 'closed', extension: '801', pin: '4711' }, { id: 'open', extension: '800' }],
      parking: { slots: '701-709', timeoutSec: PARKED_SEC },
      features: { '*8': 'pickup', '*68': 'intercom' },
      musicOnHold: { file: musicFile() },
    },
  });
});
after(async () => { await router?.stop(); });

const some = (count, body, of = free.splice(0, count)) => withSpeakers(router, of, body);
const unbroken = (...parties) => parties.forEach((party) => assert.deepEqual(party.rtp.faults(), [], party.extension));
const knowsUpdate = [['Allow', 'INVITE, ACK, BYE, CANCEL, UPDATE']];

/** A calls B, which rings; gives {calling, invite}. */
async function ringing(a, b, number = b.extension) {
  const calling = a.call(number, { ms: PATIENCE_MS, headers: knowsUpdate });
  const invite = await b.incoming(PATIENCE_MS);
  b.ring(invite);
  return { calling, invite };
}

/** A text in the router's voice, at 16 kHz. */
function spoken(text) {
  const path = join(tempDir('said'), 'said.wav');
  assert.equal(spawnSync(bin, ['say', text, '-o', path]).status, 0);
  const { samples, rate } = readWav(path);
  return resample(samples, rate, 16000);
}

async function elsewhere(party) {
  const cancel = await party.sip.expect((m) => m.method === 'CANCEL', PATIENCE_MS, 'CANCEL');
  assert.match(cancel.get('reason'), /completed elsewhere/);
  party.sip.reply(cancel, 200, 'OK');
}

group('in the office', { concurrency: true, skip: missing }, () => {
  const [three, colleagues] = [free.splice(0, 3), free.splice(0, 3)]; // the second three are the group

  test('pickup: who dials the code talks to the caller', () => some(3, async (a, b, c) => {
    const { calling } = await ringing(a, b);
    const taken = await dial(c, `*8${b.extension}`);
    assert.ok(taken.answer.get('p-asserted-identity').includes(`${a.extension}@`));
    await elsewhere(b);
    const { answer: answered } = await calling;
    assert.equal(answered.status, 200);
    assert.ok(answered.get('p-asserted-identity').includes(`${c.extension}@`));
    a.sendTone(a.hz);
    await together(a, c);
    unbroken(a, c);
  }, three));

  test('pickup of whatever rings in the group, by a real phone', () => some(2, async (a, b) => {
    const real = await realPhone(router, colleagues[2], voices[2]);
    try {
      const { calling } = await ringing(a, b);
      await real.dial('*8');
      await elsewhere(b);
      const { answer: answered } = await calling;
      assert.ok(answered.get('p-asserted-identity').includes(`${real.extension}@`));
      a.sendTone(a.hz);
      await together(a, real);
    } finally {
      await stopAll(real);
    }
  }, colleagues));

  test('parked by a transfer, heard music, retrieved by a real phone', () => some(2, async (a, b) => {
    const real = await realPhone(router, free.shift(), voices[2]);
    try {
      const { dialog } = await talk(a, b);
      await refer(a, dialog, `sip:701@${host}`);
      await Promise.all([notified(a, 200), bye(a)]);
      await hears(b, [music]);
      await real.dial('701');
      await together(b, real);
      unbroken(b);
    } finally {
      await stopAll(real);
    }
  }));

  test('parked: the slot is spoken to who parks, and after the time the phone that parked rings', () => some(2, async (a, b) => {
    const second = await speaker(router, a.extension, voices[3], { register: false });
    try {
      const { dialog } = await talk(a, b);
      await describe(a, dialog, 'sendonly');
      const asking = await dial(second, '702');
      if (!mute) {
        const words = () => second.rtp.packets.map((_, i) => second.rtp.sound(i).subarray(0, 160)).filter((sound) => level(sound, 8000, music) < 0.05);
        await poll(() => words().length >= 90, PATIENCE_MS, 'the slot is spoken'); // 2.2 s, to its end or nearly
        const heard = resample(Float64Array.from(words().flatMap((sound) => [...sound])), 8000, 16000);
        const [right, ...wrong] = ['Slot 7 0 2 is free.', 'Slot 7 0 1 is free.', 'Slot 1 0 7 is free.'].map((words) => spectralDistance(spoken(words), heard));
        assert.ok(right < 1.2 && right < Math.min(...wrong) / 1.5, `${right} dB from the right words, ${wrong} dB from others`);
      }
      await hears(second, [music]);
      const { length: from } = a.sip.received;
      await refer(a, dialog, replacing('702', asking));
      await Promise.all([notified(a, 200), bye(a), bye(second), hears(b, [music])]);
      await answer(a, { from, ms: (PARKED_SEC + 4) * 1000 });
      await together(a, b);
      unbroken(b);
    } finally {
      await stopAll(second);
    }
  }));

  test('intercom: the phone is asked to answer by itself, and both hear each other', () => some(2, async (a, b) => {
    const [{ invite }] = await Promise.all([answer(b, { ring: false }), dial(a, `*68${b.extension}`)]);
    assert.match(invite.get('alert-info'), /info=alert-autoanswer/);
    assert.match(invite.get('call-info'), /answer-after=0/);
    assert.equal(invite.get('answer-mode'), 'Auto');
    await together(a, b);
  }));

  test('a room with a PIN: nothing is heard before it, *6 mutes, a locked room is busy', () => some(3, async (a, b, c) => {
    const enter = async (party) => {
      const dialog = await dial(party, '801');
      press(party, '9'); // ends the prompt
      await hears(party, []);
      press(party, '*4711#');
      return dialog;
    };
    await enter(a);
    await hears(a, []);
    const dialog = await dial(b, '801');
    press(b, '9');
    await Promise.all([hears(a, []), hears(b, [])]);
    press(b, '#'); // wrong
    press(b, '4711#');
    await together(a, b);
    press(b, '*6');
    await Promise.all([hears(a, []), hears(b, [a])]);
    press(b, '*6');
    await together(a, b);
    const { callId } = await callOf(router, a.extension);
    await router.api.patch(`/api/calls/${callId}`, { locked: true });
    assert.equal((await c.call('801')).answer.status, 486);
    await router.api.patch(`/api/calls/${callId}`, { locked: false });
    await enter(c);
    await together(a, b, c);
    await b.hangup(dialog);
    b.rtp.stopSending();
    await together(a, c);
    unbroken(a, c);
  }));

  test('who holds in a room leaves the others alone: neither its music nor the hub\'s', () => some(3, async (a, b, c) => {
    const dialogs = [];
    for (const party of [a, b, c]) dialogs.push(await dial(party, '800'));
    await together(a, b, c);
    await describe(a, dialogs[0], 'sendonly');
    await together(b, c);
    await resume(a, dialogs[0]);
    await together(a, b, c);
    unbroken(b, c);
  }));

  test('call waiting: a real phone holds one caller, takes the next and comes back; another one takes one call only', () => some(3, async (a, c, d) => {
    const real = await realPhone(router, free.shift(), voices[3], { answer: 'manual' });
    const single = await speaker(router, '451', voices[3]);
    try {
      const calling = dial(a, real.extension);
      await real.event('CALL_INCOMING');
      await real.answer();
      await calling;
      await together(a, real);
      const from = real.events.length;
      const second = dial(c, real.extension);
      await real.event('CALL_INCOMING', PATIENCE_MS, from);
      await together(a, real); // it rings only
      await real.answer();
      const dialog = await second;
      await Promise.all([hears(a, [music]), together(c, real)]);
      await c.hangup(dialog);
      c.rtp.stopSending();
      await real.event('CALL_CLOSED', PATIENCE_MS, from);
      await real.resume();
      await hears(a, [real]);
      unbroken(a);

      await talk(d, single);
      assert.equal((await c.call('451')).answer.status, 486);
      await together(d, single);
    } finally {
      await stopAll(real, single);
    }
  }));
});
