// Bundles test/*.test.js with the modules they test, runs them, writes "passed failed" to the file named as argument.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'page-'));
const names = readdirSync(join(here, 'test')).filter((name) => name.endsWith('.test.js'));
await build({
  absWorkingDir: here,
  entryPoints: names.map((name) => `test/${name}`),
  bundle: true,
  platform: 'node',
  format: 'esm',
  outdir: dir,
  outExtension: { '.js': '.mjs' },
  logLevel: 'warning',
});
const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...names.map((name) => join(dir, name.replace(/js$/, 'mjs')))],
  { encoding: 'utf8' });
rmSync(dir, { recursive: true, force: true });
const figure = (word) => Number((run.stdout.match(new RegExp(`^# ${word} (\\d+)`, 'm')) || [0, 0])[1]);
const passed = figure('pass');
const failed = Math.max(figure('fail') + figure('cancelled'), run.status === 0 ? 0 : 1);
if (failed) console.log(run.stdout + run.stderr);
if (process.argv[2]) writeFileSync(process.argv[2], `${passed} ${failed}\n`);
else console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
