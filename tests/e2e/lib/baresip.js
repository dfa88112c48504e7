// A headless baresip: one account, steered over ctrl_tcp, its events as objects, what it heard as WAV.
import net from 'node:net';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readWav, tone, writeWav } from './audio.js';
import { freePorts } from './ports.js';
import { Child, PATIENCE_MS, deferred, slower, tempDir, within } from './process.js';

const modulePath = (() => {
  const out = spawnSync('dpkg', ['-L', 'baresip-core'], { encoding: 'utf8' }).stdout || '';
  const line = out.split('\n').find((path) => path.endsWith('/g711.so'));
  return line ? line.replace(/\/[^/]*$/, '') : '/usr/lib/baresip/modules';
})();

const tones = new Map();
/** A tone as a file, written once for all phones that say it. */
function toneFile(hz, seconds, rate) {
  const key = `${hz}-${seconds}-${rate}`;
  if (!tones.has(key)) {
    tones.set(key, join(tempDir('tone'), `${key}.wav`));
    writeWav(tones.get(key), tone(hz, seconds, rate), rate);
  }
  return tones.get(key);
}

function writeFolder(phone, options) {
  const rate = options.rate || 48000;
  let source = join(phone.dir, 'source.wav');
  if (options.sound) writeWav(source, options.sound, rate);
  else source = toneFile(options.hz || 1000, options.seconds || 60, rate);
  const config = [
    'poll_method epoll',
    `sip_listen 127.0.0.1:${phone.sipPort}`,
    'net_interface 127.0.0.1',
    `audio_source aufile,${source}`,
    'audio_player aubridge,x',
    'audio_alert aubridge,y',
    `ausrc_srate ${rate}`, `auplay_srate ${rate}`, 'ausrc_channels 1', 'auplay_channels 1',
    'ausrc_format s16', 'auplay_format s16', 'auenc_format s16', 'audec_format s16',
    'audio_txmode thread',
    `rtp_ports ${phone.rtpPort}-${phone.rtpPort + 19}`,
    'rtp_stats yes',
    `module_path ${modulePath}`,
    ...['opus', 'g711', 'g722', 'aufile', 'aubridge', 'sndfile', 'srtp', 'dtls_srtp', 'uuid'].map((m) => `module ${m}.so`),
    'module_tmp account.so', 'module_app menu.so', 'module_app ctrl_tcp.so',
    `ctrl_tcp_listen 127.0.0.1:${phone.ctrlPort}`,
    `snd_path ${phone.dir}`,
    'opus_bitrate 64000',
    'call_max_calls 8',
    ...(options.config || []),
  ];
  if (options.transport === 'tls') {
    const pem = join(phone.dir, 'tls.pem');
    spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=phone', '-keyout', pem, '-out', join(phone.dir, 'cert.pem')]);
    spawnSync('sh', ['-c', `cat ${phone.dir}/cert.pem >> ${pem}`]);
    config.push(`sip_certificate ${pem}`);
  }
  writeFileSync(join(phone.dir, 'config'), `${config.join('\n')}\n`);
  const params = [
    ...(options.transport ? [`;transport=${options.transport}`] : []),
  ].join('');
  const account = [
    `<sip:${options.user}@${options.server}${params}>`,
    ...(options.password ? [`auth_user=${options.user}`, `auth_pass=${options.password}`, `regint=${options.regint ?? 600}`] : ['regint=0']),
    `answermode=${options.answer || 'auto'}`,
    ...(options.codecs ? [`audio_codecs=${options.codecs}`] : []),
    ...(options.mediaenc ? [`mediaenc=${options.mediaenc}`] : []),
    ...(options.account || []),
  ];
  writeFileSync(join(phone.dir, 'accounts'), `${account.join(';')}\n`);
  writeFileSync(join(phone.dir, 'contacts'), '\n');
}

export class Baresip {
  /**
   * options: user, server "host:port", password (registers when given), codecs ("PCMU"), transport,
   * answer (auto | manual), hz or sound, rate, mediaenc, config (more lines), account (more parameters).
   */
  static async start(options) {
    for (let left = 3; ; left -= 1) { // another test may take the port between our look and its bind
      try {
        return await Baresip.#startOnce(options);
      } catch (error) {
        if (left === 0 || !/Address already in use/.test(error.message)) throw error;
      }
    }
  }

  static async #startOnce(options) {
    const phone = new Baresip();
    phone.options = options;
    phone.dir = tempDir(`phone-${options.user}`);
    phone.sipPort = await freePorts(4);
    phone.ctrlPort = phone.sipPort + 2;
    phone.rtpPort = await freePorts(20);
    phone.events = [];
    phone.waiters = [];
    phone.replies = new Map();
    writeFolder(phone, options);
    phone.child = new Child('baresip', ['-4', '-f', phone.dir], { name: `baresip ${options.user}`, cwd: phone.dir });
    await phone.child.line(/baresip is ready/, 10000);
    await phone.#connect();
    return phone;
  }

  /** Starts and waits for the registration. */
  static async registered(options) {
    const phone = await Baresip.start(options);
    // by its output: the event may have gone before ctrl_tcp was connected
    await phone.child.line(/ 200 OK /, 10000).catch(async (error) => {
      error.message += `\n${phone.child.output.slice(-2000)}`;
      await phone.stop();
      throw error;
    });
    return phone;
  }

  async #connect() {
    this.socket = net.connect(this.ctrlPort, '127.0.0.1');
    this.socket.on('error', () => {});
    let rest = Buffer.alloc(0);
    this.socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (;;) { // netstrings: LENGTH:bytes,
        const colon = rest.indexOf(':');
        if (colon < 0) return;
        const length = Number(rest.toString('latin1', 0, colon));
        if (rest.length < colon + length + 2) return;
        this.#take(JSON.parse(rest.toString('utf8', colon + 1, colon + 1 + length)));
        rest = rest.subarray(colon + length + 2);
      }
    });
    const connected = deferred();
    this.socket.once('connect', connected.resolve);
    this.socket.once('error', connected.reject);
    await within(connected.promise, 5000, 'ctrl_tcp');
  }

  #take(message) {
    if (message.response) {
      this.replies.get(message.token)?.(message);
      this.replies.delete(message.token);
      return;
    }
    this.events.push(message);
    this.waiters = this.waiters.filter((waiter) => {
      const hit = waiter.test(message);
      if (hit) waiter.resolve(message);
      return !hit;
    });
  }

  /** The first event of a type (also one that came already, from index `from`), or of a test. */
  event(what, ms = 10000, from = 0) {
    const test = typeof what === 'string' ? (event) => event.type === what : what;
    const seen = this.events.slice(from).find(test);
    if (seen) return Promise.resolve(seen);
    const waiter = { test, ...deferred() };
    this.waiters.push(waiter);
    return within(waiter.promise, ms, `baresip ${this.options.user}: ${what}`).catch((error) => {
      error.message += `; came: ${this.events.map((event) => event.type).join(' ')}\n${this.child.output.slice(-2000)}`;
      throw error;
    });
  }

  async command(command, params = '') {
    const token = `t${(this.tokens = (this.tokens || 0) + 1)}`;
    const text = JSON.stringify({ command, params, token });
    const reply = deferred();
    this.replies.set(token, reply.resolve);
    this.socket.write(`${Buffer.byteLength(text)}:${text},`);
    return within(reply.promise, 5000, `baresip ${command}`);
  }

  dial(to) { return this.command('dial', to.includes(':') ? to : `sip:${to}@${this.options.server}${this.options.transport ? `;transport=${this.options.transport}` : ''}`); }

  answer() { return this.command('accept'); }

  hangup() { return this.command('hangup'); }

  hold() { return this.command('hold'); }

  resume() { return this.command('resume'); }

  mute() { return this.command('mute'); }

  async dtmf(digits) { for (const digit of digits) await this.command('sndcode', digit); }

  /** What it heard last: {samples, rate}; the file is complete once the call ended. */
  heard() {
    const [name] = readdirSync(this.dir).filter((one) => one.endsWith('-dec.wav')).sort().slice(-1);
    if (!name || statSync(join(this.dir, name)).size < 44) return { samples: new Float64Array(0), rate: 48000 };
    return readWav(join(this.dir, name));
  }

  /** The last seconds of it, the first channel: a long call is not read as a whole. 16 bits. */
  heardLast(seconds) {
    const [name] = readdirSync(this.dir).filter((one) => one.endsWith('-dec.wav')).sort().slice(-1);
    if (!name) return { samples: new Float64Array(0), rate: 48000 };
    const file = openSync(join(this.dir, name));
    try {
      const head = Buffer.alloc(44);
      if (readSync(file, head, 0, 44, 0) < 44) return { samples: new Float64Array(0), rate: 48000 };
      const frame = 2 * head.readUInt16LE(22);
      const rate = head.readUInt32LE(24);
      const all = Math.floor((fstatSync(file).size - 44) / frame);
      const count = Math.min(all, Math.floor(seconds * rate));
      const data = Buffer.alloc(count * frame);
      readSync(file, data, 0, data.length, 44 + (all - count) * frame);
      return { samples: Float64Array.from({ length: count }, (_, i) => data.readInt16LE(frame * i) / 32768), rate };
    } finally {
      closeSync(file);
    }
  }

  /** Waits until it has heard `seconds` of sound in the present call (the file grows as it hears). */
  async hear(seconds, ms = 10000) {
    return new Promise((resolve, reject) => {
      const started = Date.now();
      const timer = setInterval(() => {
        const { samples, rate } = this.heard();
        const enough = rate > 0 && samples.length >= seconds * rate;
        if (enough) resolve({ samples, rate });
        else if (Date.now() - started > Math.max(ms, PATIENCE_MS) * slower) {
          reject(new Error(`baresip ${this.options.user} heard ${rate ? samples.length / rate : 0} s, not ${seconds}\n${this.child.output.slice(-2000)}`));
        } else return;
        clearInterval(timer);
      }, 50);
    });
  }

  async stop() {
    this.socket?.destroy();
    await this.child.stop('SIGTERM', 3000);
  }
}

export const baresipIsThere = existsSync('/usr/bin/baresip');
