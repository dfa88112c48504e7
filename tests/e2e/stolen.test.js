// Guessed and stolen passwords, a stranger who knows our number, servers that fish for our own password: what it costs.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { SipEndpoint, sdp } from './lib/sip.js';
import { Trunk, account, challenge, until } from './lib/trunk.js';

const options = { skip: missing };
const USER = '4930123';
const out = { id: 'out', match: { direction: 'outbound' }, action: { provider: `p${USER}` } };

/** The provider last: the router takes its registration back. */
const endOf = (router, trunk) => router.stop().finally(() => trunk.close());

/** A provider that answers every call, and remembers each. */
function answering(trunk, answers = () => true) {
  trunk.invites = [];
  trunk.onMessage = (message) => {
    if (message.method === 'BYE' || message.method === 'CANCEL') trunk.sip.reply(message, 200, 'OK');
    if (message.method !== 'INVITE') return;
    if (!message.isRepeat) trunk.invites.push(message);
    if (answers(message)) trunk.sip.reply(message, 200, 'OK', { body: sdp(host, 40000) });
  };
}

async function house(config = {}, more = {}) {
  const trunk = await Trunk.open();
  const router = await Router.start({
    devices: ['201', '202'].map((e) => device(e, { codecs: ['PCMU'] })),
    config: { providers: [account(trunk.port, USER, more)], routing: { routes: [out] }, ...config },
  });
  await until(router, `p${USER}`, (state) => state.state === 'registered');
  return { trunk, router };
}

test('a password is guessed in parallel from one address: few are tried, the phone itself goes on', options, async (t) => {
  const router = await Router.start({
    devices: ['201', '202'].map((e) => device(e, { codecs: ['PCMU'] })),
    config: { security: { maxAuthFailures: 3, banSec: 60 } },
  });
  const own = await ScriptPhone.open(router, '201');
  const guessers = await Promise.all([1, 2, 3, 4].map(() => SipEndpoint.open({ address: '127.0.9.8', to: { address: host, port: router.sipPort } })));
  try {
    const events = await router.api.events();
    const uri = `sip:${host}:${router.sipPort}`;
    const banned = events.waitFor('security_ban', 60000, 1).then(() => null);
    /** The answer, or null: banned, and dropped in silence. */
    const register = (guesser, word) => {
      const asked = guesser.transact({ method: 'REGISTER', uri, from: `<sip:201@${host}>;tag=g`, to: `<sip:201@${host}>` }, { user: '201', password: word });
      asked.catch(() => {});
      return Promise.race([asked, banned]);
    };
    const words = [...Array.from({ length: 60 }, (_, i) => `pw${i}`), 'pw201']; // the right one comes last
    let judged = 0;
    let isIn = false;
    await Promise.all(guessers.map(async (guesser) => {
      for (let word = words.shift(); word !== undefined; word = words.shift()) {
        const answer = await register(guesser, word);
        if (answer === null) break;
        judged += 1;
        isIn ||= answer.status === 200;
      }
    }));
    t.diagnostic(`${judged} of 61 words were judged`);
    assert.equal(isIn, false);
    assert.ok(judged >= 2 && judged <= 10, `${judged} words judged`);
    await banned;
    const seen = guessers[0].received.length;
    await register(guessers[0], 'pw201'); // even the right one
    assert.equal((await own.sip.register('201', 'pw201')).status, 200); // asked later, and answered
    assert.equal(guessers[0].received.slice(seen).filter((m) => m.status === 200).length, 0);
    await poll(async () => (await router.api.get('/api/status')).sip.bans >= 1, 5000, 'the ban is counted');
  } finally {
    for (const guesser of guessers) guesser.close();
    await stopAll(own, router);
  }
});

test('captured credentials sent again open nothing', options, async () => {
  const { trunk, router } = await house();
  const own = await ScriptPhone.open(router, '201');
  const thief = await SipEndpoint.open({ address: '127.0.9.7', to: { address: host, port: router.sipPort } });
  answering(trunk);
  try {
    const dialog = await own.call('+4989555');
    assert.equal(dialog.answer.status, 200);
    await own.hangup(dialog);
    const stolen = dialog.headers.filter(([name]) => /authorization/i.test(name));
    assert.equal(stolen.length, 1);
    for (const uri of [dialog.uri, `sip:+88213000@${host}:${router.sipPort}`]) {
      const answer = await thief.transact({ method: 'INVITE', uri, user: '201', headers: [...stolen], body: sdp('127.0.9.7', 40000) });
      assert.equal(answer.status, 401);
    }
    assert.equal(trunk.invites.length, 1);
  } finally {
    thief.close();
    await stopAll(own).finally(() => endOf(router, trunk));
  }
});

test('a dialling spree with a stolen password costs what security allows, over a restart and over kill -9', options, async (t) => {
  const { trunk, router } = await house({
    country: 'DE',
    security: {
      blockedPrefixes: ['0900'], premiumPrefixes: ['+49180'], allowedCountries: ['DE'], outboundMaxConcurrent: 2,
      perDevice: { callsPerDay: 5, minutesPerDay: 60 },
    },
  });
  answering(trunk);
  let thief = await ScriptPhone.open(router, '201');
  let owner;
  const reasons = {};
  try {
    const spree = async (numbers) => {
      const events = await router.api.events();
      const dialogs = [];
      for (const number of numbers) {
        const from = events.all.length;
        const dialog = await thief.call(number);
        if (dialog.answer.status === 200) {
          dialogs.push(dialog);
          continue;
        }
        const ended = await events.waitFor('call_ended', 5000, from);
        reasons[ended.reason] = (reasons[ended.reason] ?? 0) + 1;
      }
      return dialogs;
    };
    assert.equal((await spree(['090012345', '+8821234567', '+2321234567', '018012345', '+19005551234'])).length, 0);
    assert.equal(trunk.invites.length, 0, 'nothing left the house');
    const first = await spree(Array.from({ length: 6 }, (_, i) => `08900${i}`));
    assert.equal(first.length, 2, 'two at the same time');
    for (const dialog of first) await thief.hangup(dialog);
    await router.noCalls();
    const third = await spree(['089111']);
    assert.equal(third.length, 1);
    await thief.stop();
    thief = null;
    await router.stop(); // ends the third
    await router.start();
    await until(router, `p${USER}`, (state) => state.state === 'registered');
    thief = await ScriptPhone.open(router, '201');
    const fourth = await spree(['089222']);
    assert.equal(fourth.length, 1);
    await router.oneCall((call) => call.state === 'answered');
    await router.written();
    await router.kill(); // in the middle of the fourth
    await router.start();
    await until(router, `p${USER}`, (state) => state.state === 'registered');
    thief.rtp.close();
    thief.sip.close();
    thief = await ScriptPhone.open(router, '201');
    const rest = await spree(Array.from({ length: 10 }, (_, i) => `08933${i}`));
    assert.equal(rest.length, 1, 'the fifth call of the day is the last');
    const { token } = await router.api.post('/api/tokens', { name: 'thief', role: 'user', deviceId: 'd201' });
    const login = router.api.as(token);
    const events = await login.events();
    const echo = await thief.call('*43');
    const { callId } = await events.waitFor((event) => event.type === 'call_answered' && event.call.to === '*43');
    assert.equal((await login.request('POST', `/api/calls/${callId}/legs`, { to: '089555' })).status, 403, 'nor by its login');
    await thief.hangup(echo);
    login.close();
    t.diagnostic(`refused: ${JSON.stringify(reasons)}; ${trunk.invites.length} calls reached the provider`);
    assert.equal(trunk.invites.length, 5);
    assert.deepEqual(Object.keys(reasons).sort(), ['blocked_number', 'country_not_allowed', 'device_limit', 'outside_limit', 'premium_number']);
    owner = await ScriptPhone.open(router, '202');
    const other = await owner.call('089444');
    assert.equal(other.answer.status, 200, 'another phone still may');
    await owner.hangup(other);
    const killed = (await router.api.get('/api/history?limit=100')).items.find((item) => item.to.endsWith('89222'));
    assert.equal(killed.reason, 'router_stopped');
    assert.equal(killed.legs.find((leg) => leg.kind === 'provider').reason, 'router_stopped');
  } finally {
    await stopAll(thief, owner).finally(() => endOf(router, trunk));
  }
});

test('who knows our number is not the provider: by name, from another address, a phone behind the provider\'s address', options, async () => {
  const inbound = { id: 'in', match: { direction: 'inbound' }, action: { targets: ['d201'] } };
  const { trunk, router } = await house({ routing: { routes: [inbound, out] } });
  answering(trunk);
  const strangers = await Promise.all(['127.0.0.2', host].map((address) => SipEndpoint.open({ to: { address: host, port: router.sipPort }, address })));
  try {
    const [port, contactUser] = [router.sipPort, trunk.contact.match(/sip:([^@]+)@/)[1]];
    const claims = [
      [`sip:${USER}@${host}:${port}`, []],
      [`sip:+${USER}@${host}:${port};line=${USER}`, []],
      [`sip:${contactUser.slice(0, -1)}x@${host}:${port}`, []],
      [`sip:201@${host}:${port}`, [['P-Asserted-Identity', `<sip:${USER}@trunk.example>`], ['P-Called-Party-ID', `<sip:${USER}@trunk.example>`]]],
      [`sip:+8821234567@${host}:${port}`, [['P-Preferred-Identity', `<sip:${USER}@trunk.example>`]]],
    ];
    const [outside, atItsAddress] = strangers;
    const call = (from, user, uri, headers = []) => from.transact({
      method: 'INVITE', uri, user, from: `<sip:${user}@trunk.example>;tag=x`, headers: [...headers], body: sdp(host, 40000),
    });
    for (const [uri, headers] of claims) assert.equal((await call(outside, USER, uri, headers)).status, 401, uri);
    // a phone of the house that is not registered, behind the address the provider has, too
    for (const number of ['201', '202', '+8821234567']) {
      assert.equal((await call(atItsAddress, '202', `sip:${number}@${host}:${port}`)).status, 401, number);
    }
    // the trust rule: what comes from the provider's address without such a name is taken for its call, which rings, and
    // never leads outside
    assert.equal((await call(atItsAddress, '+49891', `sip:+${USER}@${host}:${port}`)).status, 480);
    assert.equal(trunk.invites.length, 0);
  } finally {
    for (const stranger of strangers) stranger.close();
    await endOf(router, trunk);
  }
});

test('the trust rule lets an address in as the provider, and only that one', options, async () => {
  const inbound = { id: 'in', match: { direction: 'inbound' }, action: { targets: ['d201'] } };
  const { trunk, router } = await house({ routing: { routes: [inbound, out] } }, { trustedAddresses: ['127.0.5.5'] });
  const [named, neighbour] = await Promise.all(['127.0.5.5', '127.0.5.6'].map((address) => SipEndpoint.open({ to: { address: host, port: router.sipPort }, address })));
  const call = (from) => from.transact({ method: 'INVITE', uri: `sip:${USER}@${host}:${router.sipPort}`, user: 'x', body: sdp(host, 40000) });
  try {
    assert.equal((await call(named)).status, 480); // routed to a phone that is off: it was let in
    assert.equal((await call(neighbour)).status, 401);
  } finally {
    named.close();
    neighbour.close();
    await endOf(router, trunk);
  }
});

test('our password answers the realm\'s own server only, twice per request at most', options, async (t) => {
  const { trunk, router } = await house();
  const phone = await ScriptPhone.open(router, '201');
  const fisher = await Trunk.open(0, '127.0.6.6');
  fisher.asked = [];
  fisher.onMessage = (message) => {
    fisher.asked.push(message);
    if (message.method === 'INVITE') fisher.sip.reply(message, 407, 'Proxy Authentication Required', { headers: [['Proxy-Authenticate', challenge()]] });
  };
  const invites = [];
  let act;
  trunk.onMessage = (message) => {
    if (message.method !== 'INVITE') return;
    if (!message.isRepeat) invites.push(message);
    act(message);
  };
  const ask = async (number) => {
    invites.length = 0;
    const { answer } = await phone.call(number, { ms: 10000 });
    assert.ok(answer.status >= 400, answer.start);
    return invites.map((message) => message.get('proxy-authorization') ?? message.get('authorization'));
  };
  try {
    await t.test('another realm: no answer', async () => {
      act = (message) => trunk.sip.reply(message, 407, 'No', { headers: [['Proxy-Authenticate', challenge('evil.example')]] });
      const given = await ask('+4989001');
      assert.ok(given.every((one) => !/evil/.test(one ?? '')), given.join());
      assert.equal(given.length, 1);
    });
    await t.test('always stale: two answers', async () => {
      act = (message) => trunk.sip.reply(message, 407, 'No', { headers: [['Proxy-Authenticate', challenge(undefined, ', stale=TRUE')]] });
      const given = await ask('+4989002');
      assert.equal(given.length, 3); // the first, and two answers
      assert.ok(new Set(given.filter(Boolean).map((one) => one.match(/nonce="([^"]+)"/)[1])).size <= 3);
    });
    await t.test('the same challenge again and again: one answer', async () => {
      act = (message) => trunk.sip.reply(message, 401, 'No', { headers: [['WWW-Authenticate', challenge()]] });
      assert.ok((await ask('+4989003')).length <= 2);
    });
    await t.test('a redirection elsewhere, with a challenge of our realm there: nothing of the password', async () => {
      act = (message) => trunk.sip.reply(message, 302, 'Moved', { headers: [['Contact', `<sip:+4989004@127.0.6.6:${fisher.port}>`]] });
      await ask('+4989004');
      assert.equal(fisher.asked.filter((message) => message.get('proxy-authorization') || message.get('authorization')).length, 0);
    });
  } finally {
    await stopAll(phone, fisher).finally(() => endOf(router, trunk));
  }
});
