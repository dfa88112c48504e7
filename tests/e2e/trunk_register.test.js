// What registrars do beside the book: each is a script, all are accounts of one router.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { Trunk, account, until } from './lib/trunk.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { domain, passwordOf } from './lib/kamailio.js';
import { credentials, digestParams, sdp, token, uriOf } from './lib/sip.js';

const options = { skip: missing };
const SHA = 'SHA-256';
const ask = (algorithm, more = 'qop="auth"', realm = domain) => `Digest realm="${realm}", nonce="${token()}", algorithm=${algorithm}${more ? `, ${more}` : ''}`;

/** Is this the answer that `value` asks for? */
function isRight(message, value, name, header = 'authorization') {
  const given = message.get(header);
  if (!given) return false;
  const p = digestParams(given);
  const right = credentials(value, { method: message.method, uri: p.uri, user: name, password: passwordOf(name), cnonce: p.cnonce, nc: p.nc ? parseInt(p.nc, 16) : 1 });
  return p.response === digestParams(right).response;
}

const ok = (message, headers = [['Expires', message.get('expires')]]) => [200, 'OK', { headers: [...headers], contact: message.get('contact').split(', ')[0] }];
const contactOf = (message) => uriOf(message.get('contact'));
const removes = (message) => message.get('expires') === '0';

/** What each answers to REGISTER: [status, reason, {headers, contact}]; `self` is for its memory. */
const registrars = {
  plain: (m) => ok(m),
  // RFC 8760: several challenges, the best first; nothing but an answer to the best is taken
  sha: (m, self) => {
    self.asked ??= [ask(SHA), ask('MD5')];
    return isRight(m, self.asked[0], 'sha') ? ok(m) : [401, 'Unauthorized', { headers: self.asked.map((value) => ['WWW-Authenticate', value]) }];
  },
  sha512: (m, self) => {
    self.asked ??= [ask('SHA-512-256'), ask('MD5')];
    return isRight(m, self.asked[1], 'sha512') ? ok(m) : [401, 'Unauthorized', { headers: self.asked.map((value) => ['WWW-Authenticate', value]) }];
  },
  old: (m, self) => { // RFC 2069
    self.asked ??= `Digest realm="${domain}", nonce="${token()}"`;
    return isRight(m, self.asked, 'old') ? ok(m) : [401, 'Unauthorized', { headers: [['WWW-Authenticate', self.asked]] }];
  },
  both: (m, self) => { // a proxy of one realm before a registrar of another
    self.proxy ??= ask('MD5', 'qop="auth"', 'edge.example');
    self.core ??= ask('MD5');
    if (!isRight(m, self.proxy, 'both', 'proxy-authorization')) return [407, 'Proxy Authentication Required', { headers: [['Proxy-Authenticate', self.proxy]] }];
    return isRight(m, self.core, 'both') ? ok(m) : [401, 'Unauthorized', { headers: [['WWW-Authenticate', self.core]] }];
  },
  guess: (m, self) => { // believes no password, always by the same nonce
    self.asked ??= ask('MD5');
    return [401, 'Unauthorized', { headers: [['WWW-Authenticate', self.asked]] }];
  },
  stale: () => [401, 'Unauthorized', { headers: [['WWW-Authenticate', ask('MD5', 'qop="auth", stale=true')]] }],
  blocked: () => [403, 'Forbidden'],
  nobody: () => [404, 'Not Found'],
  huge: () => [423, 'Interval Too Brief', { headers: [['Min-Expires', '4294967295']] }],
  mute: () => [423, 'Interval Too Brief'],
  moved: () => [302, 'Moved Temporarily', { contact: '<sip:other.example>' }],
  busy: () => [503, 'Service Unavailable', { headers: [['Retry-After', '600']] }],
  // the Contact's own expires counts, not the header's
  contact: (m) => [200, 'OK', { headers: [['Expires', '3600']], contact: `<${contactOf(m)}>;expires=${removes(m) ? 0 : 4}` }],
  // an ALG has written its own address into our Contact
  alg: (m) => [200, 'OK', { contact: `<${contactOf(m).replace(/@.*/, '@10.9.8.7:4242')}>;expires=${removes(m) ? 0 : 4}` }],
  // others have registered, too; all in one line
  crowd: (m) => [200, 'OK', { contact: `"Smith, John" <sip:one@10.0.0.1;q=1>;expires=3;q=0.5, <${contactOf(m)}>;EXPIRES=4;q=1.0, <sip:two@10.0.0.2>` }],
  // takes one Contact at a time
  single: (m) => (m.get('contact').includes(', ') ? [400, 'One Contact Only'] : ok(m)),
  route: (m) => ok(m, [['Expires', '60'], ['Service-Route', '<sip:[2001:db8::7]:5070;lr>, "core, one" <sip:core.example;lr>;x="a,b"']]),
  forgets: (m) => [200, 'OK', { contact: `<${contactOf(m)}>;expires=0` }],
  wordless: () => [500, ''],
  // none but the account's own name in Contact
  named: (m) => (contactOf(m).startsWith('sip:named@') ? ok(m) : [403, 'Forbidden']),
  namedOff: (m) => (contactOf(m).startsWith('sip:namedOff@') ? ok(m) : [403, 'Forbidden']),
};
const more = { named: { quirks: { contactUser: 'account' } }, single: { qualifySec: 1 } };
const names = Object.keys(registrars);
const trunks = {};
let router;

before(async () => {
  if (missing) return;
  for (const name of names) {
    const self = {};
    trunks[name] = await Trunk.open();
    trunks[name].answer = (message) => registrars[name](message, self);
  }
  router = await Router.start({
    devices: [device('201', { codecs: ['PCMU'] })],
    config: {
      providers: names.map((name) => account(trunks[name].port, name, more[name])),
      routing: { routes: [{ id: 'in', match: { direction: 'inbound', sourceProvider: 'pnamed', numberPattern: '+49301*' }, action: { targets: ['d201'] } }, { id: 'out', match: { direction: 'outbound', numberPattern: '+49*' }, action: { provider: 'proute' } }] },
    },
  });
});
after(async () => { await stopAll(router, ...Object.values(trunks)); });

const registered = (name) => until(router, `p${name}`, (state) => state.state === 'registered');
const now = () => Number(process.hrtime.bigint() / 1000n) / 1000;
/** From the last REGISTER that came until the next is due. */
const pauseMs = (name, state) => Date.parse(state.nextTryAt) - (Date.now() - now() + trunks[name].registers.at(-1).at);
const failed = (name) => until(router, `p${name}`, (state) => state.state === 'failed');

test('digest: SHA-256 beside MD5, an unknown one beside MD5, without qop, two realms in a row', options, async () => {
  for (const name of ['plain', 'sha', 'sha512', 'old', 'both']) await registered(name);
  assert.equal(trunks.sha.registers.length, 2);
  assert.equal(trunks.both.registers.length, 3);
});

test('who is told no asks no more for a while', options, async () => {
  const rows = { guess: ['wrong_password', 2], stale: ['rejected', 3], blocked: ['forbidden', 1], nobody: ['unknown_user', 1] };
  for (const [name, [fault, registers]] of Object.entries(rows)) {
    const state = await failed(name);
    assert.equal(state.fault, fault, name);
    assert.equal(trunks[name].registers.length, registers, name);
    assert.ok(pauseMs(name, state) > 5000, `${name}: ${state.nextTryAt}`);
  }
});

test('423 with an interval nobody grants, 302, Retry-After: said, and not repeated at once', options, async () => {
  const rows = {
    huge: /423 Interval Too Brief: it takes no registration shorter than 4294967295 s\.$/, mute: /423 Interval Too Brief\.$/,
    moved: /302 Moved Temporarily: it wants the account at sip:other\.example; if that is right, set outboundProxy\.$/,
    busy: /503 Service Unavailable: /, forgets: /answers 200 OK, but keeps no registration\.$/, wordless: /500 \w/,
  };
  for (const [name, says] of Object.entries(rows)) {
    const state = await failed(name);
    assert.match(state.verdict, says, name);
    const [first, ...others] = trunks[name].registers; // at least a second between two, on a machine however slow
    const seconds = (now() - first.at) / 1000;
    assert.ok(others.length <= 1 + seconds, `${name}: ${others.length} more in ${seconds} s`);
    if (name === 'busy') assert.ok(pauseMs(name, state) > 500000, state.nextTryAt);
  }
});

for (const name of ['contact', 'alg', 'crowd']) {
  test(`granted 4 s by the Contact (${name}): refreshed in time`, options, async () => {
    await registered(name);
    const [first] = trunks[name].registers; // by the header, or by what was asked for, the next came after 20 s and more
    await trunks[name].sip.expect((m) => m.method === 'REGISTER' && m !== first, 12000, 'a refresh');
  });
}

test('a registrar of one Contact hears of a new address all the same', options, async () => {
  const { single } = trunks;
  await registered('single');
  single.seen = { address: '203.0.113.77', port: 4243 };
  const both = await single.sip.expect((m) => m.method === 'REGISTER' && /203\.0\.113\.77:4243>.*, <.*>;expires=0/.test(m.get('contact')), 8000, 'both at once');
  const isAlone = (m) => m.method === 'REGISTER' && /^<sip:\w+@203\.0\.113\.77:4243>[^,]*$/.test(m.get('contact'));
  await single.sip.expect((m) => isAlone(m) && m.at > both.at, 8000, 'the new one alone');
  await until(router, 'psingle', (state) => state.state === 'registered' && state.publicAddress === '203.0.113.77:4243');
});

test('Service-Route with IPv6 and a quoted comma is obeyed word by word', options, async () => {
  await registered('route');
  const phone = await ScriptPhone.open(router, '201');
  try {
    const call = phone.call('+49123');
    const invite = await trunks.route.sip.expect((m) => m.method === 'INVITE');
    assert.match(invite.all('route').join(', '), /, <sip:\[2001:db8::7\]:5070;lr>, "core, one" <sip:core\.example;lr>;x="a,b"$/);
    trunks.route.sip.reply(invite, 486, 'Busy Here');
    assert.equal((await call).answer.status, 486);
  } finally {
    await stopAll(phone);
  }
});

test('a registrar that takes the account\'s name only: refused without the quirk, with it registered and called', options, async () => {
  assert.equal((await failed('namedOff')).fault, 'forbidden');
  await registered('named');
  const phone = await ScriptPhone.open(router, '201');
  const { sip } = trunks.named;
  try {
    sip.options.to = { address: host, port: router.sipPort };
    const contact = contactOf(trunks.named.registers.at(-1));
    assert.match(contact, /^sip:named@/);
    const fields = { method: 'INVITE', uri: contact, user: 'gw', to: '<sip:+4930123@trunk.example>', body: sdp(host, 40000) };
    const answer = sip.transact(fields);
    await phone.accept(await phone.incoming());
    assert.equal((await answer).status, 200);
    sip.ack(fields);
    assert.equal((await router.oneCall()).routeId, 'in');
    const told = phone.hungUp();
    assert.equal((await sip.transact(sip.within(fields, 'BYE'))).status, 200);
    await told;
  } finally {
    await stopAll(phone);
  }
});
