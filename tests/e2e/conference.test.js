// A room by its extension: everybody hears the others, nobody themselves.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing, poll } from './lib/router.js';
import { tonesHeard } from './lib/audio.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

test('three phones meet in a room', { skip: missing }, async () => {
  const tones = { 101: 700, 102: 1100, 103: 1700 };
  const router = await Router.start({
    devices: Object.keys(tones).map((e) => device(e, { codecs: ['PCMU'] })),
    config: { conferences: [{ id: 'room', extension: '800' }] },
  });
  const phones = await Promise.all(Object.keys(tones).map((e) => ScriptPhone.open(router, e)));
  try {
    const dialogs = [];
    for (const phone of phones) {
      const dialog = await phone.call('800');
      assert.equal(dialog.answer.status, 200);
      phone.sendTone(tones[phone.extension]);
      dialogs.push(dialog);
    }
    const all = Object.values(tones);
    await Promise.all(phones.map((phone) => {
      const from = phone.rtp.packets.length;
      return poll(() => {
        const sound = phone.rtp.sound(from);
        if (sound.length < 4000) return false;
        const heard = tonesHeard(sound.subarray(sound.length - 4000), 8000, all);
        return all.every((hz) => (hz === tones[phone.extension] ? heard[hz] < -45 : heard[hz] > -25));
      }, 8000, `${phone.extension} hears the other two`);
    }));
    for (const phone of phones) assert.deepEqual(phone.rtp.faults(), []);
    for (const [i, phone] of phones.entries()) assert.equal((await phone.hangup(dialogs[i])).status, 200);
    await poll(async () => (await router.api.get('/api/calls')).items.length === 0, 8000, 'the room is empty');
  } finally {
    await stopAll(...phones);
    await router.stop();
  }
});
