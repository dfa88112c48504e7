// What providers do in calls beside the book: who calls, what changes on the way, what comes too late.
import test, { after, afterEach, before } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Router, device, host, missing, poll } from './lib/router.js';
import { Trunk, account, challenge, until } from './lib/trunk.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { passwordOf } from './lib/kamailio.js';
import { RtpParty } from './lib/rtp.js';
import { snr } from './lib/audio.js';
import { digestParams, mediaOf, sdp, tagOf, token, uriOf } from './lib/sip.js';
import { CM, newKey, opener, protector } from './lib/srtp.js';

const options = { skip: missing };
let router;
let trunk;
let safe; // takes nothing but encrypted audio
let near;
let far;

before(async () => {
  if (missing) return;
  [trunk, safe] = [await Trunk.open(), await Trunk.open()];
  const local = { domain: 'trunk.example', country: 'DE' };
  router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] }), device('202', { codecs: ['PCMU'], displayName: 'Jörg "Jo" \\ Øst' })],
    config: {
      providers: [account(trunk.port, 'one', local), account(trunk.port, 'two', local),
        account(safe.port, 'safe', { register: false, srtp: 'required', codecs: ['PCMU'] })],
      routing: {
        routes: [
          { id: 'in1', match: { direction: 'inbound', sourceProvider: 'pone', numberPattern: '+49301*' }, action: { targets: ['d201'] } },
          { id: 'in2', match: { direction: 'inbound', sourceProvider: 'ptwo', numberPattern: '+49302*' }, action: { targets: ['d201'] } },
          { id: 'pass', match: { direction: 'outbound', numberPattern: '+4976*' }, action: { provider: 'pone', mode: 'passthrough' } },
          { id: 'safe', match: { direction: 'outbound', numberPattern: '+4977*' }, action: { provider: 'psafe' } },
          { id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'pone' } },
        ],
      },
    },
  });
  trunk.sip.options.to = { address: host, port: router.sipPort };
  trunk.contacts = {};
  for (const name of ['one', 'two']) {
    await until(router, `p${name}`, (state) => state.state === 'registered');
    trunk.contacts[name] = uriOf(trunk.registers.findLast((m) => m.get('to').includes(`:${name}@`)).get('contact'));
  }
  near = await ScriptPhone.open(router, '201');
  far = await RtpParty.open(0);
});
after(async () => {
  far?.close();
  await stopAll(near, router, trunk, safe);
});

afterEach(async () => { // whatever a failed test left
  if (!near) return;
  far.stopSending();
  near.rtp.stopSending();
  near.sip.onMessage = (message) => { if (message.method === 'BYE') near.sip.reply(message, 200, 'OK'); };
  for (const { callId } of (await router.api.get('/api/calls')).items) await router.api.request('DELETE', `/api/calls/${callId}`);
  await router.noCalls();
  near.sip.onMessage = undefined;
  near.sip.received.length = 0;
  trunk.sip.received.length = 0;
});


/** The provider calls: its fields, and the phone's INVITE. */
async function callIn(fields = {}) {
  const from = near.sip.received.length;
  const call = { method: 'INVITE', uri: trunk.contacts.one, user: 'gw', from: `<sip:+4989555@trunk.example>;tag=${token()}`, to: '<sip:+49301234@trunk.example>', body: sdp(host, far.port), ...fields };
  const done = trunk.sip.transact(call, { ms: 15000 });
  done.catch(() => {});
  const first = await Promise.race([near.incoming(5000, from), done]);
  if (first.status) throw new Error(`the call in: ${first.start}`);
  return { call, done, invite: first };
}

/** The same, answered and acknowledged. */
async function talkIn(fields) {
  const line = await callIn(fields);
  await near.accept(line.invite);
  await line.done;
  trunk.sip.ack(line.call);
  return line;
}

async function endIn({ call }) {
  const told = near.hungUp();
  assert.equal((await trunk.sip.transact(trunk.sip.within(call, 'BYE'))).status, 200);
  await told;
  near.sip.received.length = 0;
  await router.noCalls();
}

/** The phone calls out: the INVITE at the provider, and the phone's call as a promise. */
async function callOut(number = '+49891234') {
  const from = trunk.sip.received.length;
  const call = near.call(number, { ms: 20000 });
  call.catch(() => {});
  const invite = await trunk.sip.expect((m) => m.method === 'INVITE', 5000, 'INVITE', from);
  const next = (test, what, ms = 5000) => trunk.sip.expect((m) => m.get('call-id') === invite.get('call-id') && test(m), ms, what, from);
  return { call, invite, next };
}

const ackTo = (line, invite = line.invite) => line.next((m) => m.method === 'ACK' && parseInt(m.get('cseq'), 10) === parseInt(invite.get('cseq'), 10), 'ACK');

async function endOut(line) {
  const bye = line.next((m) => m.method === 'BYE', 'BYE');
  const done = near.hangup(await line.call);
  trunk.sip.reply(await bye, 200, 'OK');
  assert.equal((await done).status, 200);
  await router.noCalls();
}

async function heard(party, hz) {
  const from = party.packets.length;
  await party.more(30);
  return snr(party.sound(from), 8000, hz);
}

// ---- who calls ----

const utf8 = (text) => Buffer.from(text, 'utf8').toString('latin1'); // as bytes of a message
const callers = [
  ['a display name with quotes and UTF-8', { from: utf8('"Jörg \\"Jo\\" Øst, ☎" <sip:+4989555@trunk.example>') }, /^"J\u00f6rg \\"Jo\\" \u00d8st, \u260e" <sip:\+4989555@/, '+4989555'],
  ['a display name without quotes', { from: 'Anna Maria <sip:+4989555@trunk.example;user=phone>' }, /^"?Anna Maria"? <sip:\+4989555@/, '+4989555'],
  ['tel: URIs', { from: '<tel:+49-89-555>', to: '<tel:+49301234>' }, /<sip:\+4989555@/, '+4989555'],
  ['a tel: Request-URI', { uri: 'tel:+49301234', from: '<tel:+4989555>', to: '<tel:+49301234>' }, /<sip:\+4989555@/, '+4989555'],
  ['anonymous, with the number asserted under Privacy', {
    from: '"Anonymous" <sip:anonymous@anonymous.invalid>', headers: [['P-Asserted-Identity', '"Anna" <sip:+4989555@trunk.example>'], ['Privacy', 'id']],
  }, /anonymous/i, 'anonymous'],
  ['a From without a user, the number asserted twice', {
    from: '<sip:trunk.example>', headers: [['P-Asserted-Identity', '<sip:+4989555@trunk.example>, <tel:+4989555>']],
  }, /<sip:\+4989555@/, '+4989555'],
  ['a From of nobody, the number asserted as tel:', {
    from: '"Unknown" <sip:unknown@unknown.invalid>', headers: [['P-Asserted-Identity', '<tel:+49-89-555>']],
  }, /<sip:\+4989555@/, '+4989555'],
  ['a national number', { from: '<sip:089555@trunk.example>' }, /<sip:\+4989555@/, '+4989555'],
  ['a number with 00 and a phone-context', { from: '<sip:004989555;phone-context=+49@trunk.example;user=phone>' }, /<sip:\+4989555@/, '+4989555'],
];
for (const [what, fields, shown, number] of callers) {
  test(`who calls: ${what}`, options, async () => {
    const line = await talkIn({ ...fields, ...(fields.from ? { from: `${fields.from};tag=${token()}` } : {}) });
    const from = Buffer.from(line.invite.get('from'), 'latin1').toString('utf8');
    assert.match(from, shown);
    assert.equal((await router.oneCall()).from, number);
    assert.doesNotMatch(line.invite.raw, number === 'anonymous' ? /4989555|Anna/ : /\0/);
    await endIn(line);
  });
}

// ---- which account is called ----

for (const [what, fields, route] of [
  ['Contact of the registration', () => ({ uri: trunk.contacts.two, to: '<sip:+49302234@trunk.example>' }), 'in2'],
  ['number in the Request-URI, account in To', () => ({ uri: `sip:+49302234@${host}:${router.sipPort}`, to: '<sip:two@trunk.example>' }), 'in2'],
  ['number in the Request-URI, account in P-Called-Party-ID', () => ({ uri: `sip:+49302234@${host}:${router.sipPort}`, headers: [['P-Called-Party-ID', '<sip:two@trunk.example>']] }), 'in2'],
  ['account in the Request-URI, number in To', () => ({ uri: `sip:two@${host}:${router.sipPort}`, to: '<sip:+49302234@trunk.example>' }), 'in2'],
  ['number in the Request-URI, nothing names the account', () => ({ uri: `sip:+49302234@${host}:${router.sipPort}`, to: '<sip:+49302234@trunk.example>' }), 'in2'],
  ['the same for the other account', () => ({ uri: `sip:+49301234@${host}:${router.sipPort}`, to: '<sip:+49301234@trunk.example>' }), 'in1'],
]) {
  test(`two accounts of one host: ${what}`, options, async () => {
    const line = await talkIn(fields());
    assert.equal((await router.oneCall()).routeId, route);
    await endIn(line);
  });
}

// ---- calls in ----

test('PRACK required: ringing is told reliably', options, async () => {
  const line = await callIn({ headers: [['Require', '100rel'], ['Allow', 'INVITE, ACK, BYE, CANCEL, PRACK']] });
  near.ring(line.invite);
  const ringing = await trunk.sip.expect((m) => m.status === 180 && m.get('call-id') === line.call.callId);
  assert.match(ringing.get('require'), /100rel/);
  const prack = { ...line.call, answer: ringing, cseq: line.call.cseq };
  const answer = await trunk.sip.transact(trunk.sip.within(prack, 'PRACK', { headers: [['RAck', `${ringing.get('rseq')} ${line.call.cseq} INVITE`]] }));
  assert.equal(answer.status, 200, answer.start);
  await near.accept(line.invite);
  await line.done;
  trunk.sip.ack(line.call);
  line.call.cseq += 1;
  await endIn(line);
});

test('BYE before the ACK of the answer', options, async () => {
  const line = await callIn();
  await near.accept(line.invite);
  await line.done;
  const told = near.hungUp();
  assert.equal((await trunk.sip.transact(trunk.sip.within(line.call, 'BYE'))).status, 200);
  await told;
  near.sip.received.length = 0;
  await router.noCalls();
});

test('no SDP in the INVITE, none in a re-INVITE; then an UPDATE: audio both ways all the while', options, async () => {
  const line = await callIn({ body: '' });
  await near.accept(line.invite);
  const answer = await line.done;
  const tell = (to, body) => trunk.sip.sendRaw(trunk.sip.ackText(line.call, to).replace(/Content-Length: 0\r\n\r\n$/, `Content-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
  tell(answer, sdp(host, far.port));
  far.sendTone({ address: host, port: mediaOf(answer.body).port }, 700);
  near.sendTone(1000);
  await Promise.all([far.more(20), near.rtp.more(20)]);
  for (const again of [null, { method: 'INVITE', body: '' }, { method: 'UPDATE', body: sdp(host, far.port, { version: 3 }) }, { method: 'UPDATE', body: '' }]) {
    if (again) {
      const request = trunk.sip.within(line.call, again.method, { body: again.body, headers: [['Supported', 'timer']] });
      const reply = await trunk.sip.transact(request);
      assert.equal(reply.status, 200, `${again.method}: ${reply.start}`);
      if (again.method === 'INVITE') {
        assert.match(reply.body, /m=audio/);
        line.call.cseq = request.cseq;
        trunk.sip.sendRaw(trunk.sip.ackText({ ...request, answer: reply }, reply).replace(/Content-Length: 0\r\n\r\n$/, `Content-Type: application/sdp\r\nContent-Length: ${sdp(host, far.port, { version: 2 }).length}\r\n\r\n${sdp(host, far.port, { version: 2 })}`));
      }
      if (again.method === 'UPDATE') assert.equal(Boolean(reply.body), Boolean(again.body));
    }
    const figures = await Promise.all([heard(near.rtp, 700), heard(far, 1000)]);
    assert.ok(Math.min(...figures) > 30, `${again?.method}: ${figures}`);
  }
  far.stopSending();
  near.rtp.stopSending();
  await endIn(line);
});

for (const [what, edit] of [
  ['the address in the media section, static types without rtpmap, bare line feeds', (body) => body.replace(/c=IN.*\r\n/, '').replace(/(m=.*\r\n)/, `$1c=IN IP4 ${host}\r\n`).replace(/a=rtpmap:0.*\r\n/, '').replace(/\r\n/g, '\n')],
  ['video and T.38 beside the audio', (body) => `${body}m=video 4000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=image 4002 udptl t38\r\n`],
  ['G.729 first, PCMU last, strange attributes', (body) => body.replace(/RTP\/AVP 0 101/, 'RTP/AVP 18 8 0 101').replace('a=sendrecv', 'a=X-nat:0\r\na=gpmd:101 vbd=yes\r\na=sendrecv')],
  ['b=, k=, r= and i= lines', (body) => body.replace('t=0 0\r\n', 'b=AS:84\r\nt=0 0\r\n').replace('s=-\r\n', 's=Sip Call\r\ni=x\r\n')],
]) {
  test(`an offer with ${what}`, options, async () => {
    const line = await talkIn({ body: edit(sdp(host, far.port)) });
    far.sendTone({ address: host, port: mediaOf(line.call.answer.body).port }, 700);
    near.sendTone(1000);
    await Promise.all([far.more(10), near.rtp.more(10)]);
    const figures = await Promise.all([heard(near.rtp, 700), heard(far, 1000)]);
    assert.ok(Math.min(...figures) > 30, String(figures));
    assert.equal(line.call.answer.body.match(/^m=/gm).length, edit(sdp(host, far.port)).match(/^m=/gm).length);
    far.stopSending();
    near.rtp.stopSending();
    await endIn(line);
  });
}

test('SIP-I: the description is one part of a multipart body', options, async () => {
  const body = ['--b1', 'Content-Type: application/sdp', '', sdp(host, far.port), '--b1', 'Content-Type: application/ISUP;version=itu-t92+;base=itu-t92+', 'Content-Disposition: signal;handling=optional', '', '\x01\x10\x00', '--b1--', ''].join('\r\n');
  const line = await talkIn({ body, type: 'multipart/mixed;boundary="b1"' });
  far.sendTone({ address: host, port: mediaOf(line.call.answer.body).port }, 700);
  await near.rtp.more(10);
  assert.ok(await heard(near.rtp, 700) > 30);
  far.stopSending();
  await endIn(line);
});

test('the provider may not send our call elsewhere: REFER is refused', options, async () => {
  const line = await talkIn();
  const request = trunk.sip.within(line.call, 'REFER', { headers: [['Refer-To', '<sip:+49900123@trunk.example>']] });
  assert.equal((await trunk.sip.transact(request)).status, 403);
  line.call.cseq = request.cseq;
  await endIn(line);
});

// ---- calls out ----

test('183 with a description, 180 without, 200 with another: the last one counts', options, async () => {
  const other = await RtpParty.open(0);
  try {
    const line = await callOut();
    trunk.sip.reply(line.invite, 183, 'Session Progress', { body: sdp(host, far.port) });
    const early = await near.sip.expect((m) => m.status === 183);
    far.sendTone(mediaOf(line.invite.body), 700);
    await near.rtp.more(10);
    assert.ok(await heard(near.rtp, 700) > 30);
    trunk.sip.reply(line.invite, 180, 'Ringing');
    assert.ok(await heard(near.rtp, 700) > 30, 'early media goes on after a 180');
    far.stopSending();
    trunk.sip.reply(line.invite, 200, 'OK', { body: sdp(host, other.port, { version: 2 }) });
    await line.call;
    assert.ok(early.body.length > 0);
    other.sendTone(mediaOf(line.invite.body), 900);
    near.sendTone(1000);
    await Promise.all([near.rtp.more(30), other.more(10)]);
    const figures = [await heard(near.rtp, 900), await heard(other, 1000)];
    assert.ok(Math.min(...figures) > 30, String(figures));
    near.rtp.stopSending();
    await endOut(line);
  } finally {
    other.close();
  }
});

test('183 with a description, 200 without any', options, async () => {
  const line = await callOut();
  trunk.sip.reply(line.invite, 183, 'Session Progress', { body: sdp(host, far.port) });
  trunk.sip.reply(line.invite, 200, 'OK');
  const { answer } = await line.call;
  assert.equal(answer.status, 200, answer.start);
  far.sendTone(mediaOf(line.invite.body), 700);
  near.sendTone(1000);
  await Promise.all([near.rtp.more(10), far.more(10)]);
  const figures = [await heard(near.rtp, 700), await heard(far, 1000)];
  assert.ok(Math.min(...figures) > 30, String(figures));
  far.stopSending();
  near.rtp.stopSending();
  await endOut(line);
});

test('100rel demanded: PRACK is sent, once for each', options, async () => {
  const line = await callOut();
  const rel = (rseq) => ({ headers: [['Require', '100rel'], ['RSeq', String(rseq)]] });
  trunk.sip.reply(line.invite, 183, 'Session Progress', { ...rel(1), body: sdp(host, far.port) });
  const first = await line.next((m) => m.method === 'PRACK', 'PRACK');
  assert.match(first.get('rack'), /^1 \d+ INVITE$/);
  trunk.sip.reply(first, 200, 'OK');
  trunk.sip.reply(line.invite, 183, 'Session Progress', { ...rel(1), body: sdp(host, far.port) }); // it was repeated on the way
  trunk.sip.reply(line.invite, 180, 'Ringing', rel(2));
  const second = await line.next((m) => m.method === 'PRACK' && m.get('rack').startsWith('2 '), 'second PRACK');
  trunk.sip.reply(second, 200, 'OK');
  trunk.sip.reply(line.invite, 200, 'OK', { body: sdp(host, far.port) });
  assert.equal((await line.call).answer.status, 200);
  assert.equal(new Set(trunk.sip.received.filter((m) => m.method === 'PRACK' && m.get('call-id') === line.invite.get('call-id')).map((m) => m.get('cseq'))).size, 2);
  await endOut(line);
});

test('the provider moves the audio: UPDATE while it rings, re-INVITE when answered', options, async () => {
  const later = await RtpParty.open(0);
  try {
    const line = await callOut();
    trunk.sip.reply(line.invite, 183, 'Session Progress', { headers: [['Require', '100rel'], ['RSeq', '1']], body: sdp(host, far.port) });
    trunk.sip.reply(await line.next((m) => m.method === 'PRACK', 'PRACK'), 200, 'OK');
    far.sendTone(mediaOf(line.invite.body), 700);
    await near.rtp.more(10);
    // as the called side its dialog is turned round
    const gateway = {
      uri: uriOf(line.invite.get('contact')), from: `${line.invite.get('to')};tag=${trunk.sip.localTag}`, to: line.invite.get('from'),
      callId: line.invite.get('call-id'), user: 'gw', cseq: 100,
    };
    const moved = sdp(host, later.port, { version: 2 });
    const updated = await trunk.sip.transact({ ...gateway, method: 'UPDATE', body: moved });
    assert.equal(updated.status, 200, updated.start);
    assert.match(updated.body, /m=audio/);
    far.stopSending();
    later.sendTone(mediaOf(updated.body), 900);
    await near.rtp.more(30);
    assert.ok(await heard(near.rtp, 900) > 30, 'the announcement from its new place');
    trunk.sip.reply(line.invite, 200, 'OK', { body: moved });
    await line.call;
    near.sendTone(1000);
    await later.more(10);
    assert.ok(await heard(later, 1000) > 30);
    const again = { ...gateway, method: 'INVITE', cseq: 101, body: sdp(host, far.port, { version: 3 }) };
    assert.equal((await trunk.sip.transact(again)).status, 200);
    trunk.sip.ack(again);
    later.stopSending();
    far.sendTone(mediaOf(again.answer.body), 700);
    await Promise.all([near.rtp.more(30), far.more(10)]);
    const figures = await Promise.all([heard(near.rtp, 700), heard(far, 1000)]);
    assert.ok(Math.min(...figures) > 30, String(figures));
    const from = later.packets.length;
    await far.more(25);
    assert.ok(later.packets.length - from <= 1, 'nothing goes to the old place');
    far.stopSending();
    near.rtp.stopSending();
    await endOut(line);
  } finally {
    later.close();
  }
});

test('200 that crosses the CANCEL: acknowledged, and hung up at once', options, async () => {
  const from = near.sip.received.length;
  const line = await callOut();
  trunk.sip.reply(line.invite, 180, 'Ringing');
  const ringing = await near.sip.expect((m) => m.status === 180, 5000, '180', from);
  near.sip.sendRaw(near.sip.request({
    method: 'CANCEL', uri: near.uri('+49891234'), from: ringing.get('from'), to: ringing.get('to').replace(/;tag=.*/, ''),
    callId: ringing.get('call-id'), cseq: parseInt(ringing.get('cseq'), 10), branch: ringing.get('via').match(/branch=([^;]+)/)[1], contact: null,
  }));
  const cancel = await line.next((m) => m.method === 'CANCEL', 'CANCEL');
  trunk.sip.reply(line.invite, 200, 'OK', { body: sdp(host, far.port) });
  trunk.sip.reply(cancel, 200, 'OK');
  await ackTo(line);
  trunk.sip.reply(await line.next((m) => m.method === 'BYE', 'BYE'), 200, 'OK');
  assert.equal((await line.call).answer.status, 487);
  await router.noCalls();
});

test('a challenge for re-INVITE and BYE is answered', options, async () => {
  const line = await callOut();
  trunk.sip.reply(line.invite, 407, 'Proxy Authentication Required', { headers: [['Proxy-Authenticate', challenge()]] });
  const invite = await line.next((m) => m.method === 'INVITE' && m.get('proxy-authorization'), 'INVITE with an answer');
  trunk.sip.reply(invite, 200, 'OK', { body: sdp(host, far.port) });
  const ack = await ackTo(line, invite);
  assert.ok(ack.get('proxy-authorization'), 'ACK carries what its INVITE carried');
  const dialog = await line.call;
  const bye = line.next((m) => m.method === 'BYE', 'BYE');
  const done = near.hangup(dialog);
  trunk.sip.reply(await bye, 407, 'Proxy Authentication Required', { headers: [['Proxy-Authenticate', challenge()]] });
  const again = await line.next((m) => m.method === 'BYE' && m.get('proxy-authorization'), 'BYE with an answer');
  trunk.sip.reply(again, 200, 'OK');
  assert.equal((await done).status, 200);
  await router.noCalls();
});

test('qop auth-int: the answer covers the description', options, async () => {
  const line = await callOut();
  const asked = challenge().replace('qop="auth"', 'qop="auth-int"');
  trunk.sip.reply(line.invite, 407, 'Proxy Authentication Required', { headers: [['Proxy-Authenticate', asked]] });
  const invite = await line.next((m) => m.method === 'INVITE' && m.get('proxy-authorization'), 'INVITE with an answer');
  const [p, c] = [digestParams(invite.get('proxy-authorization')), digestParams(asked)];
  const md5 = (text) => createHash('md5').update(text, 'latin1').digest('hex');
  const right = md5([md5(`one:${c.realm}:${passwordOf('one')}`), c.nonce, p.nc, p.cnonce, 'auth-int', md5(`INVITE:${p.uri}:${md5(invite.body)}`)].join(':'));
  assert.equal(p.qop, 'auth-int');
  assert.equal(p.response, right);
  trunk.sip.reply(invite, 486, 'Busy Here');
  assert.equal((await line.call).answer.status, 486);
  await router.noCalls();
});

test('the answer to a call is asked for by a realm that is not the provider\'s: no answer, and said', options, async () => {
  const events = await router.api.events();
  const line = await callOut();
  trunk.sip.reply(line.invite, 407, 'Proxy Authentication Required', { headers: [['Proxy-Authenticate', challenge()]] });
  const second = await line.next((m) => m.method === 'INVITE' && m.get('proxy-authorization'), 'INVITE with an answer');
  trunk.sip.reply(second, 401, 'Unauthorized', { headers: [['WWW-Authenticate', challenge('evil.example')]] });
  const { answer } = await line.call;
  assert.ok(answer.status >= 400 && answer.status !== 401 && answer.status !== 407, answer.start);
  await events.waitFor((event) => event.type === 'verdict' && /refuses the login of this call: .* another realm than digestRealm/.test(event.leg.verdict ?? ''));
  assert.equal(trunk.sip.received.filter((m) => m.get('authorization')?.includes('evil.example')).length, 0);
  await router.noCalls();
});

test('passed through and refused: the provider\'s leg says why', options, async () => {
  const events = await router.api.events();
  const rows = [
    [488, 488, /^the party refuses what was offered to it: the other party's own description, passed through$/],
    [403, 403, /^The provider answers 403 .*: the account is blocked, or may not call this number\.$/],
    [503, 480, /^The provider answers 503 .*: it is down, overloaded, or cannot reach this number\.$/],
  ];
  for (const [status, shown, says] of rows) {
    const from = events.all.length;
    const line = await callOut('+4976123');
    trunk.sip.reply(line.invite, status, 'No');
    const told = await events.waitFor((event) => event.type === 'verdict' && event.leg.kind === 'provider', 5000, from);
    assert.match(told.leg.verdict, says);
    const { answer } = await line.call;
    assert.equal(answer.status, shown, `${status}: ${answer.start}`);
    assert.doesNotMatch(answer.start, /configuration/); // it is not ours that forbids
    await router.noCalls();
  }
});

test('200 repeated, 200 without Contact, BYE while it rings: nothing is left behind', options, async () => {
  const line = await callOut();
  for (let n = 0; n < 3; n += 1) trunk.sip.reply(line.invite, 200, 'OK', { body: sdp(host, far.port) });
  await line.call;
  await poll(() => trunk.sip.received.filter((m) => m.method === 'ACK' && m.get('call-id') === line.invite.get('call-id')).length >= 3, 5000, 'an ACK for each');
  await endOut(line);
  const ringing = await callOut();
  trunk.sip.reply(ringing.invite, 180, 'Ringing');
  const told = await near.sip.expect((m) => m.status === 180 && m.at > ringing.invite.at);
  assert.ok(tagOf(told.get('to')));
  trunk.sip.sendRaw(trunk.sip.request({
    method: 'BYE', uri: uriOf(ringing.invite.get('contact')), from: `${ringing.invite.get('to')};tag=${trunk.sip.localTag}`, to: ringing.invite.get('from'),
    callId: ringing.invite.get('call-id'), cseq: 1,
  }));
  const reply = await trunk.sip.expect((m) => m.status && m.get('cseq') === '1 BYE' && m.get('call-id') === ringing.invite.get('call-id'));
  assert.ok(reply.status, reply.start);
  trunk.sip.reply(ringing.invite, 487, 'Request Terminated');
  assert.ok((await ringing.call).answer.status >= 400);
  await router.noCalls();
});

// ---- keys in the SDP ----

const suites = ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', CM];

/** The lines a=crypto:TAG SUITE inline:KEY of a description. */
const cryptos = (body) => [...body.matchAll(/^a=crypto:(\d+) (\S+) inline:([^|\s]+)/gm)].map(([, tag, suite, key]) => ({ tag, suite, key }));

async function encryptedCall(suite, n) {
  const phone = await ScriptPhone.open(router, '202');
  const gateway = await RtpParty.open(0);
  try {
    const number = `+49770${n}`;
    const call = phone.call(number, { ms: 15000 });
    const invite = await safe.sip.expect((m) => m.method === 'INVITE' && m.uri.includes(`${number}@`));
    assert.match(Buffer.from(invite.get('from'), 'latin1').toString('utf8'), /^"J\u00f6rg \\"Jo\\" \\\\ \u00d8st" <sip:/);
    assert.deepEqual(cryptos(invite.body).map((one) => one.suite), suites, 'offered, the best first');
    const theirs = cryptos(invite.body).find((one) => one.suite === suite);
    const ours = newKey(suite);
    gateway.protect = protector(ours, suite);
    gateway.open = opener(theirs.key, suite);
    safe.sip.reply(invite, 200, 'OK', { body: sdp(host, gateway.port, { more: [`a=crypto:${theirs.tag} ${suite} inline:${ours}`] }).replace('RTP/AVP', 'RTP/SAVP') });
    const dialog = await call;
    assert.equal(dialog.answer.status, 200, dialog.answer.start);
    gateway.sendTone(mediaOf(invite.body), 700);
    phone.sendTone(1000);
    await Promise.all([gateway.more(10), phone.rtp.more(10)]);
    const figures = await Promise.all([heard(phone.rtp, 700), heard(gateway, 1000)]);
    const legOf = (calls) => calls.find((one) => one.to === number)?.legs.find((one) => one.kind === 'provider');
    const shown = await poll(async () => {
      const leg = legOf((await router.api.get('/api/calls')).items);
      return leg?.audio?.cipher ? leg : null;
    }, 8000, 'the first report');
    assert.equal(shown.encrypted, 'sdes');
    assert.equal(shown.audio.cipher, suite);
    assert.equal(shown.audio.srtpAuthFailed, 0);
    assert.ok(Math.min(...figures) > 30, `${suite}: ${figures}`);
    assert.equal(gateway.refused ?? 0, 0, 'nothing came in the clear');
    const bye = safe.sip.expect((m) => m.method === 'BYE' && m.get('call-id') === invite.get('call-id'));
    const done = phone.hangup(dialog);
    safe.sip.reply(await bye, 200, 'OK');
    assert.equal((await done).status, 200);
    return figures;
  } finally {
    gateway.close();
    await stopAll(phone);
  }
}

test('AES-GCM of 256 and 128 bits, and AES-CM: heard both ways, the cipher is told', options, async (t) => {
  const figures = await Promise.all(suites.map(encryptedCall));
  t.diagnostic(`SNR ${JSON.stringify(figures)}`);
});
