// Why is there no sound? Each cause made for real, the sentence heard as an event, in REST and in the history.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { sdp } from './lib/sip.js';
import { RtpParty } from './lib/rtp.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const options = { skip: missing };
let router;
let events;

before(async () => {
  if (missing) return;
  router = await Router.start({
    devices: ['501', '502', '503', '504', '505', '506'].map((number) => device(number, { codecs: ['PCMU'] })),
    config: { features: { '*43': 'echo' } },
  });
  events = await router.api.events();
});
after(async () => { await router?.stop(); });

const own = (event, number) => (event.leg?.number === number ? event.leg : undefined);

/** The next verdict about a number that `pattern` (null: none any more) describes. */
async function verdictOf(number, pattern) {
  const event = await events.waitFor((one) => one.type === 'verdict' && own(one, number)
    && (pattern ? pattern.test(own(one, number).verdict ?? '') : own(one, number).verdict === null), 14000);
  return { callId: event.callId, leg: own(event, number) };
}

async function restVerdict(number) {
  const { items } = await router.api.get('/api/calls');
  return items.flatMap((call) => call.legs).find((leg) => leg.number === number)?.verdict;
}

async function recordedVerdict(callId, number) {
  return (await router.recordOf(callId)).legs.find((leg) => leg.number === number).verdict;
}

test('a wrong address in the SDP, and nothing sent', options, async () => {
  const phone = await ScriptPhone.open(router, '501');
  try {
    const dialog = await phone.call('*43', { body: sdp('127.0.0.9', phone.rtp.port) });
    assert.equal(dialog.answer.status, 200);
    const { callId, leg } = await verdictOf('501', /^nothing arrives/);
    assert.match(leg.verdict, /SDP names 127\.0\.0\.9 but it signals from 127\.0\.0\.1;/);
    assert.ok(leg.verdict.includes(`told to send to ${phone.remoteMedia.address}:${phone.remoteMedia.port}`), leg.verdict);
    assert.equal(await restVerdict('501'), leg.verdict);
    await phone.hangup(dialog);
    assert.equal(await recordedVerdict(callId, '501'), leg.verdict);
  } finally {
    await stopAll(phone);
  }
});

test('digital silence in a mixed call, then a voice', options, async () => {
  const phone = await ScriptPhone.open(router, '502');
  try {
    const dialog = await phone.call('*43');
    assert.equal(dialog.answer.status, 200);
    phone.rtp.sendTone(phone.remoteMedia, 400, 0);
    const { callId, leg } = await verdictOf('502', /all of them silence/);
    assert.match(leg.verdict, /microphone is muted/);
    phone.rtp.sendTone(phone.remoteMedia, 400);
    await verdictOf('502', null);
    assert.equal(await restVerdict('502'), null);
    await phone.hangup(dialog);
    assert.equal(await recordedVerdict(callId, '502'), null);
  } finally {
    await stopAll(phone);
  }
});

test('packets from a foreign address', options, async () => {
  const phone = await ScriptPhone.open(router, '503');
  const stranger = await RtpParty.open(0, '127.0.0.5');
  try {
    const dialog = await phone.call('*43');
    assert.equal(dialog.answer.status, 200);
    stranger.sendTone(phone.remoteMedia, 400);
    const { leg } = await verdictOf('503', /are refused/);
    assert.equal(leg.verdict, `packets come from 127.0.0.5:${stranger.port} and are refused: the party's SDP names ${host}:${phone.rtp.port}`);
    assert.ok(leg.audio.stray > 50, `${leg.audio.stray} strays`);
    await phone.hangup(dialog);
  } finally {
    stranger.close();
    await stopAll(phone);
  }
});

test('a payload type that was not agreed', options, async () => {
  const phone = await ScriptPhone.open(router, '504');
  let timer;
  try {
    const dialog = await phone.call('*43');
    assert.equal(dialog.answer.status, 200);
    timer = setInterval(() => phone.rtp.sendPacket(phone.remoteMedia, Buffer.alloc(20), { payloadType: 18 }), 20);
    const { leg } = await verdictOf('504', /payload type/);
    assert.match(leg.verdict, /payload type 18 \(G\.729\), which was not agreed/);
    clearInterval(timer);
    phone.sendTone(400);
    await verdictOf('504', null);
    await phone.hangup(dialog);
  } finally {
    clearInterval(timer);
    await stopAll(phone);
  }
});

test('one way in relay: the party\'s RTCP says that everything is lost', options, async () => {
  const [a, b] = await Promise.all([ScriptPhone.open(router, '505'), ScriptPhone.open(router, '506')]);
  let timer;
  try {
    const answered = (async () => b.accept(await b.incoming()))();
    const dialog = await a.call('506');
    await answered;
    a.sendTone(400);
    b.sendTone(500);
    await a.rtp.more(10);
    timer = a.reportLoss();
    const { leg } = await verdictOf('505', /^one way/);
    assert.equal(leg.verdict, `one way: the party is heard, but its RTCP reports the loss of everything sent to it at ${host}:${a.rtp.port}: a firewall or NAT before it`);
    assert.equal(await restVerdict('506'), null);
    await a.hangup(dialog);
    await b.hungUp();
  } finally {
    clearInterval(timer);
    await stopAll(a, b);
  }
});
