// The page in Chromium: logging in, calls and devices as they come and go, what axe-core says.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, firstPassword, logIn, noBrowser, show, violations } from './lib/browser.js';
import { Router, device, missing, poll } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';

const skip = missing || noBrowser;

test('the page', { skip }, async (t) => {
  const router = await Router.start({ devices: [device('101'), device('102')] });
  const url = `http://127.0.0.1:${router.webPort}/`;
  const browser = await Browser.start();
  const page = await browser.open(url);
  const phones = [];
  try {
    await t.test('files are packed, last for ever under their name, and come from here only', async () => {
      const index = await fetch(url);
      assert.equal(index.headers.get('cache-control'), 'no-cache');
      assert.match(index.headers.get('content-security-policy'), /require-trusted-types-for 'script'/);
      assert.doesNotMatch(index.headers.get('content-security-policy'), /unsafe/);
      const script = (await index.text()).match(/src="(\/assets\/app-[0-9a-f]+\.js)"/)[1];
      const packed = await fetch(new URL(script, url), { headers: { 'accept-encoding': 'gzip' } });
      assert.equal(packed.headers.get('content-encoding'), 'gzip');
      assert.match(packed.headers.get('cache-control'), /immutable/);
      assert.ok(Number(packed.headers.get('content-length')) < 64 * 1024, 'the page stays small');
      const plain = await fetch(new URL(script, url), { headers: { 'accept-encoding': 'gzip;q=0' } });
      assert.equal(plain.headers.get('content-encoding'), null);
      assert.notEqual(plain.headers.get('etag'), packed.headers.get('etag'));
      assert.equal(await plain.text(), await packed.text());
      const again = await fetch(new URL(script, url), { headers: { 'if-none-match': packed.headers.get('etag') } });
      assert.equal(again.status, 304);
    });

    await t.test('a wrong password is said, the right one opens', async () => {
      assert.deepEqual(await violations(page), []);
      await page.getByLabel('User').fill('admin');
      await page.getByLabel('Password').fill('wrong');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByText('Wrong user or password').waitFor();
      await logIn(page, 'admin', firstPassword(router));
    });

    await t.test('an address cut by hand, and looks nobody knows, open the page all the same', async () => {
      await page.evaluate(() => localStorage.setItem('theme', 'pink'));
      await page.goto(`${url}#/calls/%`);
      await page.reload();
      await page.getByText('No call at the moment').waitFor();
      await page.evaluate(() => localStorage.removeItem('theme'));
    });

    await t.test('a logout that did not reach the router is told: this browser is still let in', async () => {
      await page.route('**/api/logout', (route) => route.abort());
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByText('Still logged in').waitFor();
      await page.unroute('**/api/logout');
      await show(page, 'phone', 'Phone');
      await page.getByText('ready to call').waitFor(); // and it is still a phone
      await show(page, 'calls', 'Calls');
    });

    await t.test('a phone that registers shows up by itself', async () => {
      await page.goto(`${url}#/devices`);
      await page.getByText('0 of 2 registered').waitFor();
      phones.push(await ScriptPhone.open(router, '101'), await ScriptPhone.open(router, '102'));
      await page.getByText('2 of 2 registered').waitFor();
      const second = await ScriptPhone.open(router, '101', { transport: 'tcp' });
      await page.locator('article.device', { hasText: 'Phone 101' }).getByText('TCP', { exact: true }).waitFor(); // device_changed
      await second.stop();
      assert.deepEqual(await violations(page), []);
    });

    await t.test('a call appears, is muted and hung up from the page', async () => {
      const [from, to] = phones;
      await page.goto(`${url}#/calls`);
      await page.getByText('No call at the moment').waitFor();
      const calling = from.call('102', { ms: 10000 });
      const invite = await to.incoming();
      to.ring(invite);
      const card = page.locator('article.call');
      await card.getByText('ringing').first().waitFor();
      await to.accept(invite);
      await calling;
      await card.getByText('talking').first().waitFor();
      assert.deepEqual(await violations(page), []);
      await card.getByRole('button', { name: 'Mute Phone 101 (101)' }).click();
      await card.getByText('muted', { exact: true }).waitFor();
      await router.oneCall(({ legs }) => legs.find((leg) => leg.deviceId === 'd101').muted);
      await card.getByRole('button', { name: 'Hang up' }).click();
      await Promise.all([from.hungUp(), to.hungUp()]);
      await page.getByText('No call at the moment').waitFor();
    });

    await t.test('a break of the line is shown and healed', async () => {
      let asked = 0; // a refused socket does not say why: the page asks whether its session is over
      page.on('request', (request) => { asked += request.url().endsWith('/api/me') ? 1 : 0; });
      const again = () => page.evaluate(() => { dispatchEvent(new Event('online')); });
      await router.kill();
      await page.getByText('Reconnecting').waitFor();
      await poll(async () => { await again(); return asked > 2; }, 8000, 'tries in vain'); // a long absence
      await router.start();
      await again(); // at once, however long the start took
      await page.getByText('Live', { exact: true }).or(page.getByRole('heading', { name: 'Log in' })).first().waitFor();
    });

    await t.test('nothing was asked of anybody else, and the console is clean', () => {
      assert.deepEqual(page.foreign, []);
      assert.deepEqual(page.faults, []);
    });
  } finally {
    await browser.close();
    await stopAll(...phones);
    await router.stop();
  }
});
