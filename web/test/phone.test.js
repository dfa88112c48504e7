// The softphone's machine against a router that is played here, message by message.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Phone } from '../src/phone.ts';

function ground(more = {}) {
  let lastId = 0;
  const g = {
    sent: [], timers: [], time: 1000, views: new Map(), stored: null, device: '', opened: [], closed: [], mics: [], rested: [],
    send(message) { if (g.isDown) return false; g.sent.push(message); return true; },
    media: {
      offer(sessionId, withMic, isMuted) {
        g.offeredMuted = isMuted;
        if (g.micFault && withMic) return Promise.reject(new Error(g.micFault));
        g.opened.push(sessionId);
        if (withMic) g.mics.push(sessionId);
        return Promise.resolve(`offer of ${sessionId}`);
      },
      accept: (sessionId, sdp) => { g.accepted = { sessionId, sdp }; return Promise.resolve(); },
      openMic(sessionId) { if (g.micFault) return Promise.reject(new Error(g.micFault)); g.mics.push(sessionId); return Promise.resolve(); },
      mute(sessionId, isMuted) { g.muted = { sessionId, isMuted }; },
      hush(sessionId, isHushed) { g.hushed = isHushed; },
      digits: () => g.hasDtmf ?? true,
      close(sessionId) { g.closed.push(sessionId); },
    },
    rest: {
      start: (to, from) => { g.rested.push(['start', to, from]); return g.post ?? Promise.resolve({ callId: 'c1' }); },
      change: (...all) => { g.rested.push(['change', ...all]); return Promise.resolve(); },
      add: (...all) => { g.rested.push(['add', ...all]); return Promise.resolve(); },
      digits: (...all) => { g.rested.push(['digits', ...all]); return Promise.resolve(); },
      join: (...all) => { g.rested.push(['join', ...all]); return Promise.resolve(); },
      transfer: (...all) => { g.rested.push(['transfer', ...all]); return Promise.resolve(); },
    },
    call: (callId) => g.views.get(callId),
    now: () => g.time,
    timeOf: (at) => Date.parse(at),
    id: () => { lastId += 1; return `i${lastId}`; },
    after(ms, fn) { const timer = { ms, fn }; g.timers.push(timer); return timer; },
    cancel(timer) { g.timers = g.timers.filter((other) => other !== timer); },
    renewLine() { g.renewed = (g.renewed ?? 0) + 1; },
    kept: () => g.stored, keep: (kept) => { g.stored = kept; },
    wantedDevice: () => g.device, name: () => 'anna',
    fire(ms) { const timer = g.timers.find((other) => other.ms === ms); g.cancel(timer); timer.fn(); },
    of: (type) => g.sent.filter((message) => message.type === type),
    ...more,
  };
  return g;
}

const settle = () => new Promise((done) => { setImmediate(done); });
const leg = (legId, more = {}) => ({ legId, kind: 'device', role: 'participant', state: 'answered', held: false, number: '102', name: 'Desk', deviceId: 'd102', ...more });
const own = (more = {}) => leg('own', { kind: 'webrtc', deviceId: 'guest:anna', number: null, name: 'anna', ...more });

function view(g, callId, legs, more = {}) {
  const call = { callId, state: 'answered', from: 'guest:anna', to: '102', legs, answeredAt: null, ...more };
  g.views.set(callId, call);
  return { type: 'leg_changed', callId, call };
}

function ready(g = ground()) {
  const phone = new Phone(g);
  phone.said = [];
  phone.onFault((text) => phone.said.push(text));
  phone.line(true);
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', iceServers: [], legs: [] });
  return { g, phone };
}

/** A call to 102 that talks. */
async function talking(g = ground()) {
  const made = ready(g);
  await made.phone.dial('102');
  const [call] = made.phone.calls;
  made.phone.onEvent({ type: 'webrtc-answer', sessionId: call.sessionId, sdp: 'answer' });
  await settle();
  made.phone.onEvent(view(g, 'c1', [own(), leg('l2')]));
  return { ...made, call };
}

test('it registers when the line is up, as a guest or as a device, and keeps the token', () => {
  const { g, phone } = ready();
  assert.deepEqual(g.sent, [{ type: 'webrtc-register', name: 'anna' }]);
  assert.equal(phone.state, 'ready');
  assert.deepEqual(g.stored, { token: 't1', deviceId: 'guest:anna' });
  phone.line(false);
  assert.equal(phone.state, 'off');
  phone.line(true);
  assert.equal(g.sent[1].token, 't1');
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [] });
  g.device = 'd101';
  phone.registerAnew();
  assert.equal(g.renewed, 1, 'one socket is one registration');
  phone.line(false);
  phone.line(true);
  assert.deepEqual(g.sent[2], { type: 'webrtc-register', deviceId: 'd101', name: 'anna' });
});

test('a router without softphone says so once, and is not asked again', () => {
  const g = ground();
  const phone = new Phone(g);
  phone.line(true);
  phone.onEvent({ type: 'error', code: 'not-built', detail: 'browser phones are not built yet' });
  assert.equal(phone.state, 'not-built');
  phone.line(false);
  phone.line(true);
  assert.equal(g.sent.length, 1);
});

test('an old token that is refused is dropped, then it registers anew', () => {
  const g = ground({ stored: { token: 'old', deviceId: 'guest:anna' } });
  const phone = new Phone(g);
  phone.line(true);
  assert.equal(g.sent[0].token, 'old');
  phone.onEvent({ type: 'error', code: 'wrong-token', detail: 'no such token', inReplyTo: 'webrtc-register' });
  assert.equal(g.sent[1].type, 'webrtc-register');
  assert.equal(g.sent[1].token, undefined);
  phone.onEvent({ type: 'error', code: 'unknown-device', detail: 'there is no such device', inReplyTo: 'webrtc-register' });
  assert.equal(phone.state, 'refused');
  assert.equal(g.sent.length, 2);
});

test('dialling: offer, call, answer, and only then the link', async () => {
  const { g, phone } = ready();
  const dialled = phone.dial('102', 'Desk');
  assert.equal(phone.calls[0].state, 'preparing');
  await dialled;
  const [call] = phone.calls;
  assert.deepEqual(g.rested[0], ['start', '102', 'guest:anna']);
  assert.equal(g.of('webrtc-offer')[0].sdp, `offer of ${call.sessionId}`);
  assert.equal(g.of('webrtc-link').length, 0);
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c1', from: 'guest:anna', to: '102', direction: 'outbound' });
  phone.onEvent({ type: 'webrtc-answer', sessionId: call.sessionId, sdp: 'answer' });
  await settle();
  assert.deepEqual(g.of('webrtc-link'), [{ type: 'webrtc-link', callId: 'c1', sessionId: call.sessionId }]);
  assert.equal(phone.calls.length, 1);
  assert.equal(call.state, 'calling');
  phone.onEvent(view(g, 'c1', [own(), leg('l2', { state: 'ringing' })]));
  assert.equal(call.state, 'calling');
  g.time = 5000;
  phone.onEvent(view(g, 'c1', [own(), leg('l2')]));
  assert.equal(call.state, 'talking');
  assert.equal(call.answeredAt, 5000);
});

test('a call announced while ours is being placed rings, ours does not', async () => {
  let answerPost;
  const { g, phone } = ready(ground({ post: new Promise((done) => { answerPost = done; }) }));
  const dialled = phone.dial('102');
  await settle();
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c1', from: 'guest:anna', to: '102', direction: 'outbound' });
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c9', from: '103', to: '101', direction: 'internal' });
  answerPost({ callId: 'c1' });
  await dialled;
  assert.deepEqual(phone.ringing.map((call) => call.callId), ['c9']);
  assert.equal(phone.calls.filter((call) => call.callId === 'c1').length, 1);
});

test('without microphone nobody is rung, and the reason is said', async () => {
  const { g, phone } = ready(ground({ micFault: 'the microphone is not allowed' }));
  await phone.dial('102');
  assert.deepEqual(g.rested, []);
  assert.equal(g.of('webrtc-offer').length, 0);
  assert.equal(phone.calls[0].state, 'ended');
  assert.deepEqual(phone.said, ['the microphone is not allowed']);
  assert.equal(g.timers[0].ms, 60000); // there is something to read
  phone.forget(phone.calls[0].key);
  assert.equal(phone.calls.length, 0);
  assert.equal(g.timers.length, 0);
});

test('a refused POST ends the call and its session', async () => {
  const { g, phone } = ready(ground({ post: Promise.reject(new Error('the device is busy')) }));
  await phone.dial('102');
  const [call] = phone.calls;
  assert.equal(call.state, 'ended');
  assert.deepEqual(g.of('webrtc-hangup'), [{ type: 'webrtc-hangup', sessionId: call.sessionId }]);
  assert.ok(g.closed.includes(call.sessionId));
});

test('hanging up before the call is there ends it when it comes', async () => {
  let answerPost;
  const { g, phone } = ready(ground({ post: new Promise((done) => { answerPost = done; }) }));
  const dialled = phone.dial('102');
  await settle();
  phone.hangUp(phone.calls[0].key);
  answerPost({ callId: 'c1' });
  await dialled;
  assert.deepEqual(g.of('webrtc-reject'), [{ type: 'webrtc-reject', callId: 'c1' }]);
  assert.equal(g.of('webrtc-link').length, 0);
});

test('an incoming call rings with its session ready and the microphone closed', async () => {
  const { g, phone } = ready();
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c2', from: '102', fromName: 'Desk', to: '101', direction: 'internal' });
  await settle();
  const [call] = phone.ringing;
  assert.equal(call.name, 'Desk');
  assert.equal(g.of('webrtc-offer').length, 1);
  assert.deepEqual(g.mics, []);
  phone.onEvent({ type: 'webrtc-answer', sessionId: call.sessionId, sdp: 'answer' });
  await settle();
  assert.equal(g.of('webrtc-link').length, 0, 'nobody answered yet');
  await phone.answer(call.key);
  assert.deepEqual(g.mics, [call.sessionId]);
  assert.deepEqual(g.of('webrtc-link'), [{ type: 'webrtc-link', callId: 'c2', sessionId: call.sessionId }]);
  phone.onEvent(view(g, 'c2', [leg('l1'), own()]));
  assert.equal(call.state, 'talking');
});

test('answering before the session is ready links when it is', async () => {
  const { g, phone } = ready();
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c2', from: '102', to: '101', direction: 'internal' });
  await settle();
  const [call] = phone.ringing;
  await phone.answer(call.key);
  assert.equal(g.of('webrtc-link').length, 0);
  phone.onEvent({ type: 'webrtc-answer', sessionId: call.sessionId, sdp: 'answer' });
  await settle();
  assert.equal(g.of('webrtc-link').length, 1);
});

test('after a long ring the session is made anew: the old one has died', async () => {
  const { g, phone } = ready();
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c2', from: '102', to: '101', direction: 'internal' });
  await settle();
  const [call] = phone.ringing;
  const old = call.sessionId;
  g.time += 55000;
  await phone.answer(call.key);
  assert.notEqual(call.sessionId, old);
  assert.ok(g.closed.includes(old));
  phone.onEvent({ type: 'webrtc-answer', sessionId: call.sessionId, sdp: 'answer' });
  await settle();
  assert.equal(g.of('webrtc-link')[0].sessionId, call.sessionId);
});

test('rejected, cancelled, answered elsewhere: the session goes, the ring stops', async () => {
  const { g, phone } = ready();
  const come = async (callId) => {
    phone.onEvent({ type: 'webrtc-incoming', callId, from: '102', to: '101', direction: 'internal' });
    await settle();
    return phone.ringing[0];
  };
  const first = await come('c2');
  phone.hangUp(first.key);
  assert.deepEqual(g.of('webrtc-reject'), [{ type: 'webrtc-reject', callId: 'c2' }]);
  assert.equal(first.why, 'declined');
  const second = await come('c3');
  phone.onEvent({ type: 'webrtc-cancelled', callId: 'c3', reason: 'answered_elsewhere' });
  assert.equal(second.why, 'answered_elsewhere');
  assert.ok(g.closed.includes(first.sessionId) && g.closed.includes(second.sessionId));
  assert.equal(phone.ringing.length, 0);
  assert.equal(g.of('webrtc-hangup').length, 2);
});

test('a call placed by another page of the same guest rings only when that page does not take it', async () => {
  const { g, phone } = ready();
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c5', from: 'guest:anna', to: '103', direction: 'outbound' });
  assert.equal(phone.ringing.length, 0);
  g.fire(1500);
  assert.equal(phone.ringing.length, 1);
  assert.equal(phone.ringing[0].number, '103');
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c6', from: 'guest:anna', to: '104', direction: 'outbound' });
  phone.onEvent({ type: 'webrtc-cancelled', callId: 'c6', reason: 'answered_elsewhere' });
  assert.equal(g.timers.some((timer) => timer.ms === 1500), false);
});

test('no microphone at the answer: the caller is not left ringing', async () => {
  const { g, phone } = ready();
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c2', from: '102', to: '101', direction: 'internal' });
  await settle();
  g.micFault = 'no microphone was found';
  await phone.answer(phone.ringing[0].key);
  assert.deepEqual(g.of('webrtc-reject'), [{ type: 'webrtc-reject', callId: 'c2' }]);
  assert.deepEqual(phone.said, ['no microphone was found']);
});

test('mute and hold: the microphone is closed by either, the other side hears music', async () => {
  const { g, phone, call } = await talking();
  phone.mute(call.key, true);
  assert.deepEqual(g.muted, { sessionId: call.sessionId, isMuted: true });
  await phone.hold(call.key, true);
  assert.deepEqual(g.rested.at(-1), ['change', 'c1', 'l2', { held: true }]);
  phone.mute(call.key, false);
  assert.equal(g.muted.isMuted, true, 'held');
  assert.equal(g.hushed, true);
  phone.onEvent(view(g, 'c1', [own(), leg('l2', { held: true })]));
  assert.equal(call.isHeld, true);
  await phone.hold(call.key, false);
  assert.equal(g.muted.isMuted, false);
});

test('of several parties the own leg is held, so that the others go on', async () => {
  const { g, phone, call } = await talking();
  phone.onEvent(view(g, 'c1', [own(), leg('l2'), leg('l3')]));
  await phone.hold(call.key, true);
  assert.deepEqual(g.rested.at(-1), ['change', 'c1', 'own', { held: true }]);
});

test('a call of ours that failed does not ring here when it is announced late', async () => {
  let answerPost;
  const { g, phone } = ready(ground({ post: new Promise((done) => { answerPost = done; }) }));
  const dialled = phone.dial('102');
  await settle();
  phone.onEvent({ type: 'error', code: 'busy', detail: 'no port is free', inReplyTo: 'webrtc-offer', sessionId: phone.calls[0].sessionId });
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c1', from: 'guest:anna', to: '102', direction: 'outbound' });
  answerPost({ callId: 'c1' });
  await dialled;
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c1', from: 'guest:anna', to: '102', direction: 'outbound' });
  assert.equal(phone.calls.length, 1);
  assert.equal(g.of('webrtc-reject').length, 1);
});

test('two calls are connected with each other', async () => {
  const { g, phone, call } = await talking();
  g.post = Promise.resolve({ callId: 'c7' });
  await phone.dial('103');
  await phone.connect(call.key, phone.active.key);
  assert.deepEqual(g.rested.at(-1), ['join', 'c1', 'l2', 'c7']);
});

test('a second call holds the first', async () => {
  const { g, phone, call } = await talking();
  g.post = Promise.resolve({ callId: 'c7' });
  await phone.dial('103');
  assert.deepEqual(g.rested.find((entry) => entry[0] === 'change'), ['change', 'c1', 'l2', { held: true }]);
  assert.equal(call.isHeld, true);
  assert.equal(phone.active.number, '103');
});

test('digits go with the audio, or by REST to the other party', async () => {
  const { g, phone, call } = await talking();
  await phone.digits(call.key, '1');
  assert.equal(g.rested.some((entry) => entry[0] === 'digits'), false);
  g.hasDtmf = false;
  await phone.digits(call.key, '2');
  assert.deepEqual(g.rested.at(-1), ['digits', 'c1', 'l2', '2']);
});

test('transfer names the other party; adding one is REST too', async () => {
  const { g, phone, call } = await talking();
  await phone.transfer(call.key, '103');
  assert.deepEqual(g.rested.at(-1), ['transfer', 'c1', 'l2', '103']);
  await phone.addParty(call.key, '104');
  assert.deepEqual(g.rested.at(-1), ['add', 'c1', '104']);
  phone.onEvent(view(g, 'c1', [own(), leg('l2'), leg('l3')]));
  await assert.rejects(phone.transfer(call.key, '103'), /one other party/);
});

test('the router hangs up: nothing is sent back, the reason stays for a moment', async () => {
  const { g, phone, call } = await talking();
  phone.onEvent({ type: 'webrtc-hangup', sessionId: call.sessionId, callId: 'c1', reason: 'busy' });
  assert.equal(call.state, 'ended');
  assert.equal(call.why, 'busy');
  assert.equal(g.of('webrtc-hangup').length, 0);
  assert.ok(g.closed.includes(call.sessionId));
  phone.onEvent({ type: 'call_ended', callId: 'c1', reason: 'busy' });
  g.fire(4000);
  assert.equal(phone.calls.length, 0);
});

test('after a reload the token brings the call back', async () => {
  const g = ground({ stored: { token: 't0', deviceId: 'guest:anna' } });
  view(g, 'c1', [own(), leg('l2')], { answeredAt: '2026-01-01T00:00:00.000Z' });
  const phone = new Phone(g);
  phone.line(true);
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [{ callId: 'c1', sessionId: 's9' }] });
  await settle();
  assert.deepEqual(g.of('webrtc-offer'), [{ type: 'webrtc-offer', sessionId: 's9', sdp: 'offer of s9', resume: 't1' }]);
  const [call] = phone.calls;
  assert.equal(call.state, 'talking');
  assert.equal(call.number, '102');
  assert.equal(call.answeredAt, Date.parse('2026-01-01T00:00:00.000Z'));
  phone.onEvent({ type: 'webrtc-answer', sessionId: 's9', sdp: 'answer' });
  await settle();
  assert.equal(g.of('webrtc-link').length, 0);
  assert.deepEqual(g.accepted, { sessionId: 's9', sdp: 'answer' });
});

test('another network: the audio breaks, a second later the session is offered again', async () => {
  const { g, phone, call } = await talking();
  g.media.onState(call.sessionId, 'up');
  g.media.onState(call.sessionId, 'broken');
  g.fire(1000);
  await settle();
  assert.deepEqual(g.of('webrtc-offer').at(-1), { type: 'webrtc-offer', sessionId: call.sessionId, sdp: `offer of ${call.sessionId}`, resume: 't1' });
  phone.onEvent({ type: 'webrtc-answer', sessionId: call.sessionId, sdp: 'answer' });
  await settle();
  g.media.onState(call.sessionId, 'up');
  assert.equal(call.media, 'up');
  assert.equal(g.timers.length, 0);
});

test('an offer to take the call back that nobody answers: the socket is dead too, another one is opened', async () => {
  const { g, phone, call } = await talking();
  g.media.onState(call.sessionId, 'failed');
  g.fire(0);
  await settle();
  assert.equal(g.of('webrtc-offer').at(-1).resume, 't1');
  assert.equal(g.renewed, undefined);
  g.fire(2000);
  assert.equal(g.renewed, 1);
  phone.line(false);
  phone.line(true);
  const offers = g.of('webrtc-offer').length;
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [{ callId: 'c1', sessionId: call.sessionId }] });
  await settle();
  assert.equal(g.of('webrtc-offer').length, offers + 1);
  phone.hangUp(call.key);
  assert.ok(g.timers.every((timer) => timer.ms !== 2000), 'nobody waits for an answer any more');
});

test('after sleep or on another network nothing is believed: a new socket, and the call is offered again', async () => {
  const { g, phone, call } = await talking();
  g.media.onState(call.sessionId, 'up'); // it still says so
  phone.startOver();
  assert.equal(g.renewed, 1);
  phone.line(false);
  phone.line(true);
  const offers = g.of('webrtc-offer').length;
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [{ callId: 'c1', sessionId: call.sessionId }] });
  await settle();
  assert.equal(g.of('webrtc-offer').length, offers + 1);
  assert.equal(call.state, 'talking');
  phone.line(false);
  phone.startOver();
  assert.equal(g.renewed, 1, 'what is down anyhow is not closed again');
});

test('a short break heals without a new offer', async () => {
  const { g, call } = await talking();
  const offers = g.of('webrtc-offer').length;
  g.media.onState(call.sessionId, 'broken');
  g.media.onState(call.sessionId, 'up');
  assert.equal(g.timers.length, 0);
  assert.equal(g.of('webrtc-offer').length, offers);
});

test('the line comes back: audio that still flows is left alone, a call that is gone ends', async () => {
  const { g, phone, call } = await talking();
  g.media.onState(call.sessionId, 'up');
  const offers = g.of('webrtc-offer').length;
  phone.line(false);
  phone.line(true);
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [{ callId: 'c1', sessionId: call.sessionId }] });
  await settle();
  assert.equal(g.of('webrtc-offer').length, offers);
  assert.equal(call.state, 'talking');
  phone.line(false);
  phone.line(true);
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [] });
  assert.equal(call.state, 'ended');
});

test('a fault of the router about a call ends that call and is said', async () => {
  const { g, phone } = ready();
  await phone.dial('102');
  const [call] = phone.calls;
  phone.onEvent({ type: 'error', code: 'bad-sdp', detail: 'the offer has no audio', inReplyTo: 'webrtc-offer', sessionId: call.sessionId });
  assert.equal(call.state, 'ended');
  assert.deepEqual(phone.said, ['the offer has no audio']);
  assert.equal(g.of('webrtc-hangup').length, 1);
});

test('logging out ends all calls and forgets the token', async () => {
  const { g, phone, call } = await talking();
  phone.endAll();
  assert.equal(call.state, 'ended');
  assert.equal(g.stored, null);
  assert.equal(g.of('webrtc-hangup').length, 1);
});

test('the first in a conference talks, and keeps what was dialled as its name', async () => {
  const { g, phone } = ready();
  await phone.dial('800');
  const [call] = phone.calls;
  phone.onEvent({ type: 'webrtc-answer', sessionId: call.sessionId, sdp: 'answer' });
  await settle();
  phone.onEvent(view(g, 'c1', [own({ state: 'calling' })], { state: 'ringing', to: '800' }));
  assert.equal(call.state, 'calling');
  phone.onEvent(view(g, 'c1', [own()], { to: '800' }));
  assert.equal(call.state, 'talking');
  phone.onEvent(view(g, 'c1', [own(), leg('l2')], { to: '800' }));
  assert.deepEqual([call.state, call.number, call.name], ['talking', '800', null]);
});

test('moved into a conference in use, the call goes on there', async () => {
  const { g, phone } = ready();
  await phone.dial('800');
  const [call] = phone.calls;
  phone.onEvent({ type: 'webrtc-answer', sessionId: call.sessionId, sdp: 'answer' });
  await settle();
  view(g, 'room', [leg('l2')], { from: '101', to: '800' });
  phone.onEvent({ type: 'webrtc-moved', sessionId: call.sessionId, callId: 'room', fromCallId: 'c1' });
  phone.onEvent({ type: 'call_ended', callId: 'c1', reason: 'transferred' });
  assert.deepEqual([call.state, call.callId, call.number, call.name], ['talking', 'room', '800', null]);
  assert.deepEqual(g.closed, []);
  phone.hangUp(call.key);
  assert.equal(g.of('webrtc-hangup').at(-1).sessionId, call.sessionId);
});

test('connected with somebody else, the call shows who; also when it moved while the page was away', async () => {
  const { g, phone, call } = await talking();
  view(g, 'c2', [own(), leg('l9', { number: '103', name: 'Hall' })], { from: '103', to: '102' });
  phone.onEvent({ type: 'webrtc-moved', sessionId: call.sessionId, callId: 'c2', fromCallId: 'c1' });
  phone.onEvent({ type: 'call_ended', callId: 'c1', reason: 'transferred' });
  assert.deepEqual([call.state, call.number, call.name], ['talking', '103', 'Hall']);
  phone.onEvent(view(g, 'c2', [own(), leg('l9', { number: '103', name: 'Hall' }), leg('l10', { number: '105', name: 'Shed' })]));
  assert.equal(call.name, 'Hall');
  phone.onEvent(view(g, 'c2', [own(), leg('l10', { number: '105', name: 'Shed' })]));
  assert.equal(call.name, 'Shed');
  phone.line(false);
  phone.line(true);
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', iceServers: [], legs: [{ callId: 'c3', sessionId: call.sessionId }] });
  assert.equal(call.callId, 'c3');
});

test('a muted microphone stays muted through a reload', async () => {
  const { g, phone, call } = await talking();
  phone.mute(call.key, true);
  assert.deepEqual(g.stored.muted, [call.sessionId]);
  const again = ground({ stored: g.stored });
  view(again, 'c1', [own(), leg('l2')]);
  const other = new Phone(again);
  other.line(true);
  other.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [{ callId: 'c1', sessionId: call.sessionId }] });
  await settle();
  assert.equal(again.offeredMuted, true, 'not open for a moment either');
  assert.equal(other.calls[0].isMuted, true);
  other.mute(other.calls[0].key, false);
  assert.equal(again.stored.muted, undefined);
});

test('hung up while the line was down: it does not come back, and the router hears of it', async () => {
  const { g, phone, call } = await talking();
  const { sessionId } = call;
  phone.line(false);
  g.isDown = true;
  phone.hangUp(call.key);
  g.fire(4000); // it is shown no longer
  assert.deepEqual(g.stored.over, [sessionId]);
  g.isDown = false;
  const later = new Phone(g); // also by a page that was loaded anew
  for (const page of [phone, later]) {
    const from = g.sent.length;
    page.line(true);
    page.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [{ callId: 'c1', sessionId }] });
    await settle();
    assert.deepEqual(g.sent.slice(from + 1), [{ type: 'webrtc-hangup', sessionId }]);
    assert.equal(page.calls.length, 0);
  }
  later.onEvent({ type: 'webrtc-hangup', sessionId, callId: 'c1', reason: 'hangup' });
  assert.equal(g.stored.over, undefined);
});

test('what rang before the line broke and is not told again rings no more', async () => {
  const { g, phone } = ready();
  for (const callId of ['c7', 'c8', 'c9']) phone.onEvent({ type: 'webrtc-incoming', callId, from: '103', to: '101', direction: 'internal' });
  await settle();
  view(g, 'c9', [leg('l2')]);
  phone.line(false);
  phone.line(true);
  phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [] });
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c7', from: '103', to: '101', direction: 'internal' });
  g.fire(2000);
  assert.deepEqual(phone.ringing.map((call) => call.callId), ['c7']);
  assert.deepEqual(phone.calls.filter((call) => call.state === 'ended').map((call) => [call.callId, call.why]), [['c9', 'answered_elsewhere'], ['c8', 'cancelled']]);
});

test('two attempts to take a call back at once: the later one counts, the call goes on', async () => {
  const { g, phone, call } = await talking();
  const offers = [];
  g.media.offer = () => new Promise((done, fail) => { offers.push({ done, fail }); });
  for (let round = 0; round < 2; round += 1) {
    phone.startOver();
    phone.line(false);
    phone.line(true);
    phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [{ callId: 'c1', sessionId: call.sessionId }] });
    await settle();
  }
  offers[0].fail(new Error('the connection is closed')); // by the second
  await settle();
  assert.equal(call.state, 'talking');
  offers[1].done('second');
  await settle();
  assert.deepEqual(g.of('webrtc-offer').slice(1).map((offer) => offer.sdp), ['second']);
  assert.deepEqual(phone.said, []);
});

test('a machine that is slow to take the answer gets more time each time, until the audio is up again', async () => {
  const { g, phone, call } = await talking();
  const back = async () => {
    phone.onEvent({ type: 'webrtc-registered', deviceId: 'guest:anna', token: 't1', legs: [{ callId: 'c1', sessionId: call.sessionId }] });
    await settle();
    return g.timers.at(-1).ms;
  };
  assert.deepEqual([await back(), await back(), await back()], [2000, 4000, 8000]);
  g.media.onState(call.sessionId, 'up');
  g.media.onState(call.sessionId, 'broken');
  assert.equal(await back(), 2000);
});

test('answered while its session cannot be made: the caller is turned away, and it is said', async () => {
  const { g, phone } = ready();
  g.isDown = true;
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c7', from: '103', to: '101', direction: 'internal' });
  const [call] = phone.ringing;
  await phone.answer(call.key);
  await settle();
  assert.equal(call.state, 'ended');
  assert.deepEqual(phone.said, ['the line to the router is down']);
  phone.onEvent({ type: 'webrtc-incoming', callId: 'c8', from: '103', to: '101', direction: 'internal' });
  const { sessionId } = phone.ringing[0];
  await settle();
  assert.ok(g.closed.includes(sessionId), 'no session is left behind');
});
