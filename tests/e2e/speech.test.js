// What parties hear of files and spoken texts, by the samples; where playing ends; who may play what.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Router, bin, cli, device, host, missing, poll } from './lib/router.js';
import { dB, energySteps, level, readWav, resample, rms, snr, spectralDistance, tone, tonesHeard, writeWav } from './lib/audio.js';
import { ScriptPhone, phone, stopAll } from './lib/phones.js';
import { tempDir } from './lib/process.js';

const mute = missing || (spawnSync(bin, ['say', 'a', '-o', '-']).status !== 0 && 'built without a voice');
const config = {
  voiceboxes: [{ id: 'main', extension: '500' }],
  features: { '*600': 'clock', '*43': 'echo' },
};
let router;

before(async () => {
  if (missing) return;
  router = await Router.start({ devices: ['101', '102'].map((extension) => device(extension, { codecs: ['PCMU'] })), config });
  mkdirSync(join(router.data, 'sounds'), { recursive: true });
});
after(() => router?.stop());

/** Two parties in a call, each sending its tone; gives what is needed, and hangs up afterwards. */
async function inCall(run) {
  const [a, b] = await Promise.all(['101', '102'].map((extension) => ScriptPhone.open(router, extension)));
  try {
    const events = await router.api.events();
    const accepted = (async () => { const invite = await b.incoming(); b.ring(invite); await b.accept(invite); })();
    const dialog = await a.call('102');
    await accepted;
    const { callId } = await events.waitFor('call_answered');
    a.sendTone(700);
    b.sendTone(1100);
    await Promise.all([a.rtp.more(30), b.rtp.more(30)]);
    await run({ a, b, events, callId, path: `/api/calls/${callId}`, leg: async (id) => (await router.api.get(`/api/calls/${callId}`)).legs.find((one) => one.deviceId === id).legId });
    assert.deepEqual(a.rtp.faults(), []);
    assert.deepEqual(b.rtp.faults(), []);
    await a.hangup(dialog);
    await b.hungUp();
    events.close();
  } finally {
    await stopAll(a, b);
  }
}

/** Where `part` lies in `whole` (same rate), and how alike they are there: {at, likeness 0..1}. */
function find(whole, part, step = 1) {
  let best = { at: 0, likeness: 0 };
  const energy = (x, from, n) => { let sum = 0; for (let i = 0; i < n; i += 1) sum += x[from + i] ** 2; return sum; };
  const partEnergy = energy(part, 0, part.length);
  for (let at = 0; at + part.length <= whole.length; at += step) {
    let sum = 0;
    for (let i = 0; i < part.length; i += 1) sum += whole[at + i] * part[i];
    const likeness = sum / Math.sqrt(partEnergy * energy(whole, at, part.length) + 1e-12);
    if (likeness > best.likeness) best = { at, likeness };
  }
  return best;
}

/** A sound that is nowhere like itself: noise through a gentle filter. */
function noise(seconds, rate) {
  let seed = 7;
  let last = 0;
  return Float64Array.from({ length: Math.round(seconds * rate) }, () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    last = 0.6 * last + 0.25 * (seed / 1073741824 - 1);
    return last;
  });
}

test('a file for one leg arrives sample by sample; the other goes on hearing the first', { skip: missing }, async () => {
  const sound = noise(2, 8000);
  writeWav(join(router.data, 'sounds/noise.wav'), sound, 8000);
  await inCall(async ({ a, b, events, path, leg }) => {
    const [from, bFrom] = [a.rtp.packets.length, b.rtp.packets.length];
    const { playId } = await router.api.post(`${path}/play`, { file: 'sounds/noise.wav', legs: [await leg('d101')] });
    await events.waitFor((event) => event.type === 'play_started' && event.playId === playId);
    const finished = await events.waitFor((event) => event.type === 'play_finished' && event.playId === playId);
    assert.equal(finished.end, 'done');
    assert.equal(finished.playedMs, 2000);
    await a.rtp.more(50);
    const heard = a.rtp.sound(from);
    const hit = find(heard, sound.subarray(4000, 6000));
    assert.ok(hit.likeness > 0.99, `likeness ${hit.likeness}`);
    const whole = heard.subarray(hit.at - 4000 + 80, hit.at + 12000 - 80); // but for the ramps
    const error = whole.map((value, i) => value - sound[i + 80]);
    const ratio = dB(rms(whole)) - dB(rms(error));
    assert.ok(ratio > 30, `SNR ${ratio.toFixed(1)} dB`); // u-law's own
    assert.ok(dB(level(whole, 8000, 1100)) < -35); // the other party is not among it
    const other = tonesHeard(b.rtp.sound(bFrom), 8000, [700, 1100]);
    assert.ok(other[700] > -15 && dB(rms(b.rtp.sound(bFrom))) < -10, JSON.stringify(other));
    assert.ok(find(b.rtp.sound(bFrom), sound.subarray(4000, 5000), 4).likeness < 0.3);
    const last = a.rtp.sound(a.rtp.packets.length - 25);
    assert.ok(snr(last, 8000, 1100) > 25, 'the other party is back');
  });
});

test('a file for all is heard under both voices; loops; stops without a click', { skip: missing }, async () => {
  writeWav(join(router.data, 'sounds/tone.wav'), tone(440, 1, 44100), 44100);
  await inCall(async ({ a, b, events, path }) => {
    const { playId } = await router.api.post(`${path}/play`, { file: 'sounds/tone.wav', loop: true });
    await Promise.all([a.rtp.more(100), b.rtp.more(100)]);
    for (const [party, others] of [[a, 1100], [b, 700]]) {
      const heard = tonesHeard(party.rtp.sound(party.rtp.packets.length - 50), 8000, [440, 700, 1100]);
      assert.ok(heard[440] > -15 && heard[others] > -15, JSON.stringify(heard));
      assert.ok(heard[others === 700 ? 1100 : 700] < -40, JSON.stringify(heard));
    }
    const call = await router.api.get(path);
    assert.equal(call.legs.length, 3);
    assert.equal(call.legs.filter((leg) => leg.kind === 'media').length, 1);
    const from = a.rtp.packets.length;
    assert.equal((await router.api.request('DELETE', `${path}/play/${playId}`)).status, 204);
    const finished = await events.waitFor((event) => event.type === 'play_finished' && event.playId === playId);
    assert.equal(finished.end, 'stopped');
    await a.rtp.more(50);
    const after = a.rtp.sound(from);
    assert.ok(dB(level(after.subarray(after.length - 4000), 8000, 440)) < -45);
    assert.ok(energySteps(after, 8000) < 12, `step ${energySteps(after, 8000)}`);
    assert.equal((await router.api.get(path)).legs.length, 2);
    assert.equal((await router.api.request('DELETE', `${path}/play/${playId}`)).status, 404);
  });
});

test('a long file is fed while it plays', { skip: missing }, async () => {
  writeWav(join(router.data, 'sounds/long.wav'), tone(440, 70, 16000), 16000);
  await inCall(async ({ a, events, path, leg }) => {
    const began = Date.now();
    await router.api.post(`${path}/play`, { file: 'sounds/long.wav', legs: [await leg('d101')] });
    await a.rtp.more(200);
    assert.ok(snr(a.rtp.sound(a.rtp.packets.length - 150), 8000, 440) > 30);
    await router.api.delete(`${path}/play`);
    const { end, playedMs } = await events.waitFor('play_finished');
    assert.equal(end, 'stopped');
    assert.ok(playedMs > 3500 && playedMs <= Date.now() - began, `${playedMs}`);
    assert.doesNotMatch(router.log, /sound_starved/);
  });
});

test('only what lies below the data folder is played, and what fails says so', { skip: missing }, async () => {
  writeWav(join(router.dir, 'outside.wav'), tone(440, 1, 8000), 8000);
  writeFileSync(join(router.data, 'sounds/text.wav'), 'no sound');
  symlinkSync('../../outside.wav', join(router.data, 'sounds/link.wav'));
  await inCall(async ({ events, path }) => {
    for (const file of ['sounds/link.wav', 'sounds/text.wav', 'sounds/none.wav', 'sounds', 'run/api.json', 'siprouter.db']) {
      const { playId } = await router.api.post(`${path}/play`, { file });
      const { end } = await events.waitFor((event) => event.type === 'play_finished' && event.playId === playId);
      assert.equal(end, 'failed', file);
    }
    const refused = async (status, body) => assert.equal((await router.api.request('POST', `${path}/play`, body)).status, status, JSON.stringify(body));
    for (const file of ['../outside.wav', 'sounds/../../outside.wav', join(router.dir, 'outside.wav')]) await refused(422, { file });
    await refused(422, {});
    await refused(422, { text: 'a', file: 'b' });
    await refused(422, { text: 'a', voice: 'bob' });
    await refused(422, { text: 'a'.repeat(1001) });
    await refused(422, { file: 'sounds/tone.wav', legs: 'all' });
    await refused(422, { file: 'sounds/tone.wav', legs: Array(17).fill('x') });
    await refused(404, { file: 'sounds/tone.wav', legs: ['nobody'] });
    assert.equal((await router.api.request('POST', '/api/calls/nothing/play', { text: 'a' })).status, 404);
  });
});

/** Words in a sound, by a recogniser; null where none is installed. */
function recognise(samples, rate) {
  const path = join(tempDir('words'), 'heard.wav');
  const out = new Float64Array(Math.floor((samples.length * 16000) / rate));
  for (let i = 0; i < out.length; i += 1) {
    const at = (i * rate) / 16000;
    const k = Math.floor(at);
    out[i] = samples[k] + (at - k) * ((samples[k + 1] ?? samples[k]) - samples[k]);
  }
  writeWav(path, out, 16000);
  const result = spawnSync('pocketsphinx_continuous', ['-infile', path, '-logfn', '/dev/null'], { encoding: 'utf8' });
  return result.error ? null : result.stdout.toLowerCase();
}

test('who dials a voicemail box hears that there is none, in words, and the call ends', { skip: mute }, async () => {
  const caller = await phone(router, '101', { codecs: 'PCMU' });
  try {
    const events = await router.api.events();
    await caller.dial('500');
    const ended = await events.waitFor('call_ended', 15000);
    assert.equal(ended.reason, 'not_built');
    await caller.event('CALL_CLOSED');
    const { samples, rate } = caller.heard();
    const spoken = readWav(join(router.data, 'prompts', readdirSync(join(router.data, 'prompts'))[0]));
    assert.ok(samples.length / rate > 0.8 * (spoken.samples.length / spoken.rate), 'heard to its end');
    const words = recognise(samples, rate);
    if (words !== null) assert.match(words, /not available/);
    assert.equal((await router.recordOf(ended.callId)).reason, 'not_built');
    events.close();
  } finally {
    await stopAll(caller);
  }
});

/** "It is twelve oh five P M." */
function clockWords(date) {
  const small = ['', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve', 'thirteen', 'fourteen',
    'fifteen', 'sixteen', 'seventeen', 'eighteen', 'nineteen'];
  const number = (n) => (n < 20 ? small[n] : `${['twenty', 'thirty', 'forty', 'fifty'][Math.floor(n / 10) - 2]} ${small[n % 10]}`.trim());
  const [hour, minute] = [date.getHours(), date.getMinutes()];
  const rest = minute === 0 ? "o'clock" : `${minute < 10 ? 'oh ' : ''}${number(minute)}`;
  return `It is ${number(hour % 12 || 12)} ${rest} ${hour < 12 ? 'A M' : 'P M'}.`;
}

test('the clock tells the time of this machine', { skip: mute }, async () => {
  const caller = await ScriptPhone.open(router, '102');
  try {
    const asked = Date.now();
    const dialog = await caller.call('*600');
    assert.equal(dialog.answer.status, 200);
    await caller.hungUp(15000);
    assert.ok(dB(rms(caller.rtp.sound())) > -35);
    const heard = resample(caller.rtp.sound(), 8000, 16000);
    const distance = async (at) => {
      const file = join(tempDir('clock'), 'said.wav');
      const said = await cli(['say', clockWords(new Date(at)), '-o', file]);
      assert.equal(said.code, 0, said.stderr);
      return spectralDistance(readWav(file).samples, heard);
    };
    const right = Math.min(await distance(asked), await distance(Date.now())); // the minute may have turned
    const wrong = await distance(asked + (5 * 60 + 17) * 60000);
    assert.ok(right < 2 && right < wrong / 2, `${right} dB from the right words, ${wrong} dB from others`);
  } finally {
    await stopAll(caller);
  }
});

test('POST /api/speech gives a WAV file and bounds who asks', { skip: mute }, async () => {
  const ask = (body) => fetch(`http://${host}:${router.webPort}/api/speech`, {
    method: 'POST', body: JSON.stringify(body), headers: { authorization: `Bearer ${router.token}`, 'content-type': 'application/json' } });
  const answer = await ask({ text: 'one two three', voice: 'kal16' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'audio/wav');
  const file = join(tempDir('speech'), 'said.wav');
  writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
  const { samples, rate } = readWav(file);
  assert.equal(rate, 16000);
  assert.ok(samples.length > 8000 && dB(rms(samples)) > -35);
  const offline = join(tempDir('say'), 'said.wav');
  const said = await cli(['say', 'one two three', '--voice', 'kal16', '-o', offline]);
  assert.equal(said.code, 0, said.stderr);
  assert.deepEqual(readFileSync(offline), readFileSync(file)); // the same voice, bit by bit
  assert.equal((await ask({ text: '' })).status, 422);
  assert.equal((await ask({ text: 'a', voice: 'bob' })).status, 422);
  assert.equal((await ask({ text: '...' })).status, 422);
  const many = await Promise.all(Array.from({ length: 60 }, () => ask({ text: 'one two three', voice: 'kal16' })));
  const statuses = new Set(many.map((one) => one.status));
  assert.deepEqual([...statuses].sort(), [200, 429]);
  assert.equal(many.find((one) => one.status === 429).headers.get('retry-after'), '1');
});

test('siprouter say says what is wrong', { skip: mute }, async () => {
  assert.equal((await cli(['say', 'hello'])).code, 2);
  assert.equal((await cli(['say'])).code, 2);
  assert.equal((await cli(['say', 'hello', '-o', '/nowhere/a.wav'])).code, 1);
  const unknown = await cli(['say', 'hello', '-o', 'a.wav', '--voice', 'bob']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /slt, rms, kal16/);
});

test('a held party hears the file of musicOnHold, and another one after a reload', { skip: missing }, async () => {
  writeWav(join(router.data, 'sounds/music.wav'), tone(440, 2, 16000), 16000);
  writeWav(join(router.data, 'sounds/other.wav'), tone(1700, 2, 16000), 16000);
  const use = async (file) => {
    router.config.musicOnHold = { file };
    router.writeConfig();
    await router.api.post('/api/reload');
  };
  await use('sounds/music.wav');
  await inCall(async ({ a, path, leg }) => {
    const hears = (hz) => poll(() => {
      const sound = a.rtp.sound(Math.max(0, a.rtp.packets.length - 20));
      return dB(level(sound, 8000, hz)) > -15 && snr(sound, 8000, hz) > 15;
    }, 6000, `${hz} Hz as music`);
    await router.api.patch(`${path}/legs/${await leg('d101')}`, { held: true });
    await hears(440);
    await use('sounds/other.wav');
    await hears(1700);
    await use('sounds/none.wav'); // the melody comes back, and the log says why
    await router.child.line(/no_music_file/);
    await router.api.patch(`${path}/legs/${await leg('d101')}`, { held: false });
  });
  await use('');
});
