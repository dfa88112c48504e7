// How long a newcomer waits: from a clean clone's `make run` being up to the echo heard in the browser.
//   node tests/e2e/first_echo.js [SECONDS [COLD_SECONDS]]
// With COLD_SECONDS nothing that a compiler kept is used, and all of it, from the clone to the echo, may take so long.
// Clones this tree into a temporary folder, runs `make run` there on the default ports, logs in as its output says,
// clicks "Echo test" on the first page and listens. Prints the seconds; ends with 1 when they are more than 60.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser, logIn, noBrowser } from './lib/browser.js';
import { tone, writeWav } from './lib/audio.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const most = Number(process.argv[2] || 60);
const mostCold = Number(process.argv[3] || 0);
const folder = mkdtempSync(join(tmpdir(), 'first-echo-'));
const clone = join(folder, 'siprouter');
const seconds = (from) => ((Date.now() - from) / 1000).toFixed(1);

function fail(words) {
  console.error(words);
  process.exitCode = 1;
}

async function run() {
  if (noBrowser) throw new Error(noBrowser);
  const wav = join(folder, 'microphone.wav');
  writeWav(wav, tone(1000, 30, 48000), 48000);
  const git = spawnSync('git', ['clone', '-q', root, clone], { encoding: 'utf8' });
  if (git.status !== 0) throw new Error(git.stderr);
  const asked = Date.now();
  const child = spawn('make', ['run'], { cwd: clone, detached: true, env: { ...process.env, ...(mostCold ? { CCACHE_DISABLE: '1' } : {}) } });
  let browser;
  try {
    let output = '';
    await new Promise((up, down) => {
      const hear = (data) => {
        output += data;
        if (/is running\./.test(output) && /password \S+/.test(output)) up();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.on('exit', () => down(new Error(`make run ended:\n${output.slice(-2000)}`)));
    });
    const began = Date.now();
    console.log(`make run: ${seconds(asked)} s from the clean clone to a router that runs`);
    const url = output.match(/page\s+(http\S+)/)[1];
    browser = await Browser.start({ wav });
    const page = await browser.open(url);
    await logIn(page, 'admin', output.match(/user admin, password (\S+)/)[1]);
    console.log(`logged in after ${seconds(began)} s`);
    await page.getByRole('button', { name: 'Echo test' }).click();
    await page.waitForFunction(() => (document.querySelector('meter[data-theirs]')?.value ?? 0) > 0.4, null, { timeout: most * 1000, polling: 20 });
    const took = Number(seconds(began));
    console.log(`echo heard in the browser ${took} s after make run was up (at most ${most})`);
    if (took > most) fail('too late');
    if (!mostCold) return;
    const whole = Number(seconds(asked));
    console.log(`from the clean clone, with nothing compiled before, to the echo: ${whole} s on ${availableParallelism()} cores (at most ${mostCold})`);
    if (whole > mostCold) fail('too late');
  } finally {
    await browser?.close();
    const ended = new Promise((done) => { child.on('exit', done); });
    if (child.exitCode === null) {
      process.kill(-child.pid, 'SIGTERM');
      await ended;
    }
  }
}

try {
  await run();
} catch (error) {
  fail(error.message);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
