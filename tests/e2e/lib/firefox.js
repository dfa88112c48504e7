// Debian's Firefox, headless, by its own debugging door (Marionette: JSON with its length before it, over TCP).
import net from 'node:net';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { poll } from './router.js';
import { Child, deferred, slower, tempDir, within } from './process.js';

const binary = spawnSync('sh', ['-c', 'command -v firefox-esr || command -v firefox'], { encoding: 'utf8' }).stdout.trim();

/** false, or why its tests are left out. */
export const noFirefox = binary ? false : 'firefox-esr is not installed';

/** Its start takes 4 s, and ten times that on a machine with much else to do: only one that has ended is given up early. */
const PATIENT_MS = 120000;

/** What its microphone says. */
export const fakeHz = 997;

/**
 * Runs inside a page with window.soft. On a machine without a sound card Firefox's WebAudio stands still: the microphone
 * is its own fake one, the ear its recorder.
 */
export function withoutSoundCard() {
  const { soft } = window;
  soft.microphone = async () => ({ stream: await navigator.mediaDevices.getUserMedia({ audio: true }) });
  const inbound = async (id) => (await soft.stats(id)).find((one) => one.type === 'inbound-rtp');
  soft.sound = (id, ms = soft.patienceMs) => new Promise((resolve, reject) => {
    const end = performance.now() + ms;
    const look = async () => {
      const now = (await inbound(id))?.audioLevel;
      if (now > 0.02) resolve(performance.now());
      else if (performance.now() > end) reject(new Error(`level ${now} after ${ms} ms`));
      else setTimeout(look, 20);
    };
    look();
  });
  soft.record = (id) => new Promise((resolve, reject) => {
    const recorder = new MediaRecorder(soft.sessions[id].element.srcObject, { mimeType: 'audio/ogg;codecs=opus', audioBitsPerSecond: 128000 });
    recorder.ondataavailable = async ({ data }) => {
      try {
        resolve(Array.from((await soft.context.decodeAudioData(await data.arrayBuffer())).getChannelData(0)));
      } catch (error) {
        reject(error);
      }
    };
    recorder.start();
    const { element } = soft.sessions[id];
    const from = element.currentTime;
    const look = () => (element.currentTime - from > 1.5 ? recorder.stop() : requestAnimationFrame(look));
    look();
  });
}

export class Firefox {
  static async start() {
    const firefox = new Firefox();
    const port = await freePort();
    const profile = tempDir('firefox');
    const prefs = {
      'marionette.port': port, 'media.navigator.audio.fake_frequency': fakeHz, 'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0,
      'media.peerconnection.ice.loopback': true, 'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.navigator.permission.disabled': true, 'media.navigator.streams.fake': true, 'network.proxy.type': 0,
      'app.normandy.enabled': false, 'app.update.enabled': false, 'toolkit.telemetry.enabled': false,
      'datareporting.policy.dataSubmissionEnabled': false, 'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false, 'browser.safebrowsing.malware.enabled': false,
      'browser.safebrowsing.phishing.enabled': false, 'services.settings.server': 'data:,', 'browser.shell.checkDefaultBrowser': false,
    };
    writeFileSync(join(profile, 'user.js'), Object.entries(prefs).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
    firefox.child = new Child(binary, ['--headless', '--no-remote', '--profile', profile, '--marionette'],
      { name: 'firefox', env: { ...process.env, HOME: profile } });
    firefox.answers = new Map();
    firefox.count = 0;
    firefox.socket = await poll(() => new Promise((resolve, reject) => {
      if (firefox.child.result) reject(new Error(`Firefox ended: ${firefox.child.output.slice(-2000)}`));
      const socket = net.connect(port, '127.0.0.1', () => resolve(socket));
      socket.on('error', () => resolve(null));
    }), PATIENT_MS, 'Firefox');
    firefox.#read();
    await firefox.command('WebDriver:NewSession', {});
    await firefox.command('WebDriver:SetTimeouts', { script: PATIENT_MS * slower });
    return firefox;
  }

  #read() {
    let rest = Buffer.alloc(0);
    this.socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (let colon = rest.indexOf(':'); colon >= 0; colon = rest.indexOf(':')) {
        const end = colon + 1 + Number(rest.toString('latin1', 0, colon));
        if (rest.length < end) return;
        const message = JSON.parse(rest.subarray(colon + 1, end));
        rest = rest.subarray(end);
        if (!Array.isArray(message)) continue; // its greeting
        const [, id, error, value] = message;
        const answer = this.answers.get(id);
        this.answers.delete(id);
        if (error) answer?.reject(new Error(`${error.error}: ${error.message}`));
        else answer?.resolve(value);
      }
    });
  }

  command(name, params = {}) {
    const answer = deferred();
    const text = JSON.stringify([0, this.count += 1, name, params]);
    this.answers.set(this.count, answer);
    this.socket.write(`${Buffer.byteLength(text)}:${text}`);
    return within(answer.promise, PATIENT_MS, `Firefox ${name}`);
  }

  /** One page at a time, with the cookies of the last taken away before it asks who it is; evaluate() as that of Chromium's pages. */
  async open(url) {
    await this.command('WebDriver:DeleteAllCookies').catch(() => {}); // the first has none, and no right to ask
    await this.command('WebDriver:Navigate', { url });
    return this.page();
  }

  /** The page that is open, as it is. */
  page() {
    const script = (body) => `const done = arguments[arguments.length - 1];
      (async () => (${body})(arguments[0]))().then((value) => done([true, value]), (error) => done([false, error + ' ' + error.stack]));`;
    return {
      evaluate: async (body, argument) => {
        const { value } = await this.command('WebDriver:ExecuteAsyncScript', {
          script: script(body), args: [argument === undefined ? null : argument], newSandbox: false, sandbox: null,
        });
        if (!value[0]) throw new Error(value[1]);
        return value[1];
      },
      reload: () => this.command('WebDriver:Refresh'),
    };
  }

  async close() {
    await this.command('Marionette:Quit', { flags: ['eForceQuit'] }).catch(() => {});
    this.socket.destroy();
    await this.child.stop('SIGTERM', 5000);
  }
}
