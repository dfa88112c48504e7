// Phones that speak, hold, transfer and type; and who hears whom, by tones: each party sends one, the hub's music is one too.
import { join } from 'node:path';
import { readdirSync, statSync } from 'node:fs';
import { dB, level, readWav, rms, tone, writeWav } from './audio.js';
import { ScriptPhone, phone, stopAll } from './phones.js';
import { PATIENCE_MS, tempDir } from './process.js';
import { host, poll } from './router.js';
import { sdp, token, uriOf } from './sip.js';

export const music = 3000; // of musicFile()
export const ringback = 425; // where no country is set
export const voices = [700, 1100, 1700, 2300];
const all = [...voices, music, ringback];
const LOUD = -25; // parties speak at -10.5 dBFS
const QUIET = -45;
const WINDOW_SEC = 0.4;
const allow = ['Allow', 'INVITE, ACK, BYE, CANCEL, UPDATE, NOTIFY, REFER'];

/** For `musicOnHold.file`: what the hub plays is known by its tone. */
export function musicFile() {
  const path = join(tempDir('music'), 'music.wav');
  writeWav(path, tone(music, 2, 8000, 0.2), 8000);
  return path;
}

/* ---- ears ---- */

/** The sound file of a baresip that grows now: it may have had other calls. */
function newestFile(phone) {
  const paths = readdirSync(phone.dir).filter((name) => name.endsWith('-dec.wav')).map((name) => join(phone.dir, name));
  return paths.map((path) => ({ path, at: statSync(path).mtimeMs })).sort((a, b) => b.at - a.at)[0]?.path;
}

/** What a party has heard since this was called, as a function: {samples, rate}. */
function listen(party) {
  if (party.rtp) {
    const from = party.rtp.packets.length;
    return () => ({ samples: party.rtp.sound(Math.max(from, party.rtp.packets.length - 30)), rate: 8000 });
  }
  const began = Date.now();
  const sizes = new Map();
  return () => {
    const path = newestFile(party);
    if (!path || statSync(path).mtimeMs < began) return { samples: new Float64Array(0), rate: 8000 };
    const { samples, rate } = readWav(path);
    if (!sizes.has(path)) sizes.set(path, samples.length);
    return { samples: samples.subarray(sizes.get(path)), rate };
  };
}

/** Hann: a tone does not leak into its neighbours. */
function windowed(samples) {
  return samples.map((sample, i) => sample * (1 - Math.cos((2 * Math.PI * i) / samples.length)));
}

const hzOf = (one) => (typeof one === 'number' ? one : one.hz);

/**
 * Waits until the last 400 ms of what a party hears have exactly these parties (or tones, in Hz) in them, and no other;
 * with nobody to be heard: until they are silent.
 */
export async function hears(party, expected, ms = PATIENCE_MS) {
  const wanted = expected.map(hzOf);
  const asked = [...new Set([...all, ...wanted])];
  const heard = listen(party);
  let levels;
  await poll(() => {
    const { samples, rate } = heard();
    const size = WINDOW_SEC * rate;
    if (samples.length < size) return false;
    const last = windowed(samples.subarray(samples.length - size));
    levels = Object.fromEntries(asked.map((hz) => [hz, Math.round(dB(level(last, rate, hz)))]));
    if (wanted.length === 0 && dB(rms(last)) > QUIET) return false;
    return asked.every((hz) => (wanted.includes(hz) ? levels[hz] > LOUD : levels[hz] < QUIET));
  }, ms, `${party.extension} hears ${wanted}`).catch((error) => {
    error.message += `; hears ${JSON.stringify(levels)}`;
    throw error;
  });
}

/** Two or more hear exactly each other. */
export const together = (...parties) => Promise.all(parties.map((one) => hears(one, parties.filter((other) => other !== one))));

/** Half a second comes in which the other party hears and this one gets nothing at all; what was on its way comes before. */
export async function getsNothing(party, meanwhile) {
  let came;
  for (const end = Date.now() + PATIENCE_MS; came !== 0;) {
    const from = party.rtp.packets.length;
    await meanwhile.rtp.more(25);
    came = party.rtp.packets.length - from;
    if (came > 0 && Date.now() > end) throw new Error(`${party.extension} still gets ${came} packets`);
  }
}

/* ---- phones ---- */

/** A scripted phone with a voice, that answers NOTIFY, UPDATE and BYE by itself. */
export async function speaker(router, extension, hz, options) {
  const party = await ScriptPhone.open(router, extension, options);
  party.hz = hz;
  party.sip.onMessage = (m) => {
    if (['NOTIFY', 'UPDATE', 'BYE'].includes(m.method)) party.sip.reply(m, 200, 'OK', { headers: [allow] });
  };
  return party;
}

/** As many as there are extensions, each with a voice of its own; all are ended behind the body. */
export async function withSpeakers(router, extensions, body) {
  const parties = await Promise.all(extensions.map((extension, i) => speaker(router, extension, voices[i])));
  try {
    await body(...parties);
  } finally {
    await stopAll(...parties);
  }
}

/** A registered baresip with a voice. */
export async function realPhone(router, extension, hz, options = {}) {
  return Object.assign(await phone(router, extension, { hz, codecs: 'PCMU', ...options }), { extension, hz });
}

/** The dialog as the called phone has it, for sip.within(). */
function calledDialog(party, invite) {
  return {
    callId: invite.get('call-id'), cseq: 1, user: party.extension, fromTag: party.sip.localTag, from: `${invite.get('to')};tag=${party.sip.localTag}`,
    answer: { get: (name) => invite.get(name === 'to' ? 'from' : name) },
  };
}

/** Rings, answers and speaks; gives {invite, dialog}. from: an index into party.sip.received. */
export async function answer(party, { from = 0, ring = true, ms = PATIENCE_MS } = {}) {
  const invite = await party.incoming(ms, from);
  if (ring) party.ring(invite);
  await party.accept(invite, { headers: [allow] });
  party.sendTone(party.hz);
  return { invite, dialog: calledDialog(party, invite) };
}

/** Calls, insists on an answer, and speaks; gives the dialog. */
export async function dial(party, number, options = {}) {
  const dialog = await party.call(number, { ms: PATIENCE_MS, headers: [allow], ...options });
  if (dialog.answer.status !== 200) throw new Error(`${party.extension} calls ${number}: ${dialog.answer.start}`);
  party.sendTone(party.hz);
  return dialog;
}

/** A calls B (or a number where B answers), both speak and hear each other; gives {dialog, atB, invite}. */
export async function talk(a, b, number = b.extension) {
  const [dialog, called] = await Promise.all([dial(a, number), answer(b, { from: b.sip.received.length })]);
  await together(a, b);
  return { dialog, atB: called.dialog, invite: called.invite };
}

const who = (party) => ({ user: party.extension, password: party.password });

let version = 10;
/** Another description of the party's audio, acknowledged; body '': the router is to offer, and the ACK has `answer`. */
export async function reinvite(party, dialog, body, answer) {
  const fields = party.sip.within(dialog, 'INVITE', { body });
  const { status, body: got } = await party.sip.transact(fields, who(party));
  dialog.cseq = fields.cseq;
  if (status !== 200) throw new Error(`re-INVITE of ${party.extension}: ${fields.answer.start}`);
  if (answer === undefined) party.sip.ack(fields);
  else party.sip.sendRaw(party.sip.request({ ...fields, method: 'ACK', branch: undefined, uri: uriOf(fields.answer.get('contact')), to: fields.answer.get('to'), headers: [], body: answer }));
  return got;
}

/** style: sendonly, inactive, zero (c=0.0.0.0), offerless, sendrecv (resumes); gives the router's description. */
export function describe(party, dialog, style) {
  const described = (direction, address = host) => sdp(address, party.rtp.port, { direction, version: version += 1 });
  if (style === 'zero') return reinvite(party, dialog, described('sendrecv', '0.0.0.0'));
  if (style.startsWith('offerless')) return reinvite(party, dialog, '', described(style.split(' ')[1] || 'sendonly'));
  return reinvite(party, dialog, described(style));
}

export const resume = (party, dialog) => describe(party, dialog, 'sendrecv');

/** REFER; gives the router's answer. */
export function refer(party, dialog, target) {
  const fields = party.sip.within(dialog, 'REFER', { headers: [['Refer-To', `<${target}>`], allow] });
  dialog.cseq = fields.cseq;
  return party.sip.transact(fields, who(party));
}

/** The Refer-To of an attended transfer: the place that `dialog` (an outgoing one) has at `number`. */
export function replacing(number, dialog) {
  const tag = (value) => value.match(/;\s*tag=([^;>\s]+)/)[1];
  return `sip:${number}@${host}?Replaces=${encodeURIComponent(`${dialog.callId};to-tag=${tag(dialog.answer.get('to'))};from-tag=${tag(dialog.from)}`)}`;
}

export const notified = (party, status, from = 0) => party.sip.expect((m) => m.method === 'NOTIFY' && m.body.startsWith(`SIP/2.0 ${status}`), PATIENCE_MS, `NOTIFY ${status}`, from);
export const bye = (party, from = 0) => party.sip.expect((m) => m.method === 'BYE', PATIENCE_MS, 'BYE', from);
export const refuse = async (party, status, reason, from = 0) => party.sip.reply(await party.incoming(PATIENCE_MS, from), status, reason, { toTag: token() });

/** RFC 4733 digits, one after another. */
export function press(party, digits) {
  for (const digit of digits) {
    const code = '0123456789*#'.indexOf(digit);
    const { ts } = party.rtp;
    for (let i = 0; i < 8; i += 1) {
      party.rtp.ts = ts;
      party.rtp.sendPacket(party.remoteMedia, Buffer.from([code, (i >= 5 ? 0x80 : 0) | 10, (Math.min(i + 1, 5) * 160) >> 8, (Math.min(i + 1, 5) * 160) & 255]), { payloadType: 101, marker: i === 0, samples: 0 });
    }
    party.rtp.ts = ts + 1600;
  }
}

/** The live call with this extension in it, once it passes the test. */
export const callOf = (router, extension, test = () => true) => poll(async () => {
  const call = (await router.api.get('/api/calls')).items.find((one) => one.legs.some((leg) => leg.deviceId === `d${extension}`));
  return call && test(call) && call;
}, PATIENCE_MS, `the call of ${extension}`);
