// Pictures of every view and state of the page, to be looked at; and what axe-core has against each of them.
//   node tests/e2e/tour.js FOLDER [NAME...]
// Each state is taken light, dark and as wide as a phone. Names choose states ("ringing"); none: all. Ends with 1 when
// something is too wide or axe-core finds something.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, firstPassword, logIn, show, tooWide, violations } from './lib/browser.js';
import { tone, writeWav } from './lib/audio.js';
import { phone, ScriptPhone, stopAll } from './lib/phones.js';
import { Router, device, poll } from './lib/router.js';
import { SipEndpoint } from './lib/sip.js';
import { tempDir } from './lib/process.js';

const [folder = 'tour', ...only] = process.argv.slice(2);
const LOOKS = { light: { width: 1280, height: 860 }, dark: { width: 1280, height: 860, dark: true }, small: { width: 390, height: 844 }, 'small-dark': { width: 390, height: 844, dark: true } };
let faults = 0;

/** One state in every look. */
async function take(page, name, options = {}) {
  if (only.length && !only.some((word) => name.includes(word))) return;
  for (const [look, { width, height, dark }] of Object.entries(LOOKS)) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
    await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
    await page.screenshot({ path: join(folder, `${name}.${look}.png`), fullPage: options.full ?? true });
    for (const found of await violations(page)) {
      faults += 1;
      console.log(`${name}.${look}: ${found}`);
    }
    const wide = await tooWide(page);
    if (wide > 0) {
      faults += 1;
      console.log(`${name}.${look}: ${wide} pixels too wide`);
    }
  }
  await page.setViewportSize({ width: 1280, height: 860 });
  console.log(name);
}

async function tour() {
  mkdirSync(folder, { recursive: true });
  const wav = join(tempDir('microphone'), 'microphone.wav');
  writeWav(wav, tone(1000, 30, 48000), 48000);
  const carrier = await SipEndpoint.open({ to: { address: '127.0.0.1', port: 9 } });
  carrier.onMessage = (message) => message.method && carrier.reply(message, message.get('to').includes('@good') ? 200 : 403, 'Forbidden');
  const account = (id, displayName, domain) => ({ id, displayName, domain, username: 'user', password: 'secret-secret',
    outboundProxy: { address: '127.0.0.1', port: carrier.port, transport: 'udp' } });
  const router = await Router.start({
    devices: [device('101', { displayName: 'Kitchen' }), device('102', { displayName: 'Office' }),
      device('103', { displayName: 'Workshop, first floor', codecs: ['PCMA'], srtp: 'required', dnd: true }),
      device('104', { displayName: 'Hall', forward: { always: '', busy: '', noAnswer: '102', offline: '102' } })],
    config: {
      server: { webUiTlsBind: '127.0.0.1' },
      conferences: [{ id: 'room', extension: '800' }],
      providers: [account('acme', 'ACME Telecom', 'acme.example'), account('good', 'Good Lines', 'good.example')],
      contacts: [{ id: 'mum', name: 'Mum', number: '+4930123456', starred: true }, { id: 'taxi', name: 'Taxi central station', number: '+493044332211' }],
      routing: { routes: [
        { id: 'in', name: 'Main line', match: { direction: 'inbound', numberPattern: '+4930*' }, action: { targets: ['d101', 'd102'] } },
        { id: 'out', name: 'Outside', match: { direction: 'outbound', numberPattern: '+*' }, action: { provider: 'good' } }] },
    },
  });
  const url = `http://127.0.0.1:${router.webPort}/`;
  const browser = await Browser.start({ wav });
  const deaf = await Browser.start({ denyMicrophone: true });
  const page = await browser.open(url);
  const phones = [];
  const card = (who) => page.locator('article.phone-call', { hasText: who });
  const talking = (who) => card(who).getByText('talking', { exact: true }).waitFor();
  const gone = async () => {
    await page.locator('article.phone-call:not(.ended)').first().waitFor({ state: 'detached' });
    await page.locator('article.phone-call').evaluateAll((cards) => { for (const one of cards) one.querySelector('[aria-label=Close]')?.click(); });
    await page.locator('article.phone-call').first().waitFor({ state: 'detached' });
  };
  const hangUp = async () => {
    for (const one of (await router.api.get('/api/calls')).items) await router.api.delete(`/api/calls/${one.callId}`);
    await gone();
  };
  try {
    await take(page, '01-login');
    await page.getByLabel('User').fill('admin');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Wrong user or password').waitFor();
    await take(page, '02-login-wrong');
    const trust = await browser.open(`${url}trust`);
    await take(trust, '03-trust');
    await trust.context().close();

    await logIn(page, 'admin', firstPassword(router));
    await page.getByRole('heading', { name: 'First steps' }).waitFor();
    await take(page, '10-start');
    await page.getByRole('button', { name: 'Add a phone' }).click();
    await page.locator('form[data-form=device] input:focus').waitFor();
    await take(page, '11-start-phone');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Add a provider' }).click();
    await take(page, '12-start-provider');
    await page.getByRole('button', { name: 'Cancel' }).click();

    await show(page, 'phone', 'Phone');
    await page.getByText('ready to call').waitFor();
    await take(page, '20-phone-first');
    phones.push(await phone(router, '101', { hz: 700, codecs: 'PCMU' }));
    phones.push(await phone(router, '103', { hz: 400, codecs: 'PCMA' }).catch(() => null));
    const script = await ScriptPhone.open(router, '104');
    phones.push(script);
    await page.getByRole('button', { name: 'Hear yourself' }).click();
    await talking('Echo test');
    await page.locator('.sound .quality b', { hasText: /excellent|good|fair|poor|bad/ }).waitFor();
    await take(page, '21-echo');
    await card('Echo test').getByRole('button', { name: 'Keypad' }).click();
    await page.keyboard.type('12#');
    await take(page, '22-keypad');
    await show(page, 'calls', 'Calls');
    await take(page, '23-bar');
    await show(page, 'phone', 'Phone');
    await hangUp();
    await page.getByLabel('Number or name').fill('999');
    await page.keyboard.press('Enter');
    await card('999').getByText(/nobody has this number/i).waitFor();
    await take(page, '24-failed-number');
    await gone();
    await page.getByLabel('This browser rings as').selectOption('d102');
    await page.getByText('rings as 102').waitFor();
    await take(page, '25-phone-idle');
    await page.getByLabel('Number or name').fill('ta');
    await take(page, '26-typing');
    await page.getByLabel('Number or name').fill('');
    await page.getByRole('button', { name: 'Sound' }).click();
    await page.getByText('the bar must move').waitFor();
    await take(page, '27-sound');
    await page.getByRole('button', { name: 'Sound' }).click();
    await page.getByRole('button', { name: 'Check this browser' }).click();
    await poll(async () => (await page.locator('.checks li.passed').count()) === 6, 20000, 'six steps');
    await take(page, '28-checks');
    await phones[0].dial('102');
    await page.getByRole('button', { name: 'Answer' }).waitFor();
    await take(page, '30-ringing');
    await show(page, 'history', 'History');
    await take(page, '31-ringing-elsewhere');
    await show(page, 'phone', 'Phone');
    await page.getByRole('button', { name: 'Answer' }).click();
    await talking('Kitchen');
    await card('Kitchen').getByRole('button', { name: 'Transfer' }).click();
    await take(page, '32-transfer');
    await page.keyboard.type('104');
    const asked = script.incoming(10000);
    await page.getByRole('button', { name: 'Ask first' }).click();
    const invite = await asked;
    script.ring(invite);
    await card('Hall').getByText('ringing there').waitFor();
    await take(page, '33-second-call');
    await script.accept(invite);
    await talking('Hall');
    await take(page, '34-two-calls');
    await show(page, 'calls', 'Calls');
    await take(page, '35-calls');
    await show(page, 'devices', 'Devices');
    await take(page, '36-devices');
    await show(page, 'phone', 'Phone');
    script.sip.onMessage = (message) => message.method === 'BYE' && script.sip.reply(message, 200, 'OK');
    await hangUp();

    await show(page, 'history', 'History');
    await take(page, '40-history');
    await page.locator('article.record').first().getByRole('button').first().click();
    await page.getByRole('link', { name: 'Capture file' }).waitFor();
    await take(page, '41-ladder');
    await show(page, 'providers', 'Providers');
    await page.getByText('failed', { exact: true }).first().waitFor();
    await take(page, '42-providers');
    await show(page, 'routes', 'Routes');
    await page.getByLabel('Number', { exact: true }).fill('102');
    await page.getByRole('button', { name: 'Test' }).click();
    await page.locator('.explain').waitFor();
    await take(page, '43-routes');
    await show(page, 'config', 'Configuration');
    await page.locator('.gutter span').first().waitFor();
    await take(page, '44-config');
    await show(page, 'users', 'Users and tokens');
    await take(page, '45-users');
    await page.getByRole('button', { name: 'New user' }).click();
    await take(page, '46-new-user', { full: false });
    await page.getByRole('button', { name: 'Cancel' }).click();
    await show(page, 'status', 'Status');
    await take(page, '47-status');
    await page.getByRole('button', { name: 'Account of admin' }).click();
    await take(page, '48-account', { full: false });
    await page.getByRole('button', { name: 'Cancel' }).click();

    const refused = await deaf.open(url);
    await logIn(refused, 'admin', firstPassword(router));
    await show(refused, 'phone', 'Phone');
    await refused.getByRole('button', { name: 'Check this browser' }).click();
    await refused.locator('.checks li.failed').waitFor();
    await refused.getByRole('button', { name: 'Hear yourself' }).click();
    await refused.locator('article.phone-call.ended').waitFor();
    await take(refused, '50-failed-microphone');
    await refused.context().close();

    await show(page, 'phone', 'Phone');
    await router.kill();
    await page.getByText('Reconnecting').waitFor();
    await take(page, '51-no-line');
  } finally {
    await browser.close();
    await deaf.close();
    carrier.close();
    await stopAll(...phones);
    await router.stop().catch(() => {});
  }
}

await tour();
process.exitCode = faults ? 1 : 0;
process.exit();
