// First steps, history with its ladder, configuration with a fault, users, roles; axe-core and 390 pixels everywhere.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Browser, firstPassword, logIn, noBrowser, show, tooWide, violations } from './lib/browser.js';
import { Router, device, missing, poll } from './lib/router.js';
import { ScriptPhone, stopAll } from './lib/phones.js';
import { SipEndpoint, token } from './lib/sip.js';

const skip = missing || noBrowser;
const VIEWS = { start: 'First steps', phone: 'Phone', calls: 'Calls', devices: 'Devices', history: 'History', providers: 'Providers',
  routes: 'Routes', config: 'Configuration', users: 'Users and tokens', status: 'Status' };

test('the views of the page', { skip }, async (t) => {
  const carrier = await SipEndpoint.open({ to: { address: '127.0.0.1', port: 9 } });
  carrier.onMessage = (message) => message.method && carrier.reply(message, 403, 'Forbidden');
  const router = await Router.start({
    devices: [device('101'), device('102')],
    config: {
      providers: [{ id: 'acme', displayName: 'ACME Telecom', domain: 'acme.example', username: 'user', password: 'secret-secret',
        outboundProxy: { address: '127.0.0.1', port: carrier.port, transport: 'udp' } }],
      contacts: [{ id: 'mum', name: 'Mum', number: '+4930123456', starred: true }],
      routing: { routes: [{ id: 'in', name: 'Main line', match: { direction: 'inbound', numberPattern: '+4930*' }, action: { targets: ['d101'] } }] },
    },
  });
  const url = `http://127.0.0.1:${router.webPort}/`;
  const browser = await Browser.start();
  const page = await browser.open(url);
  const phones = [];
  const password = `new-${token(6)}`;
  try {
    await t.test('first start: the page asks for another password, and knows it from then on', async () => {
      await logIn(page, 'admin', firstPassword(router));
      await page.getByRole('heading', { name: 'First steps' }).waitFor();
      await page.getByLabel('New password').fill(password);
      await page.getByLabel('Once more').fill('something else');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('The two passwords differ.').waitFor();
      await page.getByLabel('Once more').fill(password);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('The password of the first start is replaced.').waitFor();
      const other = await browser.open(url);
      await logIn(other, 'admin', password);
      await other.getByRole('heading', { name: 'Phone', exact: true }).waitFor();
      await other.close();
    });

    await t.test('first start: a new password of a phone is shown, and the phone registers with it', async () => {
      const card = page.locator('.phone-data', { hasText: 'Phone 101' });
      await card.getByRole('button', { name: 'New password' }).click();
      const fresh = await card.locator('code').textContent();
      assert.match(fresh, /^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/);
      phones.push(await poll(() => ScriptPhone.open(router, '101', { password: fresh }).catch(() => null), 5000, '101 registered'));
      phones.push(await ScriptPhone.open(router, '102'));
      await card.getByText('registered', { exact: true }).waitFor();
    });

    await t.test('first start: a phone and a provider are added by forms, with the routes they need', async () => {
      await page.getByRole('button', { name: 'Add a phone' }).click();
      await page.locator('form[data-form=device] input:focus').waitFor();
      await page.keyboard.type('Kitchen door');
      await poll(async () => (await page.getByLabel('Extension').inputValue()) === '103', 5000, 'the next extension');
      await page.getByRole('button', { name: 'Add phone' }).click();
      const card = page.locator('.phone-data', { hasText: 'Kitchen door' });
      const fresh = await card.locator('code').textContent();
      const door = await poll(() => ScriptPhone.open(router, '103', { password: fresh }).catch(() => null), 5000, '103 registered');
      await card.getByText('registered', { exact: true }).waitFor();
      await door.stop();
      await page.getByRole('button', { name: 'Add a provider' }).click();
      const form = page.getByRole('form', { name: 'New provider' });
      await form.getByLabel('Name', { exact: true }).fill('Other Telecom');
      await form.getByLabel('Server or domain').fill('other.invalid');
      await form.getByLabel('User name or number').fill('4930123');
      await form.getByLabel('Password').fill('secret-secret-secret');
      assert.deepEqual(await violations(page), []);
      await form.getByRole('button', { name: 'Save provider' }).click();
      await page.getByText('Saved, with two routes').waitFor();
      const { items } = await router.api.get('/api/routes');
      assert.deepEqual(items.map((route) => route.id).sort(), ['in', 'in-other-telecom', 'out-other-telecom']);
      const { providers, routing } = await router.api.get('/api/config'); // the tests below need it as it was
      await router.api.patch('/api/config', { providers: providers.filter((one) => one.id === 'acme'), routing: { routes: routing.routes.filter((one) => one.id === 'in') } });
      await page.getByRole('button', { name: 'Done' }).click();
      await page.getByRole('heading', { name: 'Phone', exact: true }).waitFor();
      await page.getByRole('link', { name: 'Start' }).waitFor({ state: 'detached' });
    });

    await t.test('a call that ended stands in the history, in words, with its messages as a ladder', async () => {
      await show(page, 'history', 'History');
      const dialog = await phones[0].call('*43');
      await phones[0].hangup(dialog);
      await phones[0].call('999');
      const row = page.locator('article.record', { hasText: '*43' });
      await page.locator('article.record', { hasText: '999' }).getByText('nobody has this number').waitFor();
      await row.getByRole('button').first().click();
      await row.getByRole('button', { name: /Phone 101 \(101\) to router: INVITE SDP/ }).waitFor();
      await row.getByRole('button', { name: /router to .*: 200 OK BYE/ }).waitFor();
      await row.getByRole('button', { name: /: INVITE SDP/ }).click();
      assert.match(await row.locator('pre').textContent(), /INVITE sip:\*43@/);
      const [capture] = await Promise.all([page.waitForEvent('download'), row.getByRole('link', { name: 'Capture file' }).click()]);
      assert.equal(readFileSync(await capture.path()).readUInt32LE(0), 0xa1b2c3d4);
      assert.deepEqual(await violations(page), []);
      await page.getByRole('searchbox', { name: 'Number' }).fill('999'); // no Enter
      await row.waitFor({ state: 'detached' });
      const csv = await page.getByRole('link', { name: 'CSV' }).getAttribute('href');
      assert.match(csv, /number=999/);
    });

    await t.test('a fault in the configuration is shown at its line and cannot be saved; the cure can', async () => {
      await show(page, 'config', 'Configuration');
      const area = page.getByRole('textbox', { name: 'Configuration as JSON' });
      const text = await poll(async () => (await area.inputValue()).includes('d102') && area.inputValue(), 5000, 'the configuration');
      assert.doesNotMatch(text, /pw102/);
      await area.fill(text.replace('"displayName": "Phone 102"', '"displayNam": "Phone 102"'));
      const fault = page.locator('.faults li', { hasText: 'displayNam' }).first();
      await fault.waitFor();
      const line = text.split('\n').findIndex((one) => one.includes('Phone 102')) + 1;
      await fault.getByText(`line ${line}`, { exact: true }).waitFor();
      await page.locator('.gutter .error').filter({ hasText: new RegExp(`^${line}$`) }).waitFor();
      await page.locator('button:disabled', { hasText: 'Save' }).waitFor();
      assert.deepEqual(await violations(page), []);
      await area.fill(text.replace('Phone 102', 'Kitchen').slice(0, -3));
      await page.locator('.faults .bad').first().waitFor(); // no JSON at all
      await area.fill(text.replace('Phone 102', 'Kitchen'));
      await page.locator('.gutter .error').waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Saved and in force.').waitFor();
      await show(page, 'devices', 'Devices');
      await page.getByRole('heading', { name: '102 Kitchen' }).waitFor();
    });

    await t.test('an edit over somebody else\'s is told, not lost', async () => {
      await show(page, 'config', 'Configuration');
      const area = page.getByRole('textbox', { name: 'Configuration as JSON' });
      const text = await poll(async () => (await area.inputValue()).includes('Kitchen') && area.inputValue(), 5000, 'the configuration');
      await area.fill(text.replace('Kitchen', 'Cellar'));
      await router.api.patch('/api/config', { realm: 'other' });
      await page.getByText('changed elsewhere').waitFor();
      await show(page, 'calls', 'Calls'); // and it is there after a look at another view
      await show(page, 'config', 'Configuration');
      await page.getByText('changed elsewhere').waitFor();
      assert.match(await area.inputValue(), /Cellar/);
      await page.getByRole('button', { name: 'Load the newer one' }).click();
      await poll(async () => (await area.inputValue()).includes('"realm": "other"'), 5000, 'the newer one');
    });

    await t.test('phones and providers are added from where they are shown', async () => {
      for (const [view, title, button, form] of [['devices', 'Devices', 'Add a phone', 'New phone'], ['providers', 'Providers', 'Add a provider', 'New provider']]) {
        await show(page, view, title);
        await page.getByRole('link', { name: button }).click();
        await page.getByRole('form', { name: form }).locator('input:focus').waitFor();
        await page.getByRole('button', { name: 'Cancel' }).click();
      }
    });

    await t.test('a provider that refuses us says why, in words', async () => {
      await show(page, 'providers', 'Providers');
      const card = page.locator('article', { hasText: 'ACME Telecom' });
      await card.getByText('failed', { exact: true }).waitFor();
      await card.getByText(/403 Forbidden: /).waitFor();
    });

    await t.test('a number is explained', async () => {
      await show(page, 'routes', 'Routes');
      await page.getByLabel('Number', { exact: true }).fill('102');
      await page.getByRole('button', { name: 'Test' }).click();
      await page.locator('.explain').getByText('Kitchen (102)').first().waitFor();
    });

    await t.test('users and tokens are made; a user sees its own phone and nothing of the house', async () => {
      await show(page, 'users', 'Users and tokens');
      await page.getByRole('button', { name: 'New token' }).click();
      await page.getByLabel('What it is for').fill('crm');
      await page.getByRole('button', { name: 'Save' }).click();
      const secret = await page.locator('code.secret').textContent();
      assert.equal((await router.api.as(secret).request('GET', '/api/status')).status, 200);
      await page.getByRole('button', { name: 'New user' }).click();
      await page.getByLabel('Name').fill('anna');
      await page.getByRole('textbox', { name: 'Password' }).fill('anna-anna-anna');
      await page.getByLabel('Device').selectOption('d102');
      assert.deepEqual(await violations(page), []);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('button', { name: 'Remove user anna' }).waitFor();
      const { token: mine } = await router.api.post('/api/tokens', { name: 'own', role: 'user', deviceId: 'd101' });
      const { items: calls } = await router.api.as(mine).get('/api/history');
      assert.ok(calls.length > 0 && calls.every((call) => call.legs.some((leg) => leg.deviceId === 'd101')));
      assert.equal((await router.api.as(mine).request('GET', '/api/history?device=d102')).status, 404);
      assert.equal((await router.api.as(mine).request('GET', `/api/calls/${calls[0].callId}/trace`)).status, 403);
      const own = await browser.open(url, { width: 390, height: 844 });
      await logIn(own, 'anna', 'anna-anna-anna');
      await show(own, 'devices', 'Devices');
      await own.getByRole('heading', { name: '102 Kitchen' }).waitFor();
      assert.equal(await own.getByRole('heading', { level: 2 }).count(), 1);
      assert.deepEqual(await own.getByRole('navigation').getByRole('link').allTextContents(), ['Phone', 'Calls', 'Devices', 'History']);
      await show(own, 'history', 'History'); // of its own calls alone
      await own.getByText('No call here').waitFor();
      await own.getByRole('button', { name: 'Log out' }).click();
      await own.getByRole('heading', { name: 'Log in' }).waitFor();
      assert.deepEqual(own.faults, []);
      await own.close();
    });

    await t.test('a user changes its own password; where else it was logged in, it is logged out', async () => {
      const here = await browser.open(url, { width: 390, height: 844 });
      const there = await browser.open(url);
      for (const one of [here, there]) await logIn(one, 'anna', 'anna-anna-anna');
      await here.getByRole('button', { name: 'Account of anna' }).click();
      const dialog = here.getByRole('dialog', { name: 'anna' });
      await dialog.getByLabel('Your password').fill('wrong-wrong');
      await dialog.getByLabel('New password', { exact: true }).fill('bella-bella-bella');
      await dialog.getByLabel('New password once more').fill('bella-bella');
      await dialog.getByRole('button', { name: 'Change password' }).click();
      await dialog.getByText('The two new passwords differ.').waitFor();
      await dialog.getByLabel('New password once more').fill('bella-bella-bella');
      await dialog.getByRole('button', { name: 'Change password' }).click();
      await dialog.getByText('This is not your password.').waitFor();
      assert.deepEqual(await violations(here), []);
      assert.equal(await tooWide(here), 0);
      await dialog.getByLabel('Your password').fill('anna-anna-anna');
      await dialog.getByRole('button', { name: 'Change password' }).click();
      await here.getByText('Your password is changed.').waitFor();
      await here.getByText('Live', { exact: true }).waitFor();
      await there.getByRole('heading', { name: 'Log in' }).waitFor();
      await logIn(there, 'anna', 'bella-bella-bella');
      for (const one of [here, there]) {
        assert.deepEqual(one.faults, []);
        await one.close();
      }
    });

    await t.test('the status is pushed: nothing is asked for while one looks', async () => {
      await show(page, 'status', 'Status');
      const calls = page.locator('section.card', { has: page.getByRole('heading', { name: 'Calls', exact: true }) });
      const shows = (nth, number) => calls.locator('dd').nth(nth).filter({ hasText: new RegExp(`^${number}$`) }).waitFor();
      await router.noCalls();
      const before = (await poll(async () => { const { calls: now } = await router.api.get('/api/status'); return now.live === 0 && now; }, 5000, 'no call counted')).total;
      await Promise.all([shows(0, 0), shows(3, before)]);
      const asked = [];
      const note = (request) => asked.push(request.url());
      page.on('request', note);
      const dialog = await phones[0].call('*43');
      await shows(0, 1);
      await phones[0].hangup(dialog);
      await Promise.all([shows(0, 0), shows(3, before + 1)]);
      page.off('request', note);
      assert.deepEqual(asked, []);
    });

    await t.test('no view is too wide for a phone, and axe-core finds nothing, light and dark', async () => {
      for (const dark of [false, true]) {
        const small = await browser.open(url, { width: 390, height: 844, dark });
        await logIn(small, 'admin', password);
        for (const [view, title] of Object.entries(VIEWS)) {
          await show(small, view, title);
          assert.deepEqual(await violations(small), [], view);
          assert.equal(await tooWide(small), 0, view);
          const tiny = await small.locator('button:visible:not(.link, .ladder-row), a.button:visible, nav a:visible, select:visible, input:visible:not([type=checkbox], .hidden)')
            .evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().height < 40).map((one) => one.outerHTML.slice(0, 120)));
          assert.deepEqual(tiny, [], `${view}: too small for a finger`);
        }
        assert.deepEqual(small.faults, []);
        await small.close();
      }
    });

    await t.test('nothing was asked of anybody else, and the console is clean', () => {
      assert.deepEqual(page.foreign, []);
      assert.deepEqual(page.faults, []);
    });
  } finally {
    await browser.close();
    carrier.close();
    await stopAll(...phones);
    await router.stop();
  }
});
