// Hold, mute, and adding a party (relay -> mix -> relay): each hears exactly the other two, and the stream never jumps.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { dB, level, rms, snr } from './lib/audio.js';
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
