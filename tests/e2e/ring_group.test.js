// Many phones in one ring group: one winner, everybody else is cancelled.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing, poll, host } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { busy, slower } from './lib/process.js';
import { RtpParty } from './lib/rtp.js';
import { SipEndpoint, mediaOf, sdp } from './lib/sip.js';

const MANY = 200;
const ROUNDS = 5;
const WORDS = 25; // half a second
const FIRST_WORDS = 10; // packets of 20 ms: the first 200 ms

const KEPT = 8; // packets of a leg that the router keeps until the way stands (worker/internal.h: EARLY_LEG_MAX)
const now = () => Number(process.hrtime.bigint() / 1000n) / 1000;

/** Speaks from now on: packet n is 160 times the byte n + 1, so that each can be known where it is heard. When it began. */
function count(rtp, to) {
  const began = now();
  let sent = 0;
  const step = () => {
    for (; sent < WORDS && sent * 20 <= now() - began; sent += 1) rtp.sendPacket(to, Buffer.alloc(160, sent + 1), { marker: sent === 0 });
    if (sent < WORDS) setTimeout(step, 5);
  };
  step();
  return began;
}

/** The numbered packets that were heard since, each once. */
const wordsOf = (rtp, from) => rtp.packets.slice(from).filter((p) => p.payload.every((byte) => byte === p.payload[0])).map((p) => ({ n: p.payload[0] - 1, at: p.at }));
const isOver = (rtp, from) => wordsOf(rtp, from).some(({ n }) => n === WORDS - 1);

/** From the first word on; where the machine was too busy to let the way stand in time, from the first that was kept. */
function hearsAll(rtp, from, began, whose) {
  const heard = wordsOf(rtp, from).slice(0, FIRST_WORDS);
  const [first] = heard;
  assert.ok(first.n === 0 || first.at - began >= (first.n + KEPT - 2) * 20, `${whose}: begins with word ${first.n} after ${first.at - began} ms`);
  const all = rtp.packets.slice(from).map((p) => `${p.seq}:${p.payload[0] - 1}${p.payload.every((byte) => byte === p.payload[0]) ? '' : '?'}@${Math.round(p.at - began)}`);
  assert.deepEqual(heard.map(({ n }) => n), heard.map((_, i) => first.n + i), `${whose}: ${all}`);
}

/** A phone without audio: rings, answers when told, obeys CANCEL. */
async function bell(router, extension) {
  const sip = await SipEndpoint.open({ to: { address: host, port: router.sipPort } });
  const phone = { extension, sip, reset() { this.invite = this.cancelledAt = this.acked = undefined; } };
  sip.onMessage = (message) => {
    if (message.method === 'INVITE' && !message.isRepeat) {
      phone.invite = message;
      sip.reply(message, 180, 'Ringing');
    } else if (message.method === 'CANCEL') {
      phone.cancelledAt ??= message.at;
      phone.cancelReason = message.get('reason');
      sip.reply(message, 200, 'OK');
      sip.reply(phone.invite, 487, 'Request Terminated');
    } else if (message.method === 'ACK') {
      phone.acked = true;
    } else if (message.method === 'BYE') {
      phone.byes = (phone.byes || 0) + 1;
      sip.reply(message, 200, 'OK');
    }
  };
  assert.equal((await sip.register(extension, `pw${extension}`)).status, 200);
  return phone;
}

test('200 phones ring, one wins, all others are cancelled, and nothing is lost of the first words', { skip: missing, timeout: 180000 * slower }, async () => {
  const members = Array.from({ length: MANY }, (_, i) => String(1001 + i));
  const router = await Router.start({
    rtpPorts: 798,
    devices: ['1000', ...members].map((e) => device(e, { codecs: ['PCMU'] })),
    config: { groups: [{ id: 'all', extension: '200', members: members.map((e) => device(e).id) }] },
  });
  const caller = await ScriptPhone.open(router, '1000');
  const bells = [];
  const took = [];
  const winners = await RtpParty.open(0); // whoever wins speaks and hears here
  try {
    for (const extension of members) bells.push(await bell(router, extension));
    for (let round = 0; round < ROUNDS; round += 1) {
      bells.forEach((b) => b.reset());
      const calling = caller.call('200', { ms: 30000 });
      calling.catch(() => {}); // told below, by what was waited for
      await poll(() => bells.every((b) => b.invite), 20000, 'all ring');
      const winner = bells[Math.floor(Math.random() * MANY)];
      const at = now();
      const [atCaller, atWinner] = [caller.rtp.packets.length, winners.packets.length];
      winner.sip.reply(winner.invite, 200, 'OK', { body: sdp(host, winners.port) });
      const winnerBegan = count(winners, mediaOf(winner.invite.body));
      const dialog = await calling;
      assert.equal(dialog.answer.status, 200);
      const callerBegan = count(caller.rtp, caller.remoteMedia);
      const others = bells.filter((b) => b !== winner);
      await poll(() => others.every((b) => b.cancelledAt), 10000, 'all others are cancelled');
      assert.ok(!winner.cancelledAt && others.every((b) => /Call completed elsewhere/.test(b.cancelReason)));
      took.push(others.map((b) => b.cancelledAt - at).sort((x, y) => x - y));
      await poll(() => isOver(caller.rtp, atCaller) && isOver(winners, atWinner), 5000, 'both have spoken');
      hearsAll(caller.rtp, atCaller, winnerBegan, 'the first 200 ms of the winner');
      hearsAll(winners, atWinner, callerBegan, 'the first 200 ms of the caller');
      await router.oneCall(({ legs }) => legs.length === 2, 'two legs are left');
      assert.equal((await caller.hangup(dialog)).status, 200);
      await router.noCalls();
    }
    assert.deepEqual(took.map((round) => round.length), Array(ROUNDS).fill(MANY - 1));
    const half = took.map((round) => round[round.length >> 1]);
    console.log(`# cancelled after: median ${half.map((ms) => ms.toFixed(1))} ms, slowest ${took.map((round) => round.at(-1).toFixed(1))} ms`);
    assert.ok(Math.min(...half) < 100 * 3 * busy(), `half of them cancelled after ${half} ms`); // 100 ms on a quiet machine
  } finally {
    bells.forEach((b) => b.sip.close());
    winners.close();
    await stopAll(caller);
    await router.stop();
  }
});
