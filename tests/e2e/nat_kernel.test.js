// The laboratory of NATs once more with the kernel's own NAT as witness: two phones at home, the router outside.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Router, device, missing, poll } from './lib/router.js';
import { KernelNat, again, gateway, inside, notPermitted, outside } from './lib/kernel_nat.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { SipEndpoint, sdp } from './lib/sip.js';
import { RtpParty } from './lib/rtp.js';
import { snr } from './lib/audio.js';

const skip = missing || notPermitted;
const isInside = Boolean(process.env.E2E_NETNS);

if (!isInside) { // the rest runs in there
  test('behind the NAT of the kernel', { skip }, (t) => {
    const { status, output } = again(fileURLToPath(import.meta.url));
    for (const [line] of output.matchAll(/^(?:not )?ok .*|^ *# (?:SNR|\d+ ms).*/gm)) t.diagnostic(line.trim());
    assert.equal(status, 0, output.slice(-8000));
    assert.ok(Number(output.match(/^# pass (\d+)/m)[1]) >= 5, output.slice(-3000));
  });
}

const inner = isInside ? test : () => {};
const options = {};
let nat;
let router;

class HomePhone extends ScriptPhone {
  static async open(extension) {
    const phone = new HomePhone();
    Object.assign(phone, { router, extension, password: `pw${extension}` });
    phone.sip = await SipEndpoint.open({ to: { address: outside, port: router.sipPort }, address: inside });
    phone.rtp = await RtpParty.open(0, inside);
    const answer = await phone.sip.register(extension, phone.password);
    if (answer.status !== 200) throw new Error(`REGISTER ${extension}: ${answer.start}`);
    phone.isRegistered = true;
    return phone;
  }

  get offer() { return sdp(inside, this.rtp.port); }

  uri(to) { return `sip:${to}@${outside}:${router.sipPort}`; }
}

before(async () => {
  if (!isInside) return;
  nat = await KernelNat.start();
  nat.masquerade();
  nat.firewall();
  router = await Router.start({
    host: outside,
    inside: ['nsenter', '-t', String(nat.world.pid), '-n', '--'],
    devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'], qualifySec: 1 })),
    config: { features: { '*43': 'echo' } },
  });
});
after(async () => {
  await router?.stop();
  await nat?.stop();
});

const legOf = async (number) => (await router.api.get('/api/calls')).items[0]?.legs.find((leg) => leg.number === number);

async function connect(a, b) {
  const answered = (async () => b.accept(await b.incoming(5000, b.sip.received.length)))();
  const dialog = await a.call(b.extension);
  assert.equal(dialog.answer.status, 200, dialog.answer.start);
  await answered;
  a.sendTone(1000);
  b.sendTone(1300);
  await Promise.all([a.rtp.more(10), b.rtp.more(10)]);
  return dialog;
}

async function hear(a, b) {
  const from = [a, b].map((party) => party.rtp.packets.length);
  await Promise.all([a.rtp.more(60), b.rtp.more(60)]);
  const heard = { atA: snr(a.rtp.sound(from[0]), 8000, 1300), atB: snr(b.rtp.sound(from[1]), 8000, 1000) };
  assert.ok(heard.atA > 30 && heard.atB > 30, JSON.stringify(heard));
  return heard;
}

async function end(a, b, dialog) {
  const from = b.sip.received.length;
  const told = b.sip.expect((m) => m.method === 'BYE', 5000, 'BYE', from).then((bye) => b.sip.reply(bye, 200, 'OK'));
  assert.equal((await a.hangup(dialog)).status, 200);
  await told;
  for (const party of [a, b]) party.rtp.stopSending();
  await router.noCalls();
}

async function withPhones(body) {
  const phones = await Promise.all(['101', '102'].map((e) => HomePhone.open(e)));
  try {
    await body(...phones);
  } finally {
    for (const { callId } of (await router.api.get('/api/calls')).items) await router.api.request('DELETE', `/api/calls/${callId}`);
    await stopAll(...phones);
  }
}

for (const [name, ...flags] of [['ports kept'], ['symmetric: a random port for each', '--random-fully']]) {
  inner(`masquerade, ${name}: two phones of one home call each other, both hear`, options, (t) => {
    nat.masquerade(...flags);
    return withPhones(async (a, b) => {
      for (const [caller, called] of [[a, b], [b, a]]) {
        const dialog = await connect(caller, called);
        t.diagnostic(`SNR ${JSON.stringify(await hear(caller, called))}`);
        for (const number of ['101', '102']) {
          const { address } = await legOf(number);
          assert.equal(address.split(':')[0], gateway, 'the world sees the gateway');
        }
        assert.ok(called.sip.received.every((m) => !m.body?.includes(`c=IN IP4 ${inside}`)), 'audio goes over the router');
        await end(caller, called, dialog);
      }
    });
  });
}

inner('the line drops in mid-call: other ports, both hear again', options, (t) => withPhones(async (a, b) => {
  nat.masquerade('--random-fully');
  const dialog = await connect(a, b);
  await hear(a, b);
  const before = (await legOf('101')).address;
  const began = Date.now();
  nat.flap();
  await poll(async () => (await legOf('101')).address !== before, 8000, 'another address');
  await Promise.all([a.rtp.more(20), b.rtp.more(20)]);
  t.diagnostic(`${Date.now() - began} ms until heard again`);
  await hear(a, b);
  assert.equal((await a.hangup(dialog)).status, 200);
}));

inner('mappings of 2 s, an idle while: the router keeps them, a call comes in', options, (t) => {
  nat.masquerade();
  nat.mappings(2);
  return withPhones(async (a, b) => {
    for (const phone of [a, b]) {
      phone.sip.onMessage = (m) => { if (m.method === 'OPTIONS') phone.sip.reply(m, 200, 'OK'); };
    }
    await a.sip.register('101', 'pw101');
    const from = b.sip.received.length;
    await poll(() => b.sip.received.slice(from).filter((m) => m.method === 'OPTIONS').length >= 4, 20000, 'four times asked');
    await a.sip.register('101', 'pw101');
    const dialog = await connect(a, b);
    t.diagnostic(`SNR ${JSON.stringify(await hear(a, b))}`);
    await end(a, b, dialog);
  });
});

inner('a phone that waits to hear first: nothing can reach it, the verdict names its private address', options, () => withPhones(async (a) => {
  const events = await router.api.events();
  const dialog = await a.call('*43');
  assert.equal(dialog.answer.status, 200);
  const { leg } = await events.waitFor((e) => e.type === 'verdict' && e.leg.number === '101', 14000);
  assert.match(leg.verdict, new RegExp(`^nothing arrives: the party's SDP names the private address ${inside} while it signals from ${gateway}`));
  a.sendTone(1000); // sends after all
  await a.rtp.more(60);
  await a.hangup(dialog);
}));

inner('a firewall that lets no audio out: the verdict names where it was to come', { skip: !process.env.E2E_LONG }, () => withPhones(async (a) => {
  const events = await router.api.events();
  const { min, max } = router.config.proxy.rtpPortRange;
  nat.inBox('iptables', '-I', 'FORWARD', '1', '-p', 'udp', '--dport', `${min}:${max}`, '-j', 'DROP');
  try {
    const dialog = await a.call('*43');
    a.sendTone(1000);
    const { leg } = await events.waitFor((e) => e.type === 'verdict' && e.leg.number === '101', 14000);
    assert.match(leg.verdict, /^nothing arrives: the party's SDP names the private address/);
    assert.equal(leg.audio.packetsIn, 0);
    await a.hangup(dialog);
  } finally {
    nat.inBox('iptables', '-D', 'FORWARD', '1');
  }
}));
