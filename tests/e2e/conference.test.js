// A room by its extension: everybody hears the others, nobody themselves.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing } from './lib/router.js';
import { dial, together, withSpeakers } from './lib/office.js';

test('three phones meet in a room', { skip: missing }, async () => {
  const extensions = ['101', '102', '103'];
  const router = await Router.start({
    devices: extensions.map((e) => device(e, { codecs: ['PCMU'] })),
    config: { conferences: [{ id: 'room', extension: '800' }] },
  });
  try {
    await withSpeakers(router, extensions, async (...phones) => {
      const dialogs = [];
      for (const phone of phones) dialogs.push(await dial(phone, '800'));
      await together(...phones);
      for (const phone of phones) assert.deepEqual(phone.rtp.faults(), []);
      for (const [i, phone] of phones.entries()) assert.equal((await phone.hangup(dialogs[i])).status, 200);
      await router.noCalls();
    });
  } finally {
    await router.stop();
  }
});
