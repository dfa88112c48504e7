// Hold, mute, and adding a party (relay -> mix -> relay): each hears exactly the other two, and the stream never jumps.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { dB, level, median, rms, snr } from './lib/audio.js';
import { hears } from './lib/office.js';
import { sdp } from './lib/sip.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const tones = { 101: 700, 102: 1100, 103: 1700 };
const QUIET = -45;

/** The call, once its media run so; a mix without need ends after 5 s. */
async function mediaIs(router, callId, media) {
  let call;
  await poll(async () => {
    call = await router.api.get(`/api/calls/${callId}`);
    return call.media === media;
  }, 9000, `${media} (${callId})`).catch((error) => {
    error.message += `; is ${call?.media}`;
    throw error;
  });
  return call;
}

/** The caller holds and resumes by re-INVITE; the other side hears music meanwhile, never the caller. */
async function holdAndResume(a, b, dialog) {
  const reinvite = async (direction, version) => {
    const fields = a.sip.within(dialog, 'INVITE', { body: sdp(host, a.rtp.port, { direction, version }) });
    const answer = await a.sip.transact(fields, { user: '101', password: 'pw101' });
    assert.equal(answer.status, 200);
    a.sip.ack(fields);
    dialog.cseq = fields.cseq;
  };
  await reinvite('sendonly', 2);
  a.rtp.stopSending();
  const from = b.rtp.packets.length;
  await poll(() => {
    const sound = b.rtp.sound(from);
    const last = sound.subarray(Math.max(0, sound.length - 4000));
    return sound.length >= 4000 && rms(last) > 0.003 && dB(level(last, 8000, tones[101])) < QUIET;
  }, 8000, 'music on hold');
  await reinvite('sendrecv', 3);
  a.sendTone(tones[101]);
  await Promise.all([hears(a, [tones[102]]), hears(b, [tones[101]])]);
}

async function muteAndUnmute(router, callId, a, b) {
  const call = await router.api.get(`/api/calls/${callId}`);
  const leg = `/api/calls/${callId}/legs/${call.legs.find((one) => one.deviceId === 'd101').legId}`;
  await router.api.patch(leg, { muted: true });
  await Promise.all([hears(a, [tones[102]]), hears(b, [])]);
  await router.api.patch(leg, { muted: false });
  await Promise.all([hears(a, [tones[102]]), hears(b, [tones[101]])]);
}

describe('three parties', { concurrency: true, skip: missing }, () => [1, 2].forEach((threads) => {
  test(`one stream through hold, mute and a third party who joins and leaves, ${threads} worker${threads > 1 ? 's' : ''}`, { skip: missing }, async () => {
    const router = await Router.start({
      devices: ['101', '102', '103'].map((extension) => device(extension, { codecs: ['PCMU'] })),
      config: { server: { mediaThreads: threads } },
    });
    const [a, b, c] = await Promise.all(['101', '102', '103'].map((extension) => ScriptPhone.open(router, extension)));
    try {
      const events = await router.api.events();
      const answered = (async () => {
        const invite = await b.incoming();
        b.ring(invite);
        await b.accept(invite);
      })();
      const dialog = await a.call('102');
      await answered;
      assert.equal(dialog.answer.status, 200);
      const { callId } = await events.waitFor('call_answered');
      a.sendTone(tones[101]);
      b.sendTone(tones[102]);
      await Promise.all([hears(a, [tones[102]]), hears(b, [tones[101]])]);
      await holdAndResume(a, b, dialog);
      await muteAndUnmute(router, callId, a, b);

      await mediaIs(router, callId, 'relay');
      const added = router.api.post(`/api/calls/${callId}/legs`, { to: '103' });
      const invite = await c.incoming();
      c.ring(invite);
      await c.accept(invite);
      await added;
      c.sendTone(tones[103]);
      await Promise.all([
        hears(a, [tones[102], tones[103]]), hears(b, [tones[101], tones[103]]), hears(c, [tones[101], tones[102]])]);

      const call = await mediaIs(router, callId, 'mix');
      assert.equal(call.legs.length, 3);
      const third = call.legs.find((leg) => leg.deviceId === 'd103');
      await router.api.delete(`/api/calls/${callId}/legs/${third.legId}`);
      await c.hungUp();
      c.rtp.stopSending();
      await Promise.all([hears(a, [tones[102]]), hears(b, [tones[101]])]);

      await mediaIs(router, callId, 'relay'); // 5 s without need of a mix; judged over the whole stream
      await Promise.all([a.rtp.more(100), b.rtp.more(100)]);
      assert.deepEqual(c.rtp.faults(), [], 'stream of 103');
      for (const party of [a, b]) {
        assert.deepEqual(party.rtp.faults(), [], `stream of ${party.extension}`);
        const sound = party.rtp.sound(party.rtp.packets.length - 60);
        assert.ok(snr(sound, 8000, party === a ? tones[102] : tones[101]) > 30);
      }
      await a.hangup(dialog);
      await b.hungUp();
    } finally {
      await stopAll(a, b, c);
      await router.stop();
    }
  });
}));

/** Sharpest bend of a sound: a click is all bends, a tone bends gently. */
function sharpest(sound) {
  let top = 0;
  for (let i = 2; i < sound.length; i += 1) top = Math.max(top, Math.abs(sound[i] - 2 * sound[i - 1] + sound[i - 2]));
  return top;
}

/** What bends at a switch, against what bends in the tone itself. */
async function bendAt(phone, doIt) {
  const from = Math.max(0, phone.rtp.packets.length - 25);
  await doIt();
  return sharpest(phone.rtp.sound(from));
}

test('roles switch without a click, and a supervisor is heard by whom it shall', { skip: missing }, async () => {
  const router = await Router.start({ devices: ['101', '102', '103'].map((extension) => device(extension, { codecs: ['PCMU'] })) });
  const [a, b, c] = await Promise.all(['101', '102', '103'].map((extension) => ScriptPhone.open(router, extension)));
  try {
    const events = await router.api.events();
    const answered = (async () => { await b.accept(await b.incoming()); })();
    const dialog = await a.call('102');
    await answered;
    const { callId } = await events.waitFor('call_answered');
    a.sendTone(tones[101]);
    b.sendTone(tones[102]);
    await Promise.all([hears(a, [tones[102]]), hears(b, [tones[101]])]);
    const call = `/api/calls/${callId}`;
    const legOf = async (id) => (await router.api.get(call)).legs.find((leg) => leg.deviceId === id).legId;
    const [legA, legB] = [await legOf('d101'), await legOf('d102')];

    // relayed at first, mixed from the first switch on
    await mediaIs(router, callId, 'relay');
    const plain = sharpest(b.rtp.sound(b.rtp.packets.length - 40));
    const bends = [];
    for (const [change, expected] of [
      [{ muted: true }, []], [{ muted: false }, [tones[101]]],
      [{ role: 'isolated' }, []], [{ role: 'participant' }, [tones[101]]],
      [{ role: 'tool' }, []], [{ role: 'participant' }, [tones[101]]],
      [{ muted: true }, []], [{ muted: false }, [tones[101]]]]) {
      bends.push(await bendAt(b, async () => {
        await router.api.patch(`${call}/legs/${legA}`, change);
        await hears(b, expected);
      }));
    }
    const ratio = median(bends) / plain;
    console.log(`# at a switch the sound bends ${ratio.toFixed(2)} times as sharply as the tone (${bends.map((bend) => (bend / plain).toFixed(2)).join(' ')})`);
    assert.ok(ratio < 1.6, `${ratio}`);

    const added = router.api.post(`${call}/legs`, { to: '103', role: 'tool' });
    const before = a.rtp.packets.length;
    await c.accept(await c.incoming());
    await added;
    c.sendTone(tones[103]);
    await Promise.all([hears(a, [tones[102]]), hears(b, [tones[101]]), hears(c, [tones[101], tones[102]])]);
    const told = a.rtp.sound(before);
    const notice = Array.from({ length: Math.floor(told.length / 800) }, (_, i) => dB(level(told.subarray(i * 800, i * 800 + 800), 8000, 1400)));
    assert.ok(Math.max(...notice) > -35, `the parties are told by a tone: ${Math.max(...notice)}`);
    const legC = await legOf('d103');
    await router.api.patch(`${call}/legs/${legC}`, { whisperTo: legB });
    await Promise.all([hears(a, [tones[102]]), hears(b, [tones[101], tones[103]]), hears(c, [tones[101], tones[102]])]);
    await events.waitFor((event) => event.type === 'leg_changed' && event.leg?.whisperTo === legB);
    await router.api.patch(`${call}/legs/${legC}`, { role: 'participant' });
    await Promise.all([hears(a, [tones[102], tones[103]]), hears(b, [tones[101], tones[103]])]);
    await router.api.patch(`${call}/legs/${legC}`, { role: 'tool' });
    await Promise.all([hears(a, [tones[102]]), hears(b, [tones[101]])]);

    // a user of the call may not do that
    const { token } = await router.api.post('/api/tokens', { name: 'u', role: 'user', deviceId: 'd101' });
    const user = router.api.as(token);
    assert.equal((await user.request('PATCH', `${call}/legs/${legA}`, { role: 'tool' })).status, 403);
    assert.equal((await user.request('POST', `${call}/legs`, { to: '103', role: 'tool' })).status, 403);
    // nor do anything to another's leg
    assert.equal((await user.request('PATCH', `${call}/legs/${legB}`, { muted: true })).status, 403);
    assert.equal((await user.request('POST', `${call}/play`, { text: 'a', legs: [legB] })).status, 403);
    assert.equal((await user.request('PATCH', `${call}/legs/${legA}`, { muted: false })).status, 204);
    const seen = await user.get(call);
    assert.deepEqual(seen.legs.map((leg) => leg.role).sort(), ['participant', 'participant', 'tool']);
    assert.ok(seen.legs.every((leg) => leg.address === null));

    await a.hangup(dialog); // who only listens keeps no call alive
    await Promise.all([b.hungUp(), c.hungUp()]);
    const record = await router.recordOf(callId);
    assert.equal(record.legs.find((leg) => leg.deviceId === 'd103').role, 'tool');
  } finally {
    await stopAll(a, b, c);
    await router.stop();
  }
});
