// The relay of tools/impair between two peers.
import net from 'node:net';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { Child, buildDir, deferred, within } from './process.js';

export class Impair {
  /** options are those of the program: {loss: 0.1, 'delay-ms': 20, nat: 'symmetric'}; address and port to listen at. */
  static async start(to, options = {}) {
    const impair = new Impair();
    impair.controlPort = await freePort();
    const args = ['--listen', `${options.address || '127.0.0.1'}:${options.port || await freePort()}`, '--to', to,
      '--control-port', String(impair.controlPort)];
    for (const [name, value] of Object.entries(options)) if (!['address', 'port'].includes(name)) args.push(`--${name}`, String(value));
    impair.child = new Child(join(buildDir, 'tools/impair/impair'), args, { name: 'impair' });
    const [line] = await impair.child.line(/^\{"ready".*$/);
    [impair.address] = JSON.parse(line).listen;
    impair.port = Number(impair.address.split(':').pop());
    return impair;
  }

  /** One order: "stats", "forget", "set loss=0.3"; the counters. */
  async order(text) {
    const socket = net.connect(this.controlPort, '127.0.0.1', () => socket.write(`${text}\n`));
    let out = '';
    const done = deferred();
    socket.on('data', (data) => { out += data; });
    socket.on('error', done.reject);
    socket.on('close', done.resolve);
    await within(done.promise, 3000, `impair ${text}`);
    return JSON.parse(out);
  }

  async stop() {
    await this.child.stop();
    return JSON.parse(this.child.lines[this.child.lines.length - 1]);
  }
}
