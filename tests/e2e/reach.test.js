// Who is reached, and what the caller hears until then: forwarding, fallbacks, strategies, do not disturb, early media.
import test, { after, before, describe as group } from 'node:test';
import assert from 'node:assert/strict';
import { PATIENCE_MS } from './lib/process.js';
import { Router, device, missing, host, poll } from './lib/router.js';
import { answer, callOf, dial, hears, realPhone, refuse, ringback, speaker, together, voices, withSpeakers } from './lib/office.js';
import { FakeProvider } from './lib/fake_provider.js';
import { stopAll } from './lib/phones.js';
import { mediaOf, sdp, token } from './lib/sip.js';

const id = (extension) => `d${extension}`;
const plain = (extension, more) => device(extension, { codecs: ['PCMU'], ...more });
const number = (extension) => ({ type: 'routeExtension', target: extension });
const route = (digits, action) => ({ id: `r${digits}`, match: { direction: 'internal', numberPattern: digits }, action });
const out = (provider, digits) => ({ id: `out-${provider}`, match: { direction: 'outbound', numberPattern: `${digits}*` }, action: { provider } });

/* the callers are 401 and on; each test has phones of its own */
const devices = [
  ...Array.from({ length: 20 }, (_, i) => plain(String(401 + i))),
  plain('601', { forward: { always: '602' } }), plain('602'),
  plain('603', { forward: { busy: '604' } }), plain('604'),
  plain('605', { forward: { noAnswer: '606' } }), plain('606'),
  plain('607', { forward: { offline: '608' } }), plain('608'),
  plain('609', { forward: { always: '610' } }), plain('610', { forward: { always: '609' } }),
  plain('632', { forward: { always: '800' } }),
  plain('611', { forward: { always: '+49890777' }, callerId: '+4930611' }),
  plain('612', { dnd: true }), plain('613', { dnd: true, forward: { busy: '614' } }), plain('614'),
  ...['615', '616', '617', '618', '619', '620', '621', '622', '623', '624', '625', '626', '627', '628', '629', '630', '631', '633'].map((e) => plain(e)),
];
const accounts = {};
let router;
let callers = 401;

before(async () => {
  if (missing) return;
  for (const name of ['forwarded', 'both', 'first', 'guest', 'clicked']) accounts[name] = await FakeProvider.open();
  router = await Router.start({
    devices,
    rtpPorts: 300,
    config: {
      providers: Object.keys(accounts).map((name) => accounts[name].account(name, { callerId: '+4930123' })),
      groups: [
        { id: 'turns', extension: '540', members: ['622', '623', '624'].map(id), strategy: 'roundRobin' },
        { id: 'rested', extension: '550', members: ['625', '626'].map(id), strategy: 'leastRecent' },
        { id: 'real', extension: '560', members: ['627', '628'].map(id) },
      ],
      conferences: [{ id: 'room', extension: '800' }],
      routing: {
        routes: [
          { id: 'in', match: { direction: 'inbound', sourceProvider: 'guest' }, action: { targets: [id('633')], fallback: { offline: { type: 'conference', target: 'room' } } } },
          out('forwarded', '+49890'), out('both', '+49892'), out('first', '+49893'), out('clicked', '+49894'),
          route('510', { targets: [id('605')], noAnswerTimeout: 3 }),
          route('520', { targets: [id('615')], noAnswerTimeout: 4, fallback: { noAnswer: number('616'), busy: number('617'), offline: number('618'), declined: number('619') } }),
          route('530', { targets: [id('620'), id('621')], strategy: 'sequential', noAnswerTimeout: 5 }),
          route('570', { targets: ['tel:+49892', id('630')] }),
          route('580', { targets: ['tel:+49893', id('631')], strategy: 'sequential', noAnswerTimeout: 20 }),
        ],
      },
    },
  });
  await poll(() => Object.values(accounts).every((provider) => provider.contact), PATIENCE_MS, 'the providers are registered');
});
after(async () => {
  await router?.stop();
  await stopAll(...Object.values(accounts));
});

/** A caller, and these phones. */
const withCaller = (phones, body) => withSpeakers(router, [String(callers++), ...phones], body);

/** A calls; whoever is to answer does, and both hear each other; gives {invite, record} of the call when it is over. */
async function reaches(a, digits, b, meanwhile) {
  const calling = a.call(digits, { ms: PATIENCE_MS });
  const [, { invite }, dialog] = await Promise.all([meanwhile, answer(b, { from: b.sip.received.length }), calling]);
  assert.equal(dialog.answer.status, 200);
  assert.ok(dialog.answer.get('p-asserted-identity').includes(`${b.extension}@`), 'the caller sees who answered');
  a.sendTone(a.hz);
  await together(a, b);
  const { callId } = await callOf(router, a.extension);
  await a.hangup(dialog);
  for (const party of [a, b]) party.rtp.stopSending();
  return { invite, dialog, record: await router.recordOf(callId) };
}

const claimForwarded = (invite, from, reason, cause) => {
  assert.match(invite.get('diversion'), new RegExp(`^<sip:${from}@.*;reason=${reason}`));
  assert.match(invite.get('history-info'), new RegExp(`sip:${from}@.*cause%3D${cause}.*index=1, .*index=1\\.1`));
};
const cancelled = (party, from = 0) => party.sip.expect((m) => m.method === 'CANCEL', PATIENCE_MS, 'CANCEL', from);
/** Rings, and is not answered. */
async function rings(party) {
  const from = party.sip.received.length;
  const invite = await party.incoming(PATIENCE_MS, from);
  party.ring(invite);
  const cancel = await cancelled(party, from);
  party.sip.reply(cancel, 200, 'OK');
  party.sip.reply(invite, 487, 'Request Terminated');
}

group('reached', { concurrency: true, skip: missing }, () => {
  test('forwarded always: the other phone rings, sees why, and is heard', () => withCaller(['601', '602'], async (a, b, c) => {
    const { invite, record } = await reaches(a, '601', c);
    claimForwarded(invite, '601', 'unconditional', 302);
    assert.ok(!b.sip.received.some((m) => m.method === 'INVITE'), 'its own phone did not ring');
    assert.deepEqual([record.to, record.reason, record.legs.map((leg) => leg.deviceId).sort()], ['601', 'hangup', [id(a.extension), 'd602'].sort()]);
  }));

  test('forwarded when busy', () => withCaller(['603', '604'], async (a, b, c) => {
    const { invite, record } = await reaches(a, '603', c, refuse(b, 486, 'Busy Here'));
    claimForwarded(invite, '603', 'user-busy', 486);
    assert.equal(record.legs.find((leg) => leg.deviceId === 'd603').reason, 'busy');
  }));

  test('forwarded when nobody answers', () => withCaller(['605', '606'], async (a, b, c) => {
    const { invite, record } = await reaches(a, '510', c, rings(b));
    claimForwarded(invite, '605', 'no-answer', 480);
    assert.equal(record.legs.find((leg) => leg.deviceId === 'd605').reason, 'no_answer');
  }));

  test('forwarded when no phone is there', () => withCaller(['608'], async (a, b) => {
    const { invite } = await reaches(a, '607', b);
    claimForwarded(invite, '607', 'unavailable', 480);
  }));

  test('forwarded to a number outside, on the account of who forwards; a circle ends', () => withCaller([], async (a) => {
    const far = Object.assign(accounts.forwarded, { extension: 'far', hz: voices[1] });
    const calling = a.call('611', { ms: PATIENCE_MS });
    await far.answer('+49890777', far.hz);
    const dialog = await calling;
    assert.equal(dialog.answer.status, 200);
    a.sendTone(a.hz);
    await together(a, far);
    const counts = async () => {
      const of = async (list, name) => (await router.api.get(`/api/${list}`)).items.find((item) => item.id === name).calls;
      return [await of('devices', id(a.extension)), await of('providers', 'forwarded')].join();
    };
    await poll(async () => (await counts()) === '1,1', PATIENCE_MS, 'a call of the device and of the provider'); // told once a second
    assert.match(far.sip.received.find((m) => m.method === 'INVITE').get('diversion'), /^<sip:\+4930611@.*reason=unconditional/);
    await a.hangup(dialog);
    assert.equal((await a.call('609')).answer.status, 482);
    await poll(async () => (await counts()) === '0,0', PATIENCE_MS, 'no call of either');
  }));

  test('forwarded, dialled and led into one room: all meet there, a caller from outside, too', () => withCaller([String(callers++)], async (a, b) => {
    const far = Object.assign(accounts.guest, { extension: 'far', hz: voices[2] });
    await dial(a, '632');
    await dial(b, '632');
    await together(a, b);
    await far.call(router, '+498955', far.hz);
    await together(a, b, far);
  }));

  test('do not disturb: busy, and no phone rings; a forwarding for busy takes the call', () => withCaller(['612', '613', '614'], async (a, b, c, d) => {
    const events = await router.api.events();
    assert.equal((await a.call('612')).answer.status, 486);
    const ended = await events.waitFor((event) => event.type === 'call_ended' && event.call?.to === '612');
    assert.deepEqual((await router.recordOf(ended.callId)).legs.map((leg) => leg.verdict), ['612 is set to do not disturb (dnd): no phone rang']);
    const { invite } = await reaches(a, '613', d);
    claimForwarded(invite, '613', 'user-busy', 486);
    for (const party of [b, c]) assert.ok(!party.sip.received.some((m) => m.method === 'INVITE'));
  }));

  test('no answer, busy, declined and offline lead where the route says', async () => {
    const targets = await Promise.all(['616', '617', '619', '618'].map((extension) => speaker(router, extension, voices[1])));
    try {
      await withCaller(['615'], async (a, b) => {
        b.hz = voices[2];
        const [noAnswer, busy, declined, offline] = targets;
        await reaches(a, '520', noAnswer, rings(b));
        await reaches(a, '520', busy, refuse(b, 486, 'Busy Here', b.sip.received.length));
        await reaches(a, '520', declined, refuse(b, 603, 'Decline', b.sip.received.length));
        await b.sip.register('615', 'pw615', { expires: 0 });
        await reaches(a, '520', offline);
      });
    } finally {
      await stopAll(...targets);
    }
  });

  test('one after the other: the first stops ringing before the second begins', () => withCaller(['620', '621'], async (a, b, c) => {
    await reaches(a, '530', c, rings(b));
    const at = (party, method) => party.sip.received.find((m) => m.method === method).at;
    assert.ok(at(b, 'INVITE') < at(c, 'INVITE'), 'in this order');
  }));

  test('in turns: each has its call', () => withCaller(['622', '623', '624'], async (a, ...members) => {
    for (const member of [...members, members[0]]) await reaches(a, '540', member);
  }));

  test('who rested longest is first, whatever call it was', () => withCaller(['625', '626'], async (a, b, c) => {
    for (const [digits, party] of [['550', b], ['550', c], ['625', b], ['550', c], ['550', b]]) await reaches(a, digits, party);
  }));

  test('real phones of a group ring together, the first takes the call; so do two phones of one extension', () => withCaller(['629'], async (a, b) => {
    const [one, two] = await Promise.all(['627', '628'].map((extension) => realPhone(router, extension, voices[2], { answer: 'manual' })));
    const other = await speaker(router, '629', voices[3]);
    try {
      const calling = a.call('560', { ms: PATIENCE_MS });
      await Promise.all([one, two].map((party) => party.event('CALL_INCOMING')));
      await two.answer();
      const dialog = await calling;
      a.sendTone(a.hz);
      await Promise.all([together(a, two), one.event('CALL_CLOSED')]);
      await a.hangup(dialog);
      a.rtp.stopSending();
      await reaches(a, '629', other, rings(b));
    } finally {
      await stopAll(one, two, other);
    }
  }));

  /** What the provider says of a call to the number; gives {invite, say(status, reason)}. */
  async function farEnd(far, digits) {
    const invite = await far.sip.expect((m) => m.method === 'INVITE' && m.uri.includes(digits), PATIENCE_MS, `INVITE to ${digits}`);
    const toTag = token();
    return {
      invite,
      say: (status, reason, body = sdp(host, far.rtp.port)) => far.sip.reply(invite, status, reason, { toTag, body: status < 300 ? body : '' }),
      speak: () => far.rtp.sendTone(mediaOf(invite.body), far.hz),
    };
  }

  /** The caller's INVITE before its answer: {answered, provisional(status, test)}. */
  function calls(a, digits) {
    const from = a.sip.received.length;
    const answered = a.call(digits, { ms: PATIENCE_MS });
    answered.catch(() => {}); // told where it is awaited
    return { answered, provisional: (status) => a.sip.expect((m) => m.status === status, PATIENCE_MS, String(status), from) };
  }

  test('a number outside and a phone: ring-back of its own while both ring; alone, the number\'s announcement is heard, then its voice', () => withCaller(['630'], async (a, b) => {
    const far = Object.assign(accounts.both, { extension: 'far', hz: voices[2] });
    const call = calls(a, '570');
    const [line, invite] = await Promise.all([farEnd(far, '+49892'), b.incoming(PATIENCE_MS)]);
    b.ring(invite);
    assert.equal((await call.provisional(180)).body, '');
    line.say(183, 'Session Progress');
    line.speak();
    b.sip.reply(invite, 603, 'Decline');
    const early = await call.provisional(183);
    a.remoteMedia = mediaOf(early.body);
    await hears(a, [far]);
    line.say(200, 'OK');
    assert.equal((await call.answered).answer.status, 200);
    a.sendTone(a.hz);
    await together(a, far);
    assert.deepEqual(a.rtp.faults(), []);
  }));

  test('dialled by the API: ring-back, the announcement of the number, its refusal', () => withCaller([], async (a) => {
    const far = Object.assign(accounts.clicked, { extension: 'far', hz: voices[2] });
    const { callId } = await router.api.post('/api/call', { from: id(a.extension), to: '+49894111' });
    await answer(a);
    const line = await farEnd(far, '+49894111');
    line.say(180, 'Ringing', '');
    await hears(a, [ringback]);
    line.say(183, 'Session Progress');
    line.speak();
    await together(a, far);
    assert.equal((await router.api.get(`/api/calls/${callId}`)).state, 'ringing', 'nobody has answered');
    far.rtp.stopSending();
    line.say(404, 'Not Found');
    const { reason, answeredAt } = await router.recordOf(callId);
    assert.deepEqual([reason, answeredAt], ['not_found', null]);
  }));

  test('the announcement of a number that does not take the call, then ring-back from here, then the next one', () => withCaller(['631'], async (a, b) => {
    const far = Object.assign(accounts.first, { extension: 'far', hz: voices[2] });
    const call = calls(a, '580');
    const line = await farEnd(far, '+49893');
    line.say(183, 'Session Progress');
    line.speak();
    a.remoteMedia = mediaOf((await call.provisional(183)).body);
    a.sendTone(a.hz);
    await hears(a, [far]);
    far.rtp.stopSending();
    line.say(480, 'Temporarily Unavailable');
    const invite = await b.incoming(PATIENCE_MS);
    b.ring(invite);
    await hears(a, [ringback]);
    await b.accept(invite);
    b.sendTone(b.hz);
    assert.equal((await call.answered).answer.status, 200);
    await together(a, b);
    assert.deepEqual(a.rtp.faults(), []);
  }));
});
