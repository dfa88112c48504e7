// Guessing passwords is slowed, then banned, while phones already registered keep working.
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Router, device, host, missing, noIp6 } from './lib/router.js';
import { SipEndpoint } from './lib/sip.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { again, notPermitted } from './lib/kernel_nat.js';

const isInside = Boolean(process.env.E2E_NETNS); // once more, in a network namespace with a /64 of its own
const outer = isInside ? () => {} : test;
const inner = isInside ? test : () => {};

outer('a guesser is banned for the user guessed at, a registered phone is not', { skip: missing }, async () => {
  const router = await Router.start({
    devices: ['101', '102', '103'].map((e) => device(e, { codecs: ['PCMU'] })),
    config: { security: { maxAuthFailures: 5, banSec: 60 } },
  });
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  // an address of its own: the phones live at 127.0.0.1
  const guesser = await SipEndpoint.open({ address: '127.0.9.9', to: { address: host, port: router.sipPort } });
  try {
    const events = await router.api.events();
    const banned = events.waitFor('security_ban', 60000, 1);
    const guess = (word) => guesser.transact({
      method: 'REGISTER', uri: `sip:${host}:${router.sipPort}`, from: `<sip:103@${host}>;tag=${word}`, to: `<sip:103@${host}>`,
    }, { user: '103', password: word });
    let answers = 0;
    for (; answers < 40; answers += 1) {
      const asked = guess(`guess${answers}`);
      asked.catch(() => {}); // dropped in silence
      const answer = await Promise.race([asked, banned]);
      if (answer.type === 'security_ban') break;
      assert.notEqual(answer.status, 200);
    }
    assert.ok(answers >= 4 && answers < 30, `${answers} answers before the ban`);
    await banned;
    const heard = guesser.received.length;
    guess('pw103').catch(() => {}); // even the right one
    assert.equal((await b.sip.register('102', 'pw102')).status, 200); // asked later, and answered
    assert.equal(guesser.received.slice(heard).filter((m) => m.status === 200).length, 0);

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

outer('requests with a stale or foreign nonce never lead to a ban', { skip: missing }, async () => {
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

outer('a guesser with a whole IPv6 network', { skip: missing || noIp6 || notPermitted || (process.env.E2E_LONG ? false : 'E2E_LONG=1 runs it') }, () => {
  const { status, output } = again(fileURLToPath(import.meta.url));
  assert.equal(status, 0, output.slice(-8000));
  assert.match(output, /^# pass 1$/m);
});

inner('is one guesser; a phone registered in that network stays', async () => {
  const ip = (...args) => {
    const out = spawnSync('ip', args, { encoding: 'utf8' });
    assert.equal(out.status, 0, out.stderr);
  };
  ip('link', 'set', 'lo', 'up');
  const router = await Router.start({
    devices: [device('101'), device('102')],
    config: { proxy: { bind: [host, '::1'] }, security: { maxAuthFailures: 5, banSec: 60 } },
  });
  const to = { address: '::1', port: router.sipPort };
  const uri = `sip:[::1]:${router.sipPort}`;
  const ends = [];
  const at = async (address) => {
    ip('addr', 'add', `${address}/64`, 'dev', 'lo', 'nodad');
    ends.push(await SipEndpoint.open({ address, to }));
    return ends.at(-1);
  };
  const guess = (end, i) => end.transact({
    method: 'REGISTER', uri, from: `<sip:101@home>;tag=${i}`, to: '<sip:101@home>',
  }, { user: '101', password: `guess${i}` });
  try {
    const events = await router.api.events();
    const home = await at('fd00:66::77');
    assert.equal((await home.register('102', 'pw102')).status, 200);
    for (let i = 1; i <= 5; i += 1) assert.equal((await guess(await at(`fd00:66::${i}`), i)).status, 401);
    await events.waitFor('security_ban', 3000, 1);
    const next = await at('fd00:66::99');
    guess(next, 6).catch(() => {}); // challenged, then dropped in silence
    await next.expect((m) => m.status === 401, 3000, 'the challenge');
    await new Promise(setImmediate);
    assert.equal((await home.register('102', 'pw102')).status, 200); // asked later, and answered
    assert.equal(next.received.length, 1);
    assert.equal((await home.register('101', 'pw101')).status, 200);
    const elsewhere = await SipEndpoint.open({ to: { address: host, port: router.sipPort } });
    ends.push(elsewhere);
    assert.equal((await elsewhere.register('101', 'pw101')).status, 200);
  } finally {
    for (const end of ends) end.close();
    await router.stop();
  }
});
