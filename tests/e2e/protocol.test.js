// Extensions seen by a phone: PRACK, UPDATE, session timers, unknown options, foreign media lines.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { sdp, token, uriOf } from './lib/sip.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const options = { skip: missing };
const auth = { user: '101', password: 'pw101' };
let router;
before(async () => {
  if (!missing) router = await Router.start({ devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })) });
});
after(async () => { await router?.stop(); });

function scene(name, body) {
  test(name, options, async () => {
    const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
    try {
      await body(a, b);
    } finally {
      await stopAll(a, b);
    }
  });
}

/** A call of a to b with more headers in the INVITE; its dialog. */
async function callWith(a, b, more) {
  const answered = (async () => b.accept(await b.incoming()))();
  const dialog = await a.call('102', more);
  await answered;
  assert.equal(dialog.answer.status, 200);
  return dialog;
}

async function end(a, b, dialog) {
  assert.equal((await a.hangup(dialog)).status, 200);
  await b.hungUp();
}

scene('a caller that requires 100rel gets its ringing reliably, repeated until PRACK', async (a, b) => {
  const fields = { method: 'INVITE', uri: a.uri('102'), body: a.offer, headers: [['Require', '100rel']], to: `<${a.uri('102')}>`, callId: `${token(8)}@test`, from: `<sip:101@${host}>;tag=${token()}` };
  const done = a.sip.transact(fields, { ...auth, ms: 10000 });
  done.catch(() => {});
  const invite = await b.incoming();
  b.ring(invite);
  const isReliable = (m) => m.status > 100 && m.status < 200 && m.get('rseq');
  const ringing = await a.sip.expect(isReliable, 5000, 'reliable 18x');
  assert.match(ringing.get('require'), /100rel/);
  await a.sip.expect((m) => isReliable(m) && m !== ringing && m.get('rseq') === ringing.get('rseq'), 3000, 'the same again', 0, true);
  const prack = await a.sip.transact({
    method: 'PRACK', uri: uriOf(ringing.get('contact')), to: ringing.get('to'), from: fields.from, callId: fields.callId,
    cseq: fields.cseq + 1, headers: [['RAck', `${ringing.get('rseq')} ${ringing.get('cseq')}`]],
  }, auth);
  assert.equal(prack.status, 200);
  await b.accept(invite);
  assert.equal((await done).status, 200);
  a.sip.ack(fields);
  fields.cseq += 1;
  await end(a, b, fields);
});

scene('UPDATE within a dialog is answered with a description', async (a, b) => {
  const dialog = await callWith(a, b);
  const update = a.sip.within(dialog, 'UPDATE', { body: sdp(host, a.rtp.port, { version: 2 }) });
  const answer = await a.sip.transact(update, auth);
  assert.equal(answer.status, 200);
  assert.match(answer.body, /m=audio [1-9]/);
  dialog.cseq = update.cseq;
  await end(a, b, dialog);
});

scene('a session timer too small is 422, a fair one is agreed', async (a, b) => {
  const small = await a.call('102', { headers: [['Supported', 'timer'], ['Session-Expires', '30']] });
  assert.equal(small.answer.status, 422);
  assert.ok(Number(small.answer.get('min-se')) >= 90);
  const dialog = await callWith(a, b, { headers: [['Supported', 'timer'], ['Session-Expires', '1800;refresher=uas']] });
  assert.match(dialog.answer.get('session-expires') || '', /^\d+/);
  await end(a, b, dialog);
});

scene('an option nobody knows is 420 and named', async (a) => {
  const call = await a.call('102', { headers: [['Require', 'tea-with-milk']] });
  assert.equal(call.answer.status, 420);
  assert.match(call.answer.get('unsupported'), /tea-with-milk/);
});

scene('video and unknown media lines are answered with port 0, in their places', async (a, b) => {
  const body = `${a.offer}m=video 40000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=whiteboard 40002 tcp wb\r\n`;
  const dialog = await callWith(a, b, { body });
  const lines = dialog.answer.body.split('\r\n').filter((line) => line.startsWith('m='));
  assert.equal(lines.length, 3);
  assert.match(lines[0], /^m=audio [1-9]/);
  assert.match(lines[1], /^m=video 0 /);
  assert.match(lines[2], /^m=whiteboard 0 /);
  await end(a, b, dialog);
});

scene('no codec in common is 488', async (a) => {
  const body = sdp(host, a.rtp.port, { payloads: [[96, 'FANTASY/8000']] });
  const call = await a.call('102', { body });
  assert.equal(call.answer.status, 488);
});

scene('Max-Forwards that ran out: a call is 483, OPTIONS for the router itself is answered', async (a, b) => {
  for (const [method, status] of [['INVITE', 483], ['OPTIONS', 200]]) { // RFC 3261 section 11
    const fields = { method, uri: a.uri('102'), from: `<sip:101@${host}>;tag=${token()}`, to: `<${a.uri('102')}>`, callId: token(), cseq: 1, branch: `z9hG4bK${token()}`, body: method === 'INVITE' ? a.offer : '' };
    const from = a.sip.received.length;
    a.sip.sendRaw(a.sip.request(fields).replace('Max-Forwards: 70', 'Max-Forwards: 0'));
    const answer = await a.sip.expect((m) => m.status >= 200 && m.get('via').includes(fields.branch), 5000, 'answer', from);
    assert.equal(answer.status, status, `${method}: ${answer.start}`);
    if (method === 'INVITE') a.sip.sendRaw(a.sip.ackText(fields, answer, fields.branch));
  }
  assert.ok(!b.sip.received.some((m) => m.method === 'INVITE'), 'the call went nowhere');
});

scene('an unknown method is 501', async (a) => {
  assert.equal((await a.sip.transact({ method: 'DANCE', uri: a.uri('102') }, auth)).status, 501);
});
