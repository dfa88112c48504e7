// Runs SIPp scenarios and reads what came of them.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from './ports.js';
import { Child, slower, tempDir, within } from './process.js';

const scenarios = join(dirname(fileURLToPath(import.meta.url)), '../scenarios');

export class Sipp {
  /**
   * options: scenario (file of scenarios/ or built-in "uac"/"uas"), remote "host:port", calls, rate, limit,
   * csv (lines), keys {name: value}, transport (u1 t1), timeoutSec, args.
   */
  static async start(options) {
    const sipp = new Sipp();
    sipp.dir = tempDir('sipp');
    sipp.options = options;
    sipp.port = options.port || await freePorts(2);
    sipp.mediaPort = await freePorts(4);
    const timeout = Math.round((options.timeoutSec || 20) * slower);
    const path = join(scenarios, options.scenario);
    const args = [
      ...(existsSync(path) ? ['-sf', path] : ['-sn', options.scenario]),
      '-i', '127.0.0.1', '-p', String(sipp.port), '-mi', '127.0.0.1', '-mp', String(sipp.mediaPort),
      '-m', String(options.calls ?? 1), '-r', String(options.rate || 10), '-l', String(options.limit || 2000),
      '-t', options.transport || 'u1', '-nostdin', '-trace_err', '-error_file', join(sipp.dir, 'errors'),
      '-trace_stat', '-stf', join(sipp.dir, 'stat.csv'), '-fd', '1',
      '-timeout', String(timeout), '-timeout_error', '-timer_resol', '5', '-cid_str', `%u-%p-${Math.random().toString(36).slice(2)}@%s`,
      ...(options.service ? ['-s', options.service] : []),
      ...Object.entries(options.keys || {}).flatMap(([key, value]) => ['-key', key, String(value)]),
      ...(options.args || []),
    ];
    if (options.csv) {
      const csv = join(sipp.dir, 'users.csv');
      writeFileSync(csv, ['SEQUENTIAL', ...options.csv].join('\n') + '\n');
      args.push('-inf', csv);
    }
    if (options.remote) args.push(options.remote);
    sipp.timeout = timeout;
    sipp.child = new Child('sipp', args, { name: `sipp ${options.scenario}`, cwd: sipp.dir });
    return sipp;
  }

  /** Waits for its end: {ok, code, successful, failed, retransmissions, errors}. */
  async result() {
    const ended = await within(this.child.ended, (this.timeout / slower + 10) * 1000, this.child.name);
    const out = { code: ended.code, ok: ended.code === 0, successful: 0, failed: 0, retransmissions: 0, errors: '' };
    const stat = join(this.dir, 'stat.csv');
    if (existsSync(stat)) {
      const rows = readFileSync(stat, 'utf8').trim().split('\n').map((line) => line.split(';'));
      const get = (name) => Number(rows[rows.length - 1][rows[0].indexOf(name)] || 0);
      out.successful = get('SuccessfulCall(C)');
      out.failed = get('FailedCall(C)');
      out.retransmissions = get('Retransmissions(C)');
    }
    for (const name of readdirSync(this.dir)) {
      if (name === 'errors') out.errors = readFileSync(join(this.dir, name), 'utf8').slice(0, 4000);
    }
    out.text = `${this.child.name}: code ${out.code}, ${out.successful} successful, ${out.failed} failed\n${out.errors}`
      + (out.ok ? '' : this.child.output.slice(-2500));
    return out;
  }

  static async run(options) { return (await Sipp.start(options)).result(); }

  stop() { return this.child.stop('SIGKILL'); }
}
