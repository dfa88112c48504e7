// The harness itself: its measures and its peers, without the program.
import test from 'node:test';
import assert from 'node:assert/strict';
import * as audio from './lib/audio.js';
import { Baresip } from './lib/baresip.js';
import { Impair } from './lib/impair.js';
import { RtpParty } from './lib/rtp.js';
import { Sipp } from './lib/sipp.js';
import { csvLine } from './lib/phones.js';
import { SipEndpoint, credentials, digestParams, parse, sdp, mediaOf } from './lib/sip.js';

test('SNR, level and delay are what was put in', () => {
  const clean = audio.tone(1000, 2, 8000, 0.5);
  const noisy = clean.map((value) => value + (Math.random() - 0.5) * 0.1); // 0.354 rms against 0.0289 rms
  assert.ok(audio.snr(clean, 8000, 1000) > 80);
  assert.ok(Math.abs(audio.snr(noisy, 8000, 1000) - 21.8) < 1);
  assert.ok(Math.abs(audio.level(clean, 8000, 1000) - 0.5) < 0.001);
  assert.ok(audio.level(clean, 8000, 1300) < 0.01);
  assert.ok(audio.snr(audio.ulawDecode(audio.ulawEncode(audio.tone(1004, 2, 8000))), 8000, 1004) > 30);
  const burst = new Float64Array(8000);
  burst.set(audio.tone(1000, 0.2, 8000), 1000);
  const late = new Float64Array(8000);
  late.set(audio.tone(1000, 0.2, 8000), 1800);
  assert.ok(Math.abs(audio.delay(burst, late, 8000) - 0.1) < 0.005);
  assert.ok(audio.energySteps(clean, 8000) < 1);
  assert.ok(audio.energySteps(burst, 8000) > 20);
});

test('several tones at once, and how far speech is from what was said', () => {
  const [a, b] = [600, 1500].map((hz) => audio.tone(hz, 1, 8000, 0.2));
  const both = a.map((value, i) => value + b[i]);
  const noisy = both.map((value) => value + (Math.random() - 0.5) * 0.1); // 0.2 rms against 0.0289 rms
  assert.ok(audio.snrMixed(both, 8000, [600, 1500]) > 60);
  assert.ok(Math.abs(audio.snrMixed(noisy, 8000, [600, 1500]) - 16.8) < 1);
  assert.ok(audio.snrMixed(both, 8000, [600]) < 1);
  // syllables: tones that change each 80 ms, with gaps
  const words = new Float64Array(32000);
  for (let i = 0; i < 25; i += 1) words.set(audio.tone(200 + ((i * 7) % 25) * 120, i % 5 ? 0.08 : 0.04, 16000), i * 1280);
  const late = new Float64Array([...words.slice(5120), ...words.slice(0, 5120)]);
  const holes = words.map((value, i) => (Math.floor(i / 320) % 4 ? value : 0));
  const [same, torn, other] = [late, holes, words.slice().reverse()].map((heard) => audio.spectralDistance(words, heard));
  assert.ok(same < torn - 0.3 && torn < other - 0.3, `${same} ${torn} ${other} dB`);
  assert.ok(Math.abs(audio.level(audio.resample(audio.tone(400, 1, 48000), 48000, 16000), 16000, 400) - 0.3) < 0.01);
});

test('digest credentials follow the example of RFC 2617 3.5', () => {
  const value = credentials('Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    { method: 'GET', uri: '/dir/index.html', user: 'Mufasa', password: 'Circle Of Life', cnonce: '0a4f113b' });
  assert.match(value, /response="6629fae49393a05397450978507c4ef1"/);
});

test('messages and media descriptions are read', () => {
  const message = parse(Buffer.from('SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=1\r\nTo: <sip:b@c>;tag=5\r\n\r\nbody'));
  assert.equal(message.status, 200);
  assert.equal(message.get('via'), 'SIP/2.0/UDP a;branch=1');
  assert.equal(message.body, 'body');
  assert.deepEqual(mediaOf(sdp('127.0.0.1', 4000)), { port: 4000, address: '127.0.0.1', payloads: [0, 101] });
});

test('RTP faults are seen', async () => {
  const a = await RtpParty.open(0);
  const b = await RtpParty.open(0);
  a.sendTone(b, 1000);
  await b.more(30);
  const faults = () => b.faults(0, { slackMs: 500 }); // whatever this process had to wait until now
  assert.deepEqual(faults(), []);
  a.seq += 5;
  await b.more(10);
  a.ssrc += 1;
  await b.more(10);
  assert.equal(faults().length, 2);
  a.ts += 16000;
  await b.more(60);
  assert.match(faults().slice(2).join(), /^packets \d+ to \d+: time moved (1[0-9]|2[0-9])\d\d ms against the clock/);
  assert.ok(audio.snr(b.sound(), 8000, 1000) > 30);
  a.ts = (a.ts + 8000) >>> 0;
  await b.more(110);
  assert.match(faults().at(-1), /against the clock/);
  a.close();
  b.close();
});

test('two phones talk and each hears the other', async () => {
  const bob = await Baresip.start({ user: 'bob', server: '127.0.0.1:1', codecs: 'PCMU', hz: 800 });
  const alice = await Baresip.start({ user: 'alice', server: '127.0.0.1:1', codecs: 'PCMU', hz: 1000 });
  try {
    await alice.dial(`sip:bob@127.0.0.1:${bob.sipPort}`);
    await alice.event('CALL_ESTABLISHED');
    await Promise.all([alice.hear(1.5), bob.hear(1.5)]);
    await alice.hangup();
    await bob.event('CALL_CLOSED');
    const heard = bob.heard();
    assert.ok(audio.snr(heard.samples, heard.rate, 1000) > 30);
  } finally {
    await Promise.all([alice.stop(), bob.stop()]);
  }
});

test('SIPp calls SIPp through a network that loses a fifth', async () => {
  const uas = await Sipp.start({ scenario: 'uas', calls: 20, timeoutSec: 30 });
  const impair = await Impair.start(`127.0.0.1:${uas.port}`, { loss: 0.2, seed: 5, proto: 'udp' });
  const uac = await Sipp.run({ scenario: 'uac', remote: impair.address, calls: 20, timeoutSec: 30, args: ['-d', '10'] });
  const counters = await impair.stop();
  await uas.stop();
  assert.ok(counters.lost > 10, JSON.stringify(counters));
  assert.ok(uac.successful >= 18, uac.text);
  assert.ok(uac.retransmissions > 0, uac.text);
});

test('the scenario of a calling phone answers a challenge and keeps its dialog', async () => {
  const server = await SipEndpoint.open({ to: { address: '127.0.0.1', port: 9 } });
  const challenge = 'Digest realm="siprouter", nonce="abc", qop="auth", algorithm=MD5';
  const seen = [];
  server.onMessage = (m) => {
    const sent = m.get('authorization');
    if (m.method === 'INVITE' && !sent) server.reply(m, 401, 'Unauthorized', { headers: [['WWW-Authenticate', challenge]] });
    else if (m.method === 'INVITE') {
      const p = digestParams(sent);
      const right = credentials(challenge, { method: 'INVITE', uri: p.uri, user: '101', password: 'pw101', nc: parseInt(p.nc, 16), cnonce: p.cnonce });
      if (digestParams(right).response === p.response) server.reply(m, 200, 'OK', { body: sdp('127.0.0.1', 9) });
      else server.reply(m, 403, 'Forbidden');
    } else if (m.method === 'BYE') server.reply(m, 200, 'OK');
    seen.push(m);
  };
  const result = await Sipp.run({
    scenario: 'uac_auth.xml', remote: server.hostPort, service: '104', csv: [csvLine('101')], calls: 5, args: ['-d', '20'],
  });
  server.close();
  assert.equal(result.successful, 5, result.text);
  assert.equal(new Set(seen.filter((m) => m.method === 'BYE').map((m) => m.get('call-id'))).size, 5);
});

test('a phone registers, also when the answer comes at once', async () => {
  const server = await SipEndpoint.open({ to: { address: '127.0.0.1', port: 9 } });
  server.onMessage = (m) => {
    if (m.get('authorization')) server.reply(m, 200, 'OK', { headers: [['Expires', '600']] });
    else server.reply(m, 401, 'Unauthorized', { headers: [['WWW-Authenticate', 'Digest realm="r", nonce="n", qop="auth"']] });
  };
  const phone = await Baresip.registered({ user: '101', password: 'pw101', server: server.hostPort });
  assert.match(server.received.find((m) => m.get('authorization')).get('authorization'), /username="101"/);
  await phone.stop();
  server.close();
});

for (const [scenario, status] of [['uac_auth_404.xml', 404], ['uac_auth_480.xml', 480], ['uac_auth_486.xml', 486]]) {
  test(`the scenario that expects ${status} accepts it and nothing else`, async () => {
    for (const [answer, good] of [[status, 1], [603, 0]]) {
      const server = await SipEndpoint.open({ to: { address: '127.0.0.1', port: 9 } });
      server.onMessage = (m) => {
        if (m.method !== 'INVITE') return;
        if (!m.get('authorization')) server.reply(m, 401, 'Unauthorized', { headers: [['WWW-Authenticate', 'Digest realm="r", nonce="n"']] });
        else server.reply(m, answer, 'No');
      };
      const result = await Sipp.run({ scenario, remote: server.hostPort, service: '1', csv: [csvLine('101')], timeoutSec: 8 });
      server.close();
      assert.equal(result.successful, good, result.text);
    }
  });
}

test('the scenarios of called phones answer and refuse', async () => {
  for (const [scenario, successful] of [['uas_answer.xml', 5], ['uas_busy.xml', 0]]) {
    const uas = await Sipp.start({ scenario, calls: 5 });
    const uac = await Sipp.run({ scenario: 'uac', remote: `127.0.0.1:${uas.port}`, calls: 5, args: ['-d', '10'] });
    assert.equal(uac.successful, successful, uac.text);
    const result = await uas.result();
    assert.equal(result.successful, 5, result.text);
  }
});
