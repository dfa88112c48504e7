// Guessing passwords is slowed, then banned, while phones already registered keep working.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { SipEndpoint } from './lib/sip.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

test('a guesser is banned for the user guessed at, a registered phone is not', { skip: missing }, async () => {
  const router = await Router.start({
    devices: ['101', '102', '103'].map((e) => device(e, { codecs: ['PCMU'] })),
    config: { security: { maxAuthFailures: 5, banSec: 60 } },
  });
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  // an address of its own: the phones live at 127.0.0.1
  const guesser = await SipEndpoint.open({ address: '127.0.9.9', to: { address: host, port: router.sipPort } });
  try {
    const events = await router.api.events();
    let answers = 0;
    for (let i = 0; i < 40; i += 1) {
      try {
        const answer = await guesser.transact({
          method: 'REGISTER', uri: `sip:${host}:${router.sipPort}`, from: `<sip:103@${host}>;tag=${i}`, to: `<sip:103@${host}>`,
        }, { user: '103', password: `guess${i}`, ms: 1500 });
        assert.notEqual(answer.status, 200);
        answers += 1;
      } catch (error) {
        if (!/nothing within/.test(error.message)) throw error;
        break; // banned: dropped in silence
      }
    }
    assert.ok(answers >= 4 && answers < 30, `${answers} answers before the ban`);
    await events.waitFor('security_ban', 3000, 1);

    const answered = (async () => b.accept(await b.incoming()))();
    const dialog = await a.call('102');
    await answered;
    assert.equal(dialog.answer.status, 200);
    await a.hangup(dialog);
    await b.hungUp();
    assert.equal((await a.sip.register('101', 'pw101')).status, 200);
  } finally {
    guesser.close();
    await stopAll(a, b);
    await router.stop();
  }
});

test('requests with a stale or foreign nonce never lead to a ban', { skip: missing }, async () => {
  const router = await Router.start({ devices: [device('101')], config: { security: { maxAuthFailures: 3, banSec: 60 } } });
  const sip = await SipEndpoint.open({ to: { address: host, port: router.sipPort } });
  try {
    for (let i = 0; i < 20; i += 1) {
      const answer = await sip.transact({
        method: 'REGISTER', uri: `sip:${host}:${router.sipPort}`, from: `<sip:101@${host}>;tag=${i}`, to: `<sip:101@${host}>`,
        headers: [['Authorization', `Digest username="101", realm="siprouter", nonce="invented${i}", uri="sip:x", response="${'0'.repeat(32)}", algorithm=MD5`]],
      }, {});
      assert.equal(answer.status, 401);
    }
    assert.equal((await sip.register('101', 'pw101')).status, 200);
  } finally {
    sip.close();
    await router.stop();
  }
});
