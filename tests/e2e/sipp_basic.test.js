// Calls message by message: busy, cancel, races, no answer, lost ACK and BYE, glare, 404, merged requests.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing, poll } from './lib/router.js';
import { slower } from './lib/process.js';
import { token } from './lib/sip.js';
import { Sipp } from './lib/sipp.js';
import { ScriptPhone, csvLine, sippPhone, stopAll } from './lib/phones.js';

const options = { skip: missing };
const auth = { user: '101', password: 'pw101' };
let router;
let a;
let b;
before(async () => {
  if (missing) return;
  router = await Router.start({ rtpPorts: 300, devices: ['101', '102', '103', '104', '105'].map((e) => device(e, { codecs: ['PCMU'], maxCalls: 100 })) });
});
after(async () => { await router?.stop(); });

/** Runs with two fresh phones and insists that no call is left behind. */
function scene(name, body) {
  test(name, options, async () => {
    [a, b] = await Promise.all([ScriptPhone.open(router, '101'), ScriptPhone.open(router, '102')]);
    try {
      await body();
      await router.noCalls();
    } finally {
      await stopAll(a, b);
    }
  });
}

/** Sends the INVITE with credentials without waiting for its final response. */
async function startCall(to = '102') {
  const fields = { method: 'INVITE', uri: a.uri(to), body: a.offer, user: '101', from: `<sip:101@${host}>;tag=${token()}`, callId: `${token(8)}@test`, to: `<${a.uri(to)}>`, cseq: 1 };
  fields.done = a.sip.transact(fields, { ...auth, ms: 40000 });
  fields.done.catch(() => {});
  return fields;
}

scene('an answered call is hung up by the caller', async () => {
  const answered = (async () => { const invite = await b.incoming(); b.ring(invite); await b.accept(invite); })();
  const dialog = await a.call('102');
  await answered;
  assert.equal(dialog.answer.status, 200);
  assert.equal((await a.hangup(dialog)).status, 200);
  await b.hungUp();
});

scene('busy comes back as 486', async () => {
  const refused = (async () => b.sip.reply(await b.incoming(), 486, 'Busy Here'))();
  const dialog = await a.call('102');
  await refused;
  assert.equal(dialog.answer.status, 486);
  await b.sip.expect((m) => m.method === 'ACK', 3000, 'ACK for 486');
});

scene('decline comes back as 603', async () => {
  const refused = (async () => b.sip.reply(await b.incoming(), 603, 'Decline'))();
  const dialog = await a.call('102');
  await refused;
  assert.ok([603, 480, 486].includes(dialog.answer.status), dialog.answer.start);
});

/** A call that rings and is cancelled: {call, invite, cancel} as the other side has them. */
async function cancelled() {
  const call = await startCall();
  const invite = await b.incoming();
  b.ring(invite);
  await a.sip.expect((m) => m.status === 180);
  a.sip.sendRaw(a.sip.request({ ...call, method: 'CANCEL', body: '', headers: [], contact: null }));
  return { call, invite, cancel: await b.sip.expect((m) => m.method === 'CANCEL', 3000, 'CANCEL') };
}

scene('cancel: 200 for the CANCEL, 487 for the INVITE, CANCEL at the other side', async () => {
  const { call, invite, cancel } = await cancelled();
  assert.equal(cancel.get('call-id'), invite.get('call-id'));
  b.sip.reply(cancel, 200, 'OK');
  b.sip.reply(invite, 487, 'Request Terminated');
  assert.equal((await call.done).status, 487);
  await a.sip.expect((m) => m.status === 200 && m.get('cseq').endsWith('CANCEL'));
});

scene('an answer that crosses a cancel is acknowledged and hung up', async () => {
  const { call, invite, cancel } = await cancelled();
  b.sip.reply(invite, 200, 'OK', { body: b.offer }); // before the CANCEL is answered
  b.sip.reply(cancel, 200, 'OK');
  await b.sip.expect((m) => m.method === 'ACK', 3000, 'ACK');
  await b.hungUp();
  assert.equal((await call.done).status, 487);
});

scene('a lost ACK: the answer is repeated until it comes', async () => {
  const answered = (async () => b.accept(await b.incoming()))();
  const call = await startCall();
  await call.done;
  await answered;
  const count = () => a.sip.received.filter((m) => m.status === 200 && m.get('cseq').endsWith('INVITE')).length;
  await poll(() => count() >= 3, 6000, 'three 200');
  a.sip.ack(call);
  const settled = count();
  assert.equal((await a.hangup(call)).status, 200);
  await b.hungUp();
  assert.ok(count() <= settled + 1);
});

scene('a lost answer to BYE: the BYE is repeated, then answered again', async () => {
  const answered = (async () => b.accept(await b.incoming()))();
  const dialog = await a.call('102');
  await answered;
  assert.equal((await a.hangup(dialog)).status, 200);
  const isBye = (m) => m.method === 'BYE';
  await poll(() => b.sip.received.filter(isBye).length >= 3, 6000, 'three BYE');
  const byes = b.sip.received.filter(isBye);
  assert.equal(new Set(byes.map((m) => m.get('via'))).size, 1);
  b.sip.reply(byes[0], 200, 'OK');
});

scene('a BYE sent again is answered again', async () => {
  const answered = (async () => b.accept(await b.incoming()))();
  const dialog = await a.call('102');
  await answered;
  const bye = a.sip.within(dialog, 'BYE');
  await a.sip.transact(bye, auth);
  const before = a.sip.received.length;
  a.sip.sendRaw(a.sip.request(bye));
  const again = await a.sip.expect((m) => m.status && m.get('cseq').endsWith('BYE'), 3000, 'second answer', before, true);
  assert.equal(again.status, bye.answer.status);
  await b.hungUp();
});

scene('re-INVITE glare is 491 at one side', async () => {
  const answered = (async () => b.accept(await b.incoming()))();
  const dialog = await a.call('102');
  await answered;
  const first = a.sip.within(dialog, 'INVITE', { body: a.offer });
  const second = { ...first, cseq: first.cseq + 1 };
  first.branch = `z9hG4bK${token()}`;
  second.branch = `z9hG4bK${token()}`;
  const before = a.sip.received.length;
  a.sip.sendRaw(a.sip.request(first));
  a.sip.sendRaw(a.sip.request(second));
  const final = (branch) => a.sip.expect((m) => m.status >= 200 && m.get('via').includes(branch), 5000, 'final', before);
  const [one, two] = await Promise.all([final(first.branch), final(second.branch)]);
  assert.equal(one.status, 200);
  assert.ok([200, 491, 500].includes(two.status), two.start);
  for (const [fields, answer] of [[first, one], [second, two]]) a.sip.sendRaw(a.sip.ackText(fields, answer, fields.branch));
  dialog.cseq = second.cseq;
  await a.hangup(dialog);
  await b.hungUp();
});

scene('an unknown extension is 404', async () => {
  assert.equal((await a.call('999')).answer.status, 404);
});

scene('a device that is not registered is 480', async () => {
  assert.equal((await a.call('105')).answer.status, 480);
});

scene('an INVITE without credentials is challenged, with a wrong password refused', async () => {
  for (const password of [undefined, 'wrong']) {
    const fields = { method: 'INVITE', uri: a.uri('102'), body: a.offer };
    const answer = await a.sip.transact(fields, { user: '101', password });
    assert.ok([401, 403, 407].includes(answer.status), answer.start);
  }
  assert.ok(!b.sip.received.some((m) => m.method === 'INVITE'));
});

scene('the same INVITE over two ways is 482', async () => {
  const call = await startCall();
  const invite = await b.incoming();
  b.ring(invite);
  await a.sip.expect((m) => m.status === 180);
  const copy = { ...call, branch: `z9hG4bK${token()}` };
  a.sip.sendRaw(a.sip.request(copy));
  const merged = await a.sip.expect((m) => m.status >= 200 && m.get('via').includes(copy.branch), 5000, '482');
  assert.equal(merged.status, 482);
  a.sip.sendRaw(a.sip.ackText(copy, merged, copy.branch));
  b.sip.reply(invite, 486, 'Busy Here');
  assert.equal((await call.done).status, 486);
});

scene('a repeated INVITE is answered from the transaction, not run again', async () => {
  const call = await startCall();
  const invite = await b.incoming();
  b.ring(invite);
  await a.sip.expect((m) => m.status === 180);
  const before = b.sip.received.length;
  const again = a.sip.received.length;
  a.sip.sendRaw(a.sip.request(call));
  await a.sip.expect((m) => m.status === 180, 3000, '180 again', again, true);
  assert.ok(!b.sip.received.slice(before).some((m) => m.method === 'INVITE' && m.get('call-id') !== invite.get('call-id')));
  b.sip.reply(invite, 486, 'Busy Here');
  await call.done;
});

scene('requests outside any dialog are 481', async () => {
  for (const method of ['BYE', 'UPDATE', 'PRACK', 'INFO']) {
    const answer = await a.sip.transact({ method, uri: a.uri('102'), to: `<sip:102@${host}>;tag=gone`, from: `<sip:101@${host}>;tag=x`, headers: method === 'PRACK' ? [['RAck', '1 1 INVITE']] : [] }, auth);
    assert.equal(answer.status, 481, method);
  }
});

scene('an INVITE without an offer is given ours', async () => {
  const answered = (async () => b.accept(await b.incoming()))();
  const fields = { method: 'INVITE', uri: a.uri('102'), body: '' };
  await a.sip.transact(fields, { ...auth });
  await answered;
  assert.equal(fields.answer.status, 200);
  assert.match(fields.answer.body, /m=audio \d+ RTP\/AVP/);
  a.sip.sendRaw(a.sip.ackText({ ...fields }, fields.answer).replace('Content-Length: 0\r\n\r\n',
    `Content-Type: application/sdp\r\nContent-Length: ${a.offer.length}\r\n\r\n${a.offer}`));
  await a.hangup(fields);
  await b.hungUp();
});

const LINGER_KB = 8; // a call's ended transactions
const CALLS = process.env.E2E_LONG ? 10000 : 2000;

/** Memory and files once all is quiet: transactions linger for 32 s (64 * T1) after their call. */
async function plateau() {
  await router.noCalls();
  let last = Infinity;
  const seen = [];
  return poll(() => { // least of what is seen: what lingers is no leak
    const now = { files: router.openFiles(), memory: router.memoryKb() };
    seen.push(now);
    last = Math.min(last, now.memory);
    return seen.length >= 25 && { files: Math.min(...seen.slice(-25).map((one) => one.files)), memory: last };
  }, 8000, 'plateau');
}

test(`${CALLS} calls by SIPp in a row leave no port, no file and no memory behind`, options, async () => {
  const uas = await sippPhone(router, '104', { scenario: 'uas_answer.xml', timeoutSec: 230 });
  const rate = 80;
  const run = async (calls) => {
    const result = await Sipp.run({
      scenario: 'uac_auth.xml', remote: `${host}:${router.sipPort}`, service: '104', calls, rate, limit: 20, // ports for 75: those of a call that is over come back a moment later
      csv: [csvLine('103')], timeoutSec: 200, args: ['-d', '20'],
    });
    assert.equal(result.successful, calls, result.text);
    return plateau();
  };
  try {
    // the long run warms up for 50 s: from then on as many transactions go as come and memory is flat;
    // in the short one the calls of the second half come on top of those that still linger
    const warm = await run(CALLS * 0.4);
    const end = await run(CALLS * 0.6);
    const lingering = process.env.E2E_LONG ? 0 : CALLS * 0.6 * LINGER_KB;
    assert.ok(end.files <= warm.files + 2, `files: ${warm.files}, then ${end.files}`);
    // a sanitizer keeps what was freed
    if (slower === 1) assert.ok(end.memory < warm.memory * 1.05 + 2000 + lingering, `memory: ${warm.memory} kB, then ${end.memory} kB`);
    const isFree = async () => /^\w*rtp_ports_used 0$/m.test((await router.api.request('GET', '/metrics')).text);
    await poll(isFree, 10000, 'every RTP port given back');
  } finally {
    await uas.stop();
  }
});
