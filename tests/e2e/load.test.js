// E2E_LONG=1: half an hour (LOAD_MINUTES) of talk: lasting calls in relay, a room that mixes, and calls that begin and end all
// the time. Memory and file handles must be as they were.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, missing, poll } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { median } from './lib/audio.js';

const minutes = Number(process.env.LOAD_MINUTES || 30);
const skip = missing || (process.env.E2E_LONG ? false : 'E2E_LONG=1 runs it');
const LASTING = 8; // pairs
const ROOM = 4;
const CHURN = 3; // pairs
const RENEW_MS = 240000;

const numbers = (from, count) => Array.from({ length: count }, (_, i) => String(from + i));

/** What keeps a session alive (RFC 4028) is answered: a call lasts longer than a quarter of an hour. */
function refresh(party, message) {
  const isReinvite = message.method === 'INVITE' && /;\s*tag=/.test(message.get('to'));
  if (isReinvite) party.sip.reply(message, 200, 'OK', { body: party.offer });
  else if (message.method === 'UPDATE') party.sip.reply(message, 200, 'OK');
}

/** One party at least must be heard by each: packets since the last look, which forgets them. */
function look(parties) {
  for (const party of parties) {
    assert.ok(party.rtp.packets.length > 0, `${party.extension} hears nothing`);
    party.rtp.packets.length = 0;
  }
}

async function pair(a, b, hz) {
  const from = b.sip.received.length;
  const answered = b.incoming(10000, from).then((invite) => b.accept(invite));
  const dialog = await a.call(b.extension, { ms: 10000 });
  assert.equal(dialog.answer.status, 200);
  await answered;
  a.sendTone(hz);
  b.sendTone(hz + 100);
  return dialog;
}

/** What the router tells of a call in which somebody hears nothing. */
async function heard(router, a, b) {
  try {
    await Promise.all([a.rtp.more(100, 20000), b.rtp.more(100, 20000)]);
  } catch (error) {
    const { items } = await router.api.get('/api/calls?limit=100');
    const call = items.find((one) => one.from === a.extension);
    throw new Error(`${a.extension} ${a.rtp.packets.length}, ${b.extension} ${b.rtp.packets.length} packets: ${JSON.stringify(call)}`, { cause: error });
  }
}

/** Calls of some seconds, one after the other, until stop(). */
function churn(router, a, b, seen) {
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const dialog = await pair(a, b, 500);
      await heard(router, a, b);
      const bye = b.hungUp(10000);
      await a.hangup(dialog);
      await bye;
      for (const party of [a, b]) {
        party.rtp.stopSending();
        party.rtp.packets.length = 0;
        party.sip.received.length = 0;
      }
      seen.calls += 1;
    }
  })();
  done.catch((error) => { seen.error ??= error; });
  return () => { stopped = true; return done; };
}

test(`${minutes} minutes of load leave memory and file handles flat`, { skip, timeout: (minutes + 3) * 60000 }, async () => {
  const extensions = [...numbers(201, 2 * LASTING), ...numbers(301, ROOM), ...numbers(401, 2 * CHURN)];
  const router = await Router.start({
    rtpPorts: 200, devices: extensions.map((e) => device(e, { codecs: ['PCMU', 'PCMA'] })),
    config: { conferences: [{ id: 'room', extension: '800' }] },
  });
  const parties = await Promise.all(extensions.map((e) => ScriptPhone.open(router, e)));
  for (const party of parties) party.sip.onMessage = (m) => refresh(party, m);
  const of = (from, count) => parties.filter((p) => p.extension >= String(from) && p.extension < String(from + count));
  const lasting = of(201, 2 * LASTING);
  const room = of(301, ROOM);
  const busy = of(401, 2 * CHURN);
  const seen = { calls: 0, files: [], memory: [] };
  try {
    const dialogs = [];
    for (let i = 0; i < lasting.length; i += 2) dialogs.push([lasting[i], await pair(lasting[i], lasting[i + 1], 700)]);
    for (const [i, party] of room.entries()) {
      dialogs.push([party, await party.call('800')]);
      party.sendTone(900 + 100 * i);
    }
    const stops = [];
    for (let i = 0; i < busy.length; i += 2) stops.push(churn(router, busy[i], busy[i + 1], seen));
    const began = Date.now();
    const every = Math.max(2000, minutes * 60000 / 200);
    let next = began + every;
    let renewAt = began + RENEW_MS;
    await poll(async () => {
      if (seen.error) throw seen.error;
      if (Date.now() > renewAt) { // a registration lasts ten minutes
        renewAt += RENEW_MS;
        for (const party of parties) assert.equal((await party.sip.register(party.extension, party.password)).status, 200);
      }
      if (Date.now() < next) return false;
      next += every;
      look([...lasting, ...room]);
      seen.files.push(router.openFiles());
      seen.memory.push(router.memoryKb());
      return Date.now() - began > minutes * 60000;
    }, (minutes + 1) * 60000, 'the end of the load');
    await Promise.all(stops.map((stop) => stop()));
    for (const [party, dialog] of dialogs) {
      party.rtp.stopSending();
      await party.hangup(dialog);
    }
    // ended transactions linger for 32 s: the first third warms up
    const third = Math.floor(seen.memory.length / 3);
    const flat = (list) => [median(list.slice(third, 2 * third)), median(list.slice(2 * third))];
    const [memoryBefore, memoryAfter] = flat(seen.memory);
    const [filesBefore, filesAfter] = flat(seen.files);
    const media = (await router.api.get('/api/status')).media;
    console.log(`# ${seen.calls} short calls, ${LASTING} long ones, a room of ${ROOM}: memory ${memoryBefore} then ${memoryAfter} kB, `
      + `files ${filesBefore} then ${filesAfter}; ${media.threads.map((t) => `${t.packetsIn} packets, ${t.overruns} overruns, ${t.overrunsByHost} by the host, ${t.kernelDrops} kernel drops`).join('; ')}`);
    assert.ok(seen.calls > minutes * 10, `${seen.calls} calls`);
    assert.ok(memoryAfter < memoryBefore * 1.02 + 500, `memory: ${memoryBefore} kB, then ${memoryAfter} kB`);
    assert.ok(Math.abs(filesAfter - filesBefore) <= 12, `files: ${filesBefore}, then ${filesAfter}`); // a call more or less
    await router.noCalls();
    await poll(async () => /^\w*rtp_ports_used 0$/m.test((await router.api.request('GET', '/metrics')).text), 8000, 'every RTP port given back');
  } finally {
    await stopAll(...parties);
    await router.stop();
  }
});
