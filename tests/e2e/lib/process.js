// Child processes whose lines of output are events.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
export const buildDir = resolve(root, process.env.BUILD_DIR || 'build');
export const slower = Number(process.env.TEST_SLOWER || 1);

/** What is waited for at least: whatever comes is waited for, and a busy machine may take its time. */
export const PATIENCE_MS = 40000;

let slowness = 0;

/** How many times as long its processor takes as the one on which bounds were chosen; at least 1. */
function slow() {
  if (slowness) return slowness;
  const begun = process.cpuUsage();
  let x = 1;
  for (let i = 0; i < 1e7; i += 1) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  const { user, system } = process.cpuUsage(begun);
  slowness = Math.max(1, (user + system) / 20000 + (x & 0)); // µs there, with what the compiler adds
  return slowness;
}

/** How many times as long something may take here and now: 1 on a quick machine with nothing else to do. */
export const busy = () => slower * slow() * Math.max(1, (2 * loadavg()[0]) / availableParallelism());

/** Rejects when the promise takes longer than ms, or than our patience (times TEST_SLOWER). */
export function within(promise, ms, what) {
  let timer;
  const most = Math.max(ms, PATIENCE_MS) * slower;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${most} ms`)), most);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** A promise with its handles outside. */
export function deferred() {
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
}

const folders = new Set();
export function tempDir(name) {
  const dir = mkdtempSync(join(tmpdir(), `siprouter-${name}-`));
  folders.add(dir);
  return dir;
}

const running = new Set();
process.on('exit', () => {
  for (const child of running) {
    try { child.kill('SIGKILL'); } catch { /* gone already */ }
  }
  if (!process.env.KEEP_TEMP) for (const dir of folders) rmSync(dir, { recursive: true, force: true });
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1));

export class Child {
  constructor(command, args, options = {}) {
    this.name = options.name || command.split('/').pop();
    this.output = '';
    this.lines = [];
    this.waiters = [];
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(this.child);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8');
      stream.on('data', (data) => {
        this.output = (this.output + data).slice(-1000000);
        const parts = (rest + data).split(/\r?\n/);
        rest = parts.pop();
        for (const line of parts) this.#take(line);
      });
    }
    const ended = deferred();
    this.ended = ended.promise; // {code, signal}
    this.child.on('error', (error) => {
      running.delete(this.child);
      this.result = { code: -1, signal: null, error };
      ended.resolve(this.result);
      this.#fail();
    });
    this.child.on('close', (code, signal) => {
      running.delete(this.child);
      this.result ||= { code, signal };
      ended.resolve(this.result);
      this.#fail();
    });
  }

  get pid() { return this.child.pid; }

  #take(line) {
    this.lines.push(line);
    this.waiters = this.waiters.filter((waiter) => {
      const match = line.match(waiter.pattern);
      if (match) waiter.resolve(match);
      return !match;
    });
  }

  #fail() {
    for (const waiter of this.waiters) {
      waiter.reject(new Error(`${this.name} ended (${JSON.stringify(this.result)}) before ${waiter.pattern}\n`
        + this.output.slice(-4000)));
    }
    this.waiters = [];
  }

  /** The match of the first line, also of those seen already, that fits the pattern. */
  line(pattern, ms = 10000, fromLine = 0) {
    for (const line of this.lines.slice(fromLine)) {
      const match = line.match(pattern);
      if (match) return Promise.resolve(match);
    }
    if (this.result) return Promise.reject(new Error(`${this.name} ended before ${pattern}\n${this.output.slice(-4000)}`));
    const waiter = { pattern, ...deferred() };
    this.waiters.push(waiter);
    return within(waiter.promise, ms, `${this.name}: line ${pattern}`).catch((error) => {
      error.message += `\n${this.output.slice(-4000)}`;
      throw error;
    });
  }

  /** Asks it to end, makes it end after ms; its result. */
  async stop(signal = 'SIGTERM', ms = PATIENCE_MS) {
    if (!this.result) {
      this.child.kill(signal);
      const timer = setTimeout(() => this.child.kill('SIGKILL'), ms * slower);
      await this.ended;
      clearTimeout(timer);
    }
    return this.result;
  }
}
