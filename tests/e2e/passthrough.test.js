// Passthrough and faxes: what the router does not understand reaches the other end as it was.
import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { Router, device, host, missing, noIp6, poll } from './lib/router.js';
import { rms, snr } from './lib/audio.js';
import { Kamailio, domain, passwordOf } from './lib/kamailio.js';
import { ScriptPhone, csvLine, phone, stopAll } from './lib/phones.js';
import { deferred, within } from './lib/process.js';
import { RtpParty } from './lib/rtp.js';
import { SipEndpoint, mediaOf, sdp, tagOf, uriOf } from './lib/sip.js';
import { Sipp } from './lib/sipp.js';
import { Trunk, account, until } from './lib/trunk.js';

const options = { skip: missing };
let router;

before(async () => {
  if (missing) return;
  const devices = ['101', '102'].map((extension) => device(extension, { codecs: ['PCMU'], srtp: 'off' }));
  router = await Router.start({
    devices,
    config: {
      routing: {
        routes: [
          { id: 'through', match: { direction: 'internal', numberPattern: '555' }, action: { targets: ['d102'], mode: 'passthrough' } },
          { id: 'polite', match: { direction: 'internal', numberPattern: '556' }, action: { targets: ['d102'], announcement: 'Welcome to the house. Somebody will be with you at once.' } },
        ],
      },
    },
  });
});
after(async () => { await router?.stop(); });

async function pair(more) {
  const phones = await Promise.allSettled([phone(router, '101', more), phone(router, '102', more)]);
  const failed = phones.find((result) => result.status === 'rejected');
  if (failed) {
    await stopAll(...phones.map((result) => result.value));
    throw failed.reason;
  }
  return phones.map((result) => result.value);
}

// The devices may speak PCMU in the clear only; these two agree on Opus and on keys the router never uses.
test('two phones speak Opus under SRTP keys of their own through it', options, async () => {
  const [a, b] = await pair({ codecs: 'opus/48000/2', mediaenc: 'srtp-mand' });
  try {
    await a.dial('555');
    await Promise.all([a.event('CALL_ESTABLISHED', 8000), b.event('CALL_ESTABLISHED', 8000)]);
    const call = await router.oneCall((one) => one.media === 'relay');
    assert.equal(call.mode, 'passthrough');
    await Promise.all([a.hear(2), b.hear(2)]);
    const { legs } = await router.api.get(`/api/calls/${call.callId}`);
    assert.deepEqual(legs.map((leg) => leg.codec), ['opus', 'opus']);
    await a.hangup();
    await b.event('CALL_CLOSED', 5000);
    for (const party of [a, b]) {
      const heard = party.heard();
      const value = snr(heard.samples, heard.rate, 1000);
      assert.ok(value > 25, `SNR ${value.toFixed(1)} dB`);
    }
    const record = await poll(async () => (await router.api.get('/api/history')).items.find((one) => one.callId === call.callId), 5000, 'its record');
    assert.deepEqual([record.mode, record.legsMore], ['passthrough', 0]);
  } finally {
    await stopAll(a, b);
  }
});

async function scripted(body) {
  const a = await ScriptPhone.open(router, '101');
  const b = await ScriptPhone.open(router, '102');
  try {
    await body(a, b);
  } finally {
    await stopAll(a, b);
  }
}

const fax = (port) => ['v=0', `o=- 1 2 IN IP4 ${host}`, 's=-', `c=IN IP4 ${host}`, 't=0 0', `m=image ${port} udptl t38`,
  'a=T38FaxVersion:0', 'a=T38FaxUdpEC:t38UDPRedundancy', ''].join('\r\n');
const faxPort = (body) => Number(body.match(/m=image (\d+) udptl t38/)[1]);

async function udp() {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, host);
  await once(socket, 'listening');
  return socket;
}

test('a fax passes in an ordinary call, datagram by datagram, and people speak again', options, async () => {
  await scripted(async (a, b) => {
    const sockets = [await udp(), await udp()];
    try {
      const dialing = a.call('102');
      await b.accept(await b.incoming());
      const dialog = await dialing;
      const mark = b.sip.received.length;
      const asking = a.sip.transact(a.sip.within(dialog, 'INVITE', { body: fax(sockets[0].address().port) }), { user: '101', password: 'pw101' });
      const asked = await b.sip.expect((m) => m.method === 'INVITE' && /udptl/.test(m.body), 5000, 'T.38', mark);
      assert.ok(asked.body.includes('a=T38FaxUdpEC:t38UDPRedundancy'));
      b.sip.reply(asked, 200, 'OK', { body: fax(sockets[1].address().port) });
      const answer = await asking;
      assert.equal(answer.status, 200);
      a.sip.ack({ ...dialog, answer, cseq: dialog.cseq });
      const ways = [faxPort(answer.body), faxPort(asked.body)];
      for (const from of [0, 1]) {
        for (let n = 0; n < 20; n += 1) {
          const bytes = Buffer.from([0, n, 1, 0xc0 | from, n, 0]);
          const came = deferred();
          const last = (data) => { if (n === 0 || data[1] !== n - 1) came.resolve(data); }; // a copy of the last one may be on its way
          sockets[1 - from].on('message', last);
          const again = setInterval(() => sockets[from].send(bytes, ways[from], host), 500); // the way may not stand yet
          sockets[from].send(bytes, ways[from], host);
          try {
            assert.deepEqual(await within(came.promise, 5000, `datagram ${n}`), bytes);
          } finally {
            clearInterval(again);
            sockets[1 - from].off('message', last);
          }
        }
      }
      const back = b.sip.received.length;
      const resuming = a.sip.transact(a.sip.within(dialog, 'INVITE', { body: a.offer }), { user: '101', password: 'pw101' });
      const resumed = await b.sip.expect((m) => m.method === 'INVITE' && /m=audio/.test(m.body), 5000, 'sound again', back);
      b.sip.reply(resumed, 200, 'OK', { body: b.offer });
      const sound = await resuming;
      assert.equal(sound.status, 200);
      a.sip.ack({ ...dialog, answer: sound });
      a.remoteMedia.port = Number(sound.body.match(/m=audio (\d+)/)[1]);
      a.sendTone(700);
      await b.rtp.more(60);
      a.rtp.stopSending();
      const value = snr(b.rtp.sound(10), 8000, 700);
      assert.ok(value > 25, `SNR ${value}`);
      dialog.answer = sound;
      const ending = a.hangup(dialog);
      await b.hungUp();
      await ending;
    } finally {
      for (const socket of sockets) socket.close();
    }
  });
});

const rtp = (seq) => Buffer.concat([Buffer.from([0x80, 97, seq >> 8, seq & 255, 0, 0, seq, 0, 1, 2, 3, 4]), Buffer.from(`odd ${seq}`)]);
const offer6 = (port) => ['v=0', 'o=- 1 2 IN IP6 ::1', 's=-', 'c=IN IP6 ::1', 't=0 0', 'a=group:BUNDLE 0', `m=audio ${port} RTP/AVP 97`,
  'a=mid:0', 'a=rtpmap:97 speex/32000', ''].join('\r\n');

async function overBothFamilies() {
  const house = await Router.start({
    devices: ['101', '102'].map((extension) => device(extension)),
    config: {
      proxy: { bind: [host, '::1'], lanIp6: '::1' },
      routing: { routes: [{ id: 'through', match: { direction: 'internal', numberPattern: '555' }, action: { targets: ['d102'], mode: 'passthrough' } }] },
    },
  });
  const events = await house.api.events();
  const six = await SipEndpoint.open({ address: '::1', to: { address: '::1', port: house.sipPort } });
  const b = await ScriptPhone.open(house, '102');
  const socket = dgram.createSocket('udp6');
  let again;
  try {
    socket.bind(0, '::1');
    await once(socket, 'listening');
    const fields = { method: 'INVITE', uri: `sip:555@[::1]:${house.sipPort}`, from: '<sip:101@[::1]>;tag=six', body: offer6(socket.address().port) };
    const dialing = six.transact(fields, { user: '101', password: 'pw101' });
    const invite = await b.incoming();
    assert.match(invite.body, /c=IN IP4 127\.0\.0\.1\r\n/);
    assert.ok(!/IP6|BUNDLE/.test(invite.body), invite.body);
    b.sip.reply(invite, 200, 'OK', { body: ['v=0', `o=- 3 4 IN IP4 ${host}`, 's=-', `c=IN IP4 ${host}`, 't=0 0', `m=audio ${b.rtp.port} RTP/AVP 97`, 'a=rtpmap:97 speex/32000', ''].join('\r\n') });
    const answer = await dialing;
    assert.equal(answer.status, 200);
    assert.match(answer.body, /c=IN IP6 ::1\r\n/);
    six.ack(fields);
    const way = Number(answer.body.match(/m=audio (\d+)/)[1]);
    let seq = 0;
    again = setInterval(() => socket.send(rtp(seq += 1), way, '::1'), 20);
    await b.rtp.until((packets) => packets.some((packet) => packet.payload.toString() === `odd ${packet.seq}` && packet.ssrc === 0x01020304), 5000, 'a packet as it was');
    const told = await events.waitFor((event) => event.type === 'verdict' && event.leg?.number === '102' && event.leg.verdict, 14000);
    assert.match(told.leg.verdict, /^nothing arrives: the party was told to send to 127\.0\.0\.1:/);
    const { legs } = await house.api.get(`/api/calls/${told.callId}`);
    assert.deepEqual(legs.map((leg) => leg.verdict), [null, told.leg.verdict]);
    await six.transact(six.within(fields, 'BYE'), { user: '101', password: 'pw101' });
    await events.waitFor('call_ended');
    const record = await house.recordOf(told.callId);
    assert.deepEqual(record.legs.map((leg) => leg.verdict).filter(Boolean), [told.leg.verdict]);
  } finally {
    clearInterval(again);
    socket.close();
    six.close();
    events.close();
    await stopAll(b, house);
  }
}

async function forks() {
  const trunk = await Trunk.open();
  const [one, two] = [await RtpParty.open(0), await RtpParty.open(0)];
  const house = await Router.start({
    devices: [device('101')],
    config: {
      providers: [account(trunk.port, 'fork', { register: false })],
      routing: { routes: [{ id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'pfork', mode: 'passthrough' } }] },
    },
  });
  const near = await ScriptPhone.open(house, '101');
  try {
    const dialing = near.call('+49891234', { ms: 15000 });
    const invite = await trunk.sip.expect((m) => m.method === 'INVITE', 5000, 'INVITE');
    trunk.sip.reply(invite, 183, 'Session Progress', { toTag: 'one', body: sdp(host, one.port) });
    const early = await near.sip.expect((m) => m.status === 183, 5000, '183');
    one.sendTone(mediaOf(invite.body), 700);
    near.rtp.sendTone(mediaOf(early.body), 1000);
    await Promise.all([near.rtp.more(60), one.more(30)]);
    assert.ok(snr(near.rtp.sound(10), 8000, 700) > 25);
    one.stopSending();
    trunk.sip.reply(invite, 180, 'Ringing', { toTag: 'two' });
    trunk.sip.reply(invite, 200, 'OK', { toTag: 'two', body: sdp(host, two.port) });
    const dialog = await dialing;
    assert.equal(dialog.answer.status, 200);
    assert.equal(mediaOf(dialog.answer.body).port, mediaOf(early.body).port); // ours stays, whoever answers
    two.sendTone(mediaOf(invite.body), 900);
    await two.more(30);
    const from = near.rtp.packets.length + 10;
    await near.rtp.more(70);
    assert.ok(snr(near.rtp.sound(from), 8000, 900) > 25);
    const bye = trunk.sip.expect((m) => m.method === 'BYE', 5000, 'BYE');
    const ending = near.hangup(dialog);
    trunk.sip.reply(await bye, 200, 'OK');
    await ending;
    // a CANCEL that crosses the answer: the answer is acknowledged and ended
    const mark = trunk.sip.received.length;
    const fields = { method: 'INVITE', uri: near.uri('+49895678'), body: near.offer, from: `<sip:101@${host}>;tag=late` };
    const cancelled = near.sip.transact(fields, { user: '101', password: near.password, ms: 10000 });
    const second = await trunk.sip.expect((m) => m.method === 'INVITE' && /5678/.test(m.uri), 5000, 'INVITE', mark);
    trunk.sip.reply(second, 180, 'Ringing', { toTag: 'late' });
    await near.sip.expect((m) => m.status === 180 && m.get('call-id') === fields.callId, 5000, '180');
    near.sip.sendRaw(near.sip.request({ ...fields, method: 'CANCEL', body: '', headers: [] }));
    const cancel = await trunk.sip.expect((m) => m.method === 'CANCEL', 5000, 'CANCEL', mark);
    trunk.sip.reply(second, 200, 'OK', { toTag: 'late', body: sdp(host, two.port) });
    trunk.sip.reply(cancel, 200, 'OK', { toTag: 'late' });
    assert.equal((await cancelled).status, 487);
    await trunk.sip.expect((m) => m.method === 'ACK' && /5678/.test(m.get('to')), 5000, 'ACK', mark);
    trunk.sip.reply(await trunk.sip.expect((m) => m.method === 'BYE', 5000, 'BYE', mark), 200, 'OK');
    const record = await poll(async () => (await house.api.get('/api/history')).items.find((item) => /5678/.test(item.to)), 5000, 'the record');
    assert.equal(record.reason, 'cancelled');
  } finally {
    for (const party of [one, two]) party.close();
    await stopAll(near, house, trunk);
  }
}

// ---- outside of calls: a provider that wants a login, a phone registered there, and phones of ours ----

async function atProvider(body) {
  const server = await Kamailio.start({ numbers: { '+49891234': 'far' } });
  const parties = [server];
  try {
    const house = await Router.start({
      devices: ['101', '102'].map((extension) => device(extension, { codecs: ['PCMU'] })),
      config: {
        providers: [account(server.port, 'line', { callerId: '+4930100' })],
        routing: {
          routes: [
            { id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'pline', mode: 'passthrough' } },
            { id: 'in', match: { direction: 'inbound', sourceProvider: 'pline' }, action: { targets: ['d102'], mode: 'passthrough' } },
            { id: 'through', match: { direction: 'internal', numberPattern: '555' }, action: { targets: ['d102'], mode: 'passthrough' } },
          ],
        },
      },
    });
    parties.unshift(house);
    const far = await SipEndpoint.open({ to: { address: host, port: server.port } });
    parties.unshift({ stop: async () => far.close() });
    const answer = await far.transact({ method: 'REGISTER', uri: `sip:${domain}`, from: `<sip:far@${domain}>;tag=1`, to: `<sip:far@${domain}>` },
      { user: 'far', password: passwordOf('far') });
    assert.equal(answer.status, 200);
    await until(house, 'pline', (state) => state.state === 'registered');
    await body({ house, far, parties });
  } finally {
    await stopAll(...parties);
  }
}

const routesOf = (message) => message.all('record-route').flatMap((value) => value.split(/,\s*/));

async function subscribes() {
  await atProvider(async ({ house, far, parties }) => {
    const near = await ScriptPhone.open(house, '101');
    parties.unshift(near);
    const fields = { method: 'SUBSCRIBE', uri: near.uri('+49891234'), from: `<sip:101@${host}>;tag=near`,
      headers: [['Event', 'conference'], ['Expires', '600'], ['X-Odd', 'a  b'], ['Require', 'eventlist']] };
    const asking = near.sip.transact(fields, { user: '101', password: near.password });
    const asked = await far.expect((m) => m.method === 'SUBSCRIBE', 5000, 'SUBSCRIBE');
    assert.equal(asked.get('x-odd'), 'a  b');
    assert.match(asked.get('from'), /sip:\+4930100@trunk\.example/);
    assert.equal(asked.get('authorization'), undefined);
    far.reply(asked, 200, 'OK', { headers: [['Expires', '600']] });
    const answer = await asking;
    assert.equal(answer.status, 200);
    const ends = { callId: asked.get('call-id'), from: `${asked.get('to')};tag=${far.localTag}`, to: asked.get('from') };
    const notice = (state, cseq) => far.transact({ method: 'NOTIFY', uri: uriOf(asked.get('contact')), ...ends, cseq, type: 'text/odd', body: `state ${cseq}`,
      headers: [['Event', 'conference'], ['Subscription-State', state], ...routesOf(asked).map((value) => ['Route', value])] });
    for (const [n, state] of ['active;expires=600', 'active;expires=500', 'terminated;reason=noresource'].entries()) {
      const telling = notice(state, n + 1);
      const told = await near.sip.expect((m) => m.method === 'NOTIFY' && m.body === `state ${n + 1}`, 5000, 'NOTIFY');
      assert.equal(told.get('subscription-state'), state);
      assert.equal(tagOf(told.get('to')), 'near');
      near.sip.reply(told, 200, 'OK');
      assert.equal((await telling).status, 200);
      if (n !== 1) continue; // and it is renewed, the other way
      const again = near.sip.transact(near.sip.within(fields, 'SUBSCRIBE',
        { headers: [['Event', 'conference'], ['Expires', '600'], ...routesOf(answer).reverse().map((value) => ['Route', value])] }));
      const renewed = await far.expect((m) => m.method === 'SUBSCRIBE' && m !== asked && m.get('via') !== asked.get('via'), 5000, 'renewal');
      assert.ok(Number(renewed.get('cseq').split(' ')[0]) > Number(asked.get('cseq').split(' ')[0]));
      far.reply(renewed, 200, 'OK', { headers: [['Expires', '600']] });
      assert.equal((await again).status, 200);
    }
  });
}

async function sendsMessages() {
  await atProvider(async ({ house, far, parties }) => {
    const texts = new Set();
    far.onMessage = (m) => {
      if (m.method !== 'MESSAGE') return;
      texts.add(m.body.trim());
      far.reply(m, 200, 'OK');
    };
    const sent = await Sipp.run({ scenario: 'uac_message.xml', remote: `${host}:${house.sipPort}`, service: '+49891234', csv: [csvLine('101')], calls: 100, rate: 100 });
    assert.ok(sent.ok, sent.text);
    assert.equal(texts.size, 100);
    const [a, b] = [await ScriptPhone.open(house, '101'), await phone(house, '102')];
    parties.unshift(a, b);
    const inside = await a.sip.transact({ method: 'MESSAGE', uri: a.uri('555'), type: 'text/plain', body: 'hello-through' }, { user: '101', password: a.password });
    assert.equal(inside.status, 200);
    await b.child.line(/created device 'y'/, 5000); // it sounds for a message
    const answer = await far.transact({ method: 'MESSAGE', uri: `sip:line@${domain}`, from: `<sip:far@${domain}>;tag=f`, to: `<sip:line@${domain}>`, type: 'text/plain', body: 'from-outside' },
      { user: 'far', password: passwordOf('far') });
    assert.equal(answer.status, 200);
    assert.match(answer.get('server') || '', /^siprouter/);
  });
}

// Headers and bodies of neither dialog, on requests and answers, in both directions.
async function carries() {
  await atProvider(async ({ house, far, parties }) => {
    const near = await ScriptPhone.open(house, '101');
    parties.unshift(near);
    const isup = '--odd\r\nContent-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling=required\r\n\r\n\x01 isup\r\n--odd--\r\n';
    const fields = {
      method: 'INVITE', uri: near.uri('+49891234'), from: `<sip:101@${host}>;tag=near`, type: 'multipart/mixed;boundary=odd',
      body: `--odd\r\nContent-Type: application/sdp\r\n\r\n${near.offer}\r\n${isup}`,
      headers: [['Subject', 'through'], ['User-to-User', '00ab;encoding=hex'], ['Alert-Info', '<urn:alert:source:friend>'], ['Priority', 'urgent'], ['Recv-Info', 'odd'],
        ['X-Odd', 'a  b'], ['P-Asserted-Identity', '<sip:boss@example.com>']],
    };
    const dialing = near.sip.transact(fields, { user: '101', password: near.password });
    const invite = await far.expect((m) => m.method === 'INVITE', 5000, 'INVITE');
    assert.deepEqual(['subject', 'user-to-user', 'alert-info', 'priority', 'recv-info', 'x-odd'].map((name) => invite.get(name)), fields.headers.slice(0, 6).map(([, value]) => value));
    assert.ok(!/boss@/.test(invite.get('p-asserted-identity') ?? ''));
    assert.equal(invite.get('content-type'), fields.type);
    assert.ok(invite.body.endsWith(isup), invite.body);
    assert.notEqual(mediaOf(invite.body).port, near.rtp.port);
    far.reply(invite, 183, 'Session Progress', { body: sdp(host, 9), headers: [['X-Early', 'yes']] });
    const early = await near.sip.expect((m) => m.status === 183, 5000, '183');
    assert.equal(early.get('x-early'), 'yes');
    far.reply(invite, 200, 'OK', { body: sdp(host, 9), headers: [['X-Late', 'no'], ['Recv-Info', 'pack']] });
    const answer = await dialing;
    assert.deepEqual([answer.status, answer.get('x-late'), answer.get('recv-info')], [200, 'no', 'pack']);
    near.sip.ack(fields);
    await far.expect((m) => m.method === 'ACK', 5000, 'ACK');
    const routes = routesOf(invite).map((value) => ['Route', value]);
    const ends = { uri: uriOf(invite.get('contact')), callId: invite.get('call-id'), from: `${invite.get('to')};tag=${far.localTag}`, to: invite.get('from') };
    const telling = far.transact({ method: 'INFO', ...ends, cseq: 1, type: 'application/odd', body: 'news', headers: [['Info-Package', 'odd'], ...routes] });
    const told = await near.sip.expect((m) => m.method === 'INFO', 5000, 'INFO');
    assert.deepEqual([told.get('content-type'), told.get('info-package'), told.body], ['application/odd', 'odd', 'news']);
    near.sip.reply(told, 200, 'OK', { headers: [['X-Seen', 'it']] });
    assert.equal((await telling).get('x-seen'), 'it');
    const ending = far.transact({ method: 'BYE', ...ends, cseq: 2, headers: [['Reason', 'Q.850;cause=31;text="odd"'], ['X-Bye', '1'], ...routes] });
    const bye = await near.sip.expect((m) => m.method === 'BYE', 5000, 'BYE');
    assert.deepEqual([bye.all('reason'), bye.get('x-bye')], [['Q.850;cause=31;text="odd"'], '1']);
    near.sip.reply(bye, 200, 'OK');
    assert.equal((await ending).status, 200);
  });
}

// each has a router of its own, and waits most of its time
describe('at once', { concurrency: true, ...options }, () => {
  test('over IPv6 in, over IPv4 out; who says nothing is named as an event, in REST and in the history', { skip: missing || noIp6 }, overBothFamilies);
  test('a provider that forks: early sound of one, the answer of another; a CANCEL that comes too late', forks);
  test('a subscription lives through Kamailio with the login of our account, from end to end', subscribes);
  test('headers and bodies that nobody here reads go through Kamailio and back, the description in its place', carries);
  test('messages of SIPp through Kamailio, and to baresip: from outside, and from inside', sendsMessages);
});

test('an announcement is heard before anybody rings', options, async () => {
  await scripted(async (a, b) => {
    const dialing = a.call('556', { ms: 20000 });
    const early = await a.sip.expect((m) => m.status === 183, 5000, '183');
    assert.ok(early.body.includes('m=audio'));
    a.remoteMedia = { address: host, port: Number(early.body.match(/m=audio (\d+)/)[1]) };
    await a.rtp.more(50);
    assert.ok(!b.sip.received.some((m) => m.method === 'INVITE'), 'it rings already');
    assert.ok(rms(a.rtp.sound()) > 0.01, 'nothing was said');
    await b.accept(await b.incoming(15000));
    const dialog = await dialing;
    assert.equal(dialog.answer.status, 200);
    const ending = a.hangup(dialog);
    await b.hungUp();
    await ending;
  });
});
