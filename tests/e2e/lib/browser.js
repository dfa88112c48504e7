// Headless Chromium with a fake microphone, pages of a router in it, and axe-core's judgement of them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { PATIENCE_MS, slower } from './process.js';

const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const binary = (() => {
  try {
    return execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
})();

/** false, or why the tests of the page are left out. */
export const noBrowser = binary ? false : 'chromium is not installed';

export class Browser {
  /** options: wav (what the microphone hears, 48 kHz mono; default: beeps), denyMicrophone, noMicrophone. */
  static async start(options = {}) {
    const browser = new Browser();
    browser.chromium = await chromium.launch({
      executablePath: binary,
      headless: true,
      args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
        ...(options.noMicrophone ? [] : ['--use-fake-device-for-media-stream']),
        ...(options.denyMicrophone ? [] : ['--use-fake-ui-for-media-stream']),
        ...(options.wav ? [`--use-file-for-fake-audio-capture=${options.wav}`] : [])],
    });
    return browser;
  }

  /** A page of its own (no cookies of another); before: what is done with it before it loads. */
  async open(url, { width = 1280, height = 860, dark = false, before } = {}) {
    const context = await this.chromium.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', bypassCSP: false });
    const page = await context.newPage();
    page.faults = [];
    page.foreign = [];
    const home = new URL(url).host;
    page.on('pageerror', (error) => page.faults.push(String(error)));
    page.on('console', (message) => {
      // refused requests are the test's own business, and are logged by the browser as errors
      if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text())) page.faults.push(message.text());
    });
    page.on('request', (request) => {
      const { host, protocol } = new URL(request.url());
      if (host !== home && !/^(data|blob):/.test(protocol)) page.foreign.push(request.url());
    });
    page.setDefaultTimeout(PATIENCE_MS * slower);
    await before?.(page);
    await page.goto(url);
    return page;
  }

  /** Process ids of all of it: stopped and continued together they are a machine that sleeps. */
  async processes() {
    const session = await this.chromium.newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    await session.detach();
    return processInfo.map((one) => one.id);
  }

  close() { return this.chromium.close(); }
}

/** Logs in by the form; the router's first password stands in its log. */
export async function logIn(page, user, password) {
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(await password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Live', { exact: true }).waitFor();
}

/** A promise: the log comes by a thread of its own. */
export const firstPassword = async (router) => (await router.child.line(/user admin, password (\S+)/))[1];

/** Goes to a view and waits for its heading. */
export async function show(page, view, title) {
  await page.evaluate((hash) => { location.hash = hash; }, `#/${view}`);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
}

/** Pixels by which the page is wider than its window: 0 is right. */
export const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

/** What axe-core has against the page: [] is none. Its script comes in by the debugger: the policy stays on. */
export async function violations(page) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return result.violations.map((item) => `${item.id}: ${item.help}\n${item.nodes.map((node) => `  ${node.html}\n  ${node.failureSummary}`).join('\n')}`);
}
