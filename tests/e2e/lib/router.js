// The program with its own configuration and data folder on free ports.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { Api } from './api.js';
import { freePorts } from './ports.js';
import { Child, PATIENCE_MS, buildDir, root, slower, tempDir, within } from './process.js';

export const bin = resolve(root, process.env.SIPROUTER_BIN || join(buildDir, 'siprouter'));
export const host = '127.0.0.1';

/** false, or why there is nothing to be tested over IPv6: a container may have none. */
export const noIp6 = Object.values(networkInterfaces()).flat().some((one) => one.address === '::1') ? false : 'no IPv6 here';

/** false, or why the tests of the program are left out: only a tree without src/main.c has no program. */
export const missing = (() => {
  if (existsSync(join(root, 'src/main.c'))) return false;
  if (!existsSync(bin)) return `${bin} is not built`;
  const out = spawnSync(bin, ['version'], { encoding: 'utf8' });
  return out.status === 0 ? false : `${bin} version ended with ${out.status}`;
})();

/** Repeats an attempt until it gives something, at most ms. */
export function poll(attempt, ms, what) {
  let timer;
  return within(new Promise((resolve, reject) => {
    let busy = false;
    const once = async () => {
      if (busy) return;
      busy = true;
      try {
        const value = await attempt();
        if (value) resolve(value);
      } catch (error) {
        reject(error);
      }
      busy = false;
    };
    timer = setInterval(once, 20);
    once();
  }), ms, what).finally(() => clearInterval(timer));
}

/** A device with the id d<extension> and the password pw<extension>. */
export function device(extension, more = {}) {
  return { id: `d${extension}`, displayName: `Phone ${extension}`, extension, password: `pw${extension}`, ...more };
}

export function cli(args, options = {}) {
  return new Promise((resolve) => {
    const child = execFile(bin, args, { timeout: 60000 * slower, ...options },
      (error, stdout, stderr) => resolve({ code: error ? error.code ?? -1 : 0, stdout, stderr }));
    child.stdin.on('error', () => {}); // it may have ended before it was asked anything
    child.stdin.end(options.input || '');
  });
}

export class Router {
  /** options: devices, config (merged over the defaults), env, args; host; inside: a command it is run by. */
  static async make(options = {}) {
    const router = new Router();
    const base = await freePorts(8);
    router.sipPort = base;
    router.tlsPort = base + 2;
    router.webPort = base + 4;
    router.webTlsPort = base + 5;
    router.webrtcPort = base + 6;
    const rtp = await freePorts(options.rtpPorts || 100);
    router.dir = tempDir('router');
    router.data = join(router.dir, 'data');
    router.configPath = join(router.dir, 'config.json');
    router.options = options;
    router.host = options.host || host; // where it listens
    const { host: at } = router;
    const { proxy, server, ...rest } = options.config || {};
    router.config = {
      proxy: {
        bind: [at], lanIp: at, publicIp: at, lanPort: router.sipPort, tlsPort: router.tlsPort,
        rtpPortRange: { min: rtp, max: rtp + (options.rtpPorts || 100) - 1 },
        webrtcPort: router.webrtcPort, ...proxy,
      },
      server: {
        webUiPort: router.webPort, webUiBind: at, webUiTlsPort: router.webTlsPort, webUiTlsBind: '',
        drainSec: 2, mediaThreads: 2, ...server,
      },
      devices: options.devices || [],
      ...rest,
    };
    router.writeConfig();
    return router;
  }

  static async start(options = {}) {
    const router = await Router.make(options);
    await router.start();
    return router;
  }

  writeConfig() {
    writeFileSync(this.configPath, JSON.stringify(this.config, null, 2), { mode: 0o600 });
  }

  /** Runs the program and waits until it is ready. */
  async start() {
    const [command, ...before] = [...(this.options.inside || []), bin];
    this.child = new Child(command, [...before, 'run', '--config', this.configPath, '--data', this.data,
      ...(this.options.args || [])], { cwd: this.dir, env: { ...process.env, ...this.options.env }, name: 'siprouter' });
    const started = Date.now();
    await poll(async () => {
      if (this.child.result) {
        throw new Error(`siprouter ended at start: ${JSON.stringify(this.child.result)}\n${this.child.output}`);
      }
      try {
        return (await fetch(`http://${this.host}:${this.webPort}/readyz`)).status === 200;
      } catch {
        return false;
      }
    }, 30000, 'siprouter ready').catch((error) => {
      error.message += `\n${this.child.output.slice(-4000)}`;
      this.child.child.kill('SIGKILL');
      throw error;
    });
    this.readyMs = Date.now() - started;
    const { token } = JSON.parse(readFileSync(join(this.data, 'run/api.json'), 'utf8'));
    this.token = token;
    this.api = new Api(`http://${this.host}:${this.webPort}`, token);
  }

  get log() { return this.child.output; }

  /* What REST shows follows what SIP and the page have shown by a moment: all of these wait for it. */

  /** The one live call, once there is just one that passes the test. */
  oneCall(test = () => true, what = 'the call') {
    return poll(async () => {
      const { items } = await this.api.get('/api/calls');
      return items.length === 1 && test(items[0]) && items[0];
    }, PATIENCE_MS, what);
  }

  noCalls() {
    return poll(async () => (await this.api.get('/api/calls')).items.length === 0, PATIENCE_MS, 'no call left');
  }

  /** What the history says of a call, once it has ended. */
  recordOf(callId) {
    return poll(async () => (await this.api.get('/api/history?limit=200')).items.find((item) => item.callId === callId && item.endedAt), PATIENCE_MS, 'the record');
  }

  /** The device, once it passes the test. */
  device(id, test = () => true, what = `device ${id}`) {
    return poll(async () => {
      const found = (await this.api.get('/api/devices')).items.find((one) => one.id === id);
      return found && test(found) && found;
    }, PATIENCE_MS, what);
  }

  /** The store gathers its writes for 50 ms: all are written. */
  written() {
    return poll(async () => (await this.api.get('/api/status')).store.queued === 0, PATIENCE_MS, 'an empty queue of the store');
  }

  /** Ends it and insists on a clean end. */
  async stop() {
    if (!this.child) return;
    this.api?.close();
    const result = await this.child.stop('SIGTERM', 30000);
    this.checkReports();
    if (result.code !== 0) {
      throw new Error(`siprouter ended with ${JSON.stringify(result)}\n${this.log.slice(-8000)}`);
    }
    this.child = null;
  }

  async kill() {
    this.api?.close();
    await this.child.stop('SIGKILL');
  }

  checkReports() {
    const at = this.log.search(/ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|assertion failed/i);
    if (at >= 0) throw new Error(`siprouter reported a fault:\n${this.log.slice(at, at + 8000)}`);
  }

  /** Open files of the program. */
  openFiles() {
    const out = spawnSync('sh', ['-c', `ls /proc/${this.child.pid}/fd | wc -l`], { encoding: 'utf8' });
    return Number(out.stdout);
  }

  /** Resident memory in kB. */
  memoryKb() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(status.match(/VmRSS:\s+(\d+)/)[1]);
  }

  cli(...args) {
    return cli([...args, '--url', `http://${this.host}:${this.webPort}`],
      { env: { ...process.env, SIPROUTER_TOKEN: this.token } });
  }
}
