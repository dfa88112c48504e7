// Ten faults made for real. What the verdict says of each is the same in REST, as an event, on the command line and in
// the history. docs/troubleshooting.md has the table of all sentences.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import tls from 'node:tls';
import { Router, device, host, missing } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { Trunk, account, certificate, until } from './lib/trunk.js';
import { sdp } from './lib/sip.js';

const options = { skip: missing };
const KEY = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
const numbers = ['501', '502', '503', '504', '505', '506', '507', '508'];
const isLong = Boolean(process.env.E2E_LONG); // silence is believed after 32 s
const faultyAccounts = ['wrong', 'lost', 'blocked', 'down', 'expired', ...(isLong ? ['silent'] : [])];
let router;
let events;
let trunks;
let expired;
const silent = dgram.createSocket('udp4');

before(async () => {
  if (missing) return;
  trunks = { wrong: await Trunk.open(), down: await Trunk.open() };
  trunks.wrong.isSuspicious = true;
  trunks.down.status = 503;
  trunks.wrong.onMessage = (message) => { if (message.method === 'INVITE') trunks.wrong.sip.reply(message, 403, 'Forbidden'); };
  trunks.down.onMessage = (message) => { if (message.method === 'INVITE') trunks.down.sip.reply(message, 503, 'Service Unavailable'); };
  await new Promise((resolve) => { silent.bind(0, host, resolve); });
  const files = certificate('localhost', '20210101000000Z');
  expired = tls.createServer(files, (socket) => socket.on('error', () => {}));
  expired.on('tlsClientError', () => {});
  await new Promise((resolve) => { expired.listen(0, host, resolve); });
  const accounts = {
    wrong: account(trunks.wrong.port, 'wrong'),
    lost: { ...account(1, 'lost'), domain: 'no-such-name.invalid', outboundProxy: {} },
    blocked: account(1, 'blocked', { outboundProxy: { address: host, port: 1, transport: 'tcp' } }),
    silent: account(silent.address().port, 'silent'),
    down: account(trunks.down.port, 'down'),
    expired: account(1, 'expired', {
      outboundProxy: { address: 'localhost', port: expired.address().port, transport: 'tls' },
      quirks: { family: 'ip4' }, tlsCaFile: files.file,
    }),
  };
  router = await Router.start({
    devices: numbers.map((number) => device(number, { codecs: ['PCMU'] })),
    config: { features: { '*43': 'echo' } },
  });
  events = await router.api.events();
  router.config.providers = faultyAccounts.map((name) => accounts[name]); // now that somebody listens
  router.config.routing = {
    routes: faultyAccounts.map((name, n) => ({
      id: name, match: { direction: 'outbound', numberPattern: `+4930${n}*` }, action: { provider: `p${name}` },
    })),
  };
  router.writeConfig();
  await router.api.post('/api/reload');
});
after(async () => {
  silent.close();
  expired?.close();
  await stopAll(router, ...Object.values(trunks ?? {}));
});

const legOf = (call, number) => call?.legs.find((leg) => leg.number === number);

async function verdictEvent(number, pattern) {
  const event = await events.waitFor((one) => one.type === 'verdict' && one.leg.number === number && pattern.test(one.leg.verdict ?? ''), 14000);
  return { callId: event.callId, verdict: event.leg.verdict };
}

async function isInHistory(callId, number, verdict) {
  const record = await router.recordOf(callId);
  assert.equal(legOf(record, number).verdict, verdict);
  const shown = await router.cli('history');
  const line = shown.stdout.split('\n').find((one) => one.includes(callId));
  assert.ok(line?.includes(verdict), `"${verdict}" in ${shown.stdout}${shown.stderr}`);
  return record;
}

/** The sentence about `number` as an event; the same in REST and CLI while the call lives. */
async function isToldLive(number, pattern) {
  const { callId, verdict } = await verdictEvent(number, pattern);
  assert.equal(legOf((await router.api.get(`/api/calls/${callId}`)), number).verdict, verdict);
  const shown = await router.cli('calls');
  const line = shown.stdout.split('\n').find((one) => one.includes(callId));
  assert.ok(line?.includes(`${number}: ${verdict}`), `"${verdict}" in ${shown.stdout}${shown.stderr}`);
  return { callId, verdict };
}

const secured = (port) => sdp(host, port, { more: [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`] }).replace('RTP/AVP', 'RTP/SAVP');

// each talks to the echo; all at once: a verdict needs some 5 s
const ofAudio = [
  { name: 'wrong address in the SDP', number: '501', body: (phone) => sdp('127.0.0.9', phone.rtp.port), says: /^nothing arrives: the party's SDP names 127\.0\.0\.9 but it signals from 127\.0\.0\.1; .*a wrong address in its SDP/ },
  { name: 'blocked port (audio)', number: '502', says: /^nothing arrives: the party was told to send to 127\.0\.0\.1:\d+: a firewall on the way/ },
  { name: 'SRTP key mismatch', number: '503', body: (phone) => secured(phone.rtp.port), begin: (phone) => phone.sendTone(400), says: /^the packets arrive but cannot be decrypted: the keys differ$/ },
  { name: 'muted microphone', number: '504', begin: (phone) => phone.rtp.sendTone(phone.remoteMedia, 400, 0), says: /^packets arrive, all of them silence: the microphone is muted/ },
  {
    name: 'codec mismatch', number: '505',
    begin: (phone) => setInterval(() => phone.rtp.sendPacket(phone.remoteMedia, Buffer.alloc(20), { payloadType: 18 }), 20),
    says: /^packets arrive with payload type 18 \(G\.729\), which was not agreed/,
  },
  {
    name: 'one-way NAT', number: '506',
    begin: async (phone) => {
      phone.sendTone(400);
      await phone.rtp.more(10);
      return phone.reportLoss();
    },
    says: /^one way: the party is heard, but its RTCP reports the loss of everything sent to it at .*: a firewall or NAT before it$/,
  },
];

test('faults of audio', { ...options, concurrency: true }, async (t) => {
  await Promise.all(ofAudio.map(({ name, number, body, begin, says }) => t.test(name, async () => {
    const phone = await ScriptPhone.open(router, number);
    let timer;
    try {
      const dialog = await phone.call('*43', body ? { body: body(phone) } : {});
      assert.equal(dialog.answer.status, 200, dialog.answer.start);
      timer = await begin?.(phone);
      const { callId, verdict } = await isToldLive(number, says);
      await phone.hangup(dialog);
      await isInHistory(callId, number, verdict);
    } finally {
      clearInterval(timer);
      await stopAll(phone);
    }
  })));
});

test('codec mismatch: a call that cannot be says what was offered and what is allowed', options, async () => {
  const [phone, other] = await Promise.all(['507', '508'].map((number) => ScriptPhone.open(router, number)));
  try {
    const offer = phone.offer.replace(/m=audio (\d+) RTP\/AVP.*\r\n/, 'm=audio $1 RTP/AVP 18\r\n').replace(/a=rtpmap:.*\r\n/g, '').replace(/a=fmtp:.*\r\n/g, '');
    const refused = phone.call('508', { body: offer });
    const told = await verdictEvent('507', /^no codec in common/);
    assert.equal((await refused).answer.status, 488);
    assert.equal(told.verdict, 'no codec in common: the party offers G729; allowed for it here: PCMU');
    assert.equal((await isInHistory(told.callId, '507', told.verdict)).reason, 'no_codec');
    const second = phone.call('508');
    other.sip.onMessage = (message) => { // asked once more, with encryption
      if (message.method === 'INVITE') other.sip.reply(message, 488, 'Not Acceptable Here');
    };
    const branch = await verdictEvent('508', /^the party refuses/);
    assert.equal((await second).answer.status, 488);
    assert.equal(branch.verdict, 'the party refuses what was offered to it: PCMU');
    await isInHistory(branch.callId, '508', branch.verdict);
  } finally {
    await stopAll(phone, other);
  }
});

const ofProviders = [
  { name: 'wrong password', id: 'wrong', fault: 'wrong_password', says: /refuses the login of "wrong": user name or password/ },
  { name: 'DNS failure', id: 'lost', fault: 'dns_failure', says: /^The name no-such-name\.invalid cannot be resolved/ },
  { name: 'blocked port, refused', id: 'blocked', fault: 'connection_refused', says: /refuses the connection: nothing listens there, or a firewall says no\.$/ },
  ...(isLong ? [{ name: 'blocked port, silent', id: 'silent', fault: 'no_answer', says: /does not answer: it is down, the address is wrong, or something on the way blocks the port\.$/ }] : []),
  { name: 'provider down', id: 'down', fault: 'provider_down', says: /answers 503 .*: the provider is down or overloaded\.$/ },
  { name: 'certificate expired', id: 'expired', fault: 'certificate_expired', says: /^The certificate of localhost has expired\.$/ },
];

test('faults of providers', { ...options, concurrency: true }, async (t) => {
  const phone = await ScriptPhone.open(router, '507');
  const callers = [];
  try {
    await Promise.all(ofProviders.map(({ name, id, fault, says }, n) => t.test(name, async () => {
      const event = await events.waitFor((one) => one.type === 'provider_failed' && one.providerId === `p${id}`, 40000);
      assert.equal(event.fault, fault);
      assert.match(event.why, says);
      const state = await until(router, `p${id}`, (one) => one.state === 'failed');
      assert.equal(state.fault, fault);
      assert.equal(state.verdict, event.why);
      const shown = await router.cli('providers');
      assert.ok(shown.stdout.split('\n').some((line) => line.includes(`p${id}`) && line.includes(event.why)), shown.stdout);
      const caller = await ScriptPhone.open(router, numbers[n]);
      callers.push(caller);
      const number = `+4930${faultyAccounts.indexOf(id)}1234`;
      const { answer } = await caller.call(number, { ms: 40000 });
      assert.ok(answer.status >= 400, answer.start);
      const told = await verdictEvent(number, says);
      await isInHistory(told.callId, number, told.verdict);
    })));
  } finally {
    await stopAll(phone, ...callers);
  }
});
