// Re-INVITEs that cross, at a leg the router answered and at a leg it called: 491 both ways, then both agree.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { sdp, tagOf, token, uriOf } from './lib/sip.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const SESSION_SEC = 90; // the least there is: the router refreshes after half of it

/** The dialog of a called phone, in the shape of a caller's, so that it can send requests. */
function calledDialog(phone, invite) {
  return {
    from: `${invite.get('to')};tag=${phone.sip.localTag}`, cseq: 100, user: phone.extension, callId: invite.get('call-id'),
    answer: { get: (name) => ({ contact: invite.get('contact'), to: invite.get('from') })[name] },
  };
}

/**
 * Waits for the router's re-INVITE, sends one of its own before it answers: each refuses the other's with
 * 491; then the router tries again, then the phone, and both succeed.
 */
async function cross(phone, dialog) {
  const isTheirs = (m) => m.method === 'INVITE' && tagOf(m.get('to')) && m.get('call-id') === dialog.callId;
  const theirs = await phone.sip.expect(isTheirs, (SESSION_SEC / 2 + 15) * 1000, `refresh at ${phone.extension}`);
  const before = phone.sip.received.length;
  const own = phone.sip.within(dialog, 'INVITE', { body: sdp(host, phone.rtp.port, { version: 5 }) });
  own.branch = `z9hG4bK${token()}`;
  phone.sip.sendRaw(phone.sip.request(own));
  const final = (branch) => phone.sip.expect((m) => m.status >= 200 && m.get('via').includes(branch), 5000, 'final', before);
  const refusal = await final(own.branch);
  assert.equal(refusal.status, 491, `at ${phone.extension}: ${refusal.start}`);
  phone.sip.sendRaw(phone.sip.ackText(own, refusal, own.branch));
  phone.sip.reply(theirs, 491, 'Request Pending');
  await phone.sip.expect((m) => m.method === 'ACK' && m.get('cseq') === theirs.get('cseq').replace('INVITE', 'ACK'), 5000, 'ACK for 491');

  const second = await phone.sip.expect((m) => isTheirs(m) && m.get('cseq') !== theirs.get('cseq'), 10000, 'the re-INVITE again');
  phone.sip.reply(second, 200, 'OK', { body: phone.offer, headers: [['Require', 'timer'], ['Session-Expires', second.get('session-expires')]] });
  await phone.sip.expect((m) => m.method === 'ACK' && m.get('cseq') === second.get('cseq').replace('INVITE', 'ACK'), 5000, 'ACK');
  const again = phone.sip.within({ ...dialog, cseq: own.cseq }, 'INVITE', { body: sdp(host, phone.rtp.port, { version: 6 }) });
  assert.equal((await phone.sip.transact(again, { user: phone.extension, password: phone.password })).status, 200);
  phone.sip.ack(again);
  dialog.cseq = again.cseq;
}

test('re-INVITEs that cross are 491 at both ends of a call, then both are agreed', { skip: missing }, async () => {
  const router = await Router.start({ devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'] })) });
  const [a, b] = await Promise.all(['101', '102'].map((e) => ScriptPhone.open(router, e)));
  try {
    const answered = (async () => {
      const invite = await b.incoming();
      b.remoteMedia = undefined;
      b.sip.reply(invite, 200, 'OK', { body: b.offer, headers: [['Require', 'timer'], ['Session-Expires', `${SESSION_SEC};refresher=uac`]] });
      await b.sip.expect((m) => m.method === 'ACK', 5000, 'ACK');
      return calledDialog(b, invite);
    })();
    const dialog = await a.call('102', { headers: [['Supported', 'timer'], ['Session-Expires', `${SESSION_SEC};refresher=uas`]] });
    const other = await answered;
    assert.match(dialog.answer.get('session-expires') || '', /refresher=uas/);
    assert.equal(uriOf(other.answer.get('contact')).startsWith('sip:'), true);
    await Promise.all([cross(a, dialog), cross(b, other)]);
    a.sendTone(1000);
    await b.rtp.more(30);
    assert.deepEqual(b.rtp.faults(), []);
    assert.equal((await router.api.get('/api/calls')).items.length, 1);
    await a.hangup(dialog);
    await b.hungUp();
  } finally {
    await stopAll(a, b);
    await router.stop();
  }
});
