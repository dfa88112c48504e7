// Runs the test files, three at a time (two where there is one core): most of the time they wait, and writes "passed failed" to the file named as argument.
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const slower = Number(process.env.TEST_SLOWER || 1);
const fileLimitMs = 480000 * slower + (process.env.E2E_LONG ? 60000 * (Number(process.env.LOAD_MINUTES || 30) + 3) : 0);
// a test that fails before its `try` leaves parties behind: they must not keep the file from ending
const [major, minor] = process.versions.node.split('.').map(Number);
const options = ['--test-reporter=tap', ...(major > 20 || (major === 20 && minor >= 14) ? ['--test-force-exit'] : [])];
const atOnce = Number(process.env.E2E_JOBS || Math.min(3, availableParallelism() + 1));

// the long ones first, so that none of them is left alone at the end
const first = ['trunk_flows', 'trunk', 'provider', 'loss', 'call_matrix', 'softphone', 'run', 'passthrough', 'glare', 'stolen', 'nat', 'page_views', 'harness', 'srtp',
  'ws_phones', 'verdict', 'https', 'sipp_basic', 'page_phone', 'page_checks', 'inject', 'nat_kernel', 'speech'];
const only = (process.env.E2E_ONLY || '').split(',').filter(Boolean);
const names = readdirSync(here).filter((name) => name.endsWith('.test.js'))
  .filter((name) => only.length === 0 || only.includes(name.replace('.test.js', '')));
const rank = (name) => {
  const at = first.indexOf(name.replace('.test.js', ''));
  return at < 0 ? first.length : at;
};
names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));

function runFile(name) {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(process.execPath, [...options, join(here, name)],
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let out = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { out += data; });
    const limit = setTimeout(() => {
      out += `\n# took longer than ${fileLimitMs} ms\n`;
      try { process.kill(-child.pid, 'SIGKILL'); } catch { /* gone already */ }
    }, fileLimitMs);
    child.on('close', (code) => {
      clearTimeout(limit);
      const figure = (word) => Number((out.match(new RegExp(`^# ${word} (\\d+)`, 'm')) || [])[1] || 0);
      const passed = figure('pass');
      const skipped = figure('skipped') + figure('todo');
      let failed = figure('fail') + figure('cancelled');
      if (code !== 0 && failed === 0) failed = 1;
      resolve({ name, passed, failed, skipped, out, seconds: (Date.now() - started) / 1000 });
    });
  });
}

const queue = [...names];
let passed = 0;
let failed = 0;
async function work() {
  for (let name = queue.shift(); name; name = queue.shift()) {
    const result = await runFile(name);
    passed += result.passed;
    failed += result.failed;
    const skipped = result.skipped ? `, ${result.skipped} skipped` : '';
    console.log(`${result.failed ? 'FAILED' : 'ok    '} ${result.name}: ${result.passed} passed, `
      + `${result.failed} failed${skipped} (${result.seconds.toFixed(1)} s)`);
    if (result.failed) console.log(result.out);
  }
}
await Promise.all(Array.from({ length: atOnce }, work));
if (process.argv[2]) writeFileSync(process.argv[2], `${passed} ${failed}\n`);
process.exitCode = failed ? 1 : 0;
