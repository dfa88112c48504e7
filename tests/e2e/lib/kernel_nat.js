// A world in network namespaces: the test lives behind the kernel's own NAT, the router outside.
//
//   this process (10.77.1.2) -- home gateway (10.77.1.1, masquerade, 203.0.113.1) -- router (203.0.113.2)
import { spawnSync } from 'node:child_process';
import { accessSync } from 'node:fs';
import { Child } from './process.js';

export const inside = '10.77.1.2';
export const gateway = '203.0.113.1';
export const outside = '203.0.113.2';

const run = (command, ...args) => {
  const out = spawnSync(command, args, { encoding: 'utf8' });
  if (out.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${out.stderr || out.error}`);
  return out.stdout;
};

/** false, or why there is no kernel NAT here; a user namespace makes it possible without being root. */
export const notPermitted = (() => {
  if (process.env.E2E_NETNS) return false;
  for (const tool of ['/usr/sbin/ip', '/usr/sbin/iptables', '/usr/bin/unshare', '/usr/bin/nsenter']) {
    try { accessSync(tool); } catch { return `${tool} is missing`; }
  }
  const script = 'ip link add near0 type veth peer name far0 && iptables -t nat -A POSTROUTING -j MASQUERADE';
  const out = spawnSync('unshare', ['-Urn', 'sh', '-c', script], { encoding: 'utf8', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  return out.status === 0 ? false : `no network namespaces: ${(out.stderr || String(out.error)).trim()}`;
})();

/** Runs a test file once more, in a network namespace of its own; gives {status, output}. */
export function again(file) {
  const env = { ...process.env, E2E_NETNS: '1', PATH: `${process.env.PATH}:/usr/sbin` };
  delete env.NODE_TEST_CONTEXT;
  const out = spawnSync('unshare', ['-Urn', '--kill-child', process.execPath, '--test-reporter=tap', file], { encoding: 'utf8', env, timeout: 120000 });
  return { status: out.status, output: `${out.stdout}${out.stderr}` };
}

export class KernelNat {
  static async start() {
    const nat = new KernelNat();
    // a namespace lives as long as a process in it
    nat.box = await nat.#space();
    nat.world = await nat.#space();
    const pid = (space) => String(space.pid);
    run('ip', 'link', 'set', 'lo', 'up');
    run('ip', 'link', 'add', 'home', 'type', 'veth', 'peer', 'name', 'lan', 'netns', pid(nat.box));
    nat.inBox('ip', 'link', 'add', 'wan', 'type', 'veth', 'peer', 'name', 'net', 'netns', pid(nat.world));
    const set = (space, dev, address) => {
      const ip = (...args) => (space ? nat.in(space, 'ip', ...args) : run('ip', ...args));
      ip('addr', 'add', `${address}/24`, 'dev', dev);
      ip('link', 'set', dev, 'up');
    };
    set(null, 'home', inside);
    set(nat.box, 'lan', '10.77.1.1');
    set(nat.box, 'wan', gateway);
    set(nat.world, 'net', outside);
    nat.in(nat.world, 'ip', 'link', 'set', 'lo', 'up');
    run('ip', 'route', 'add', 'default', 'via', '10.77.1.1');
    nat.inBox('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    return nat;
  }

  async #space() {
    const child = new Child('unshare', ['-n', 'sh', '-c', 'echo ready; exec sleep 600'], { name: 'namespace' });
    await child.line(/ready/);
    return child;
  }

  in(space, ...command) { return run('nsenter', '-t', String(space.pid), '-n', '--', ...command); }

  inBox(...command) { return this.in(this.box, ...command); }

  /** The gateway's rules, anew: flags of MASQUERADE ("--random-fully": another port for each destination). */
  masquerade(...flags) {
    this.inBox('iptables', '-t', 'nat', '-F');
    this.inBox('iptables', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'wan', '-p', 'udp', '-j', 'MASQUERADE', ...flags);
    this.inBox('iptables', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'wan', '-j', 'MASQUERADE');
  }

  /** What comes from outside gets in only as an answer, as at every home. */
  firewall() {
    this.inBox('iptables', '-P', 'FORWARD', 'DROP');
    this.inBox('iptables', '-A', 'FORWARD', '-i', 'lan', '-j', 'ACCEPT');
    this.inBox('iptables', '-A', 'FORWARD', '-i', 'wan', '-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT');
  }

  /** How long the kernel keeps a mapping without packets. */
  mappings(seconds) {
    for (const name of ['nf_conntrack_udp_timeout', 'nf_conntrack_udp_timeout_stream']) {
      this.inBox('sh', '-c', `echo ${seconds} > /proc/sys/net/netfilter/${name}`);
    }
  }

  /** The line drops and comes back: the kernel forgets every mapping over it. */
  flap() {
    this.inBox('ip', 'link', 'set', 'wan', 'down');
    this.inBox('ip', 'link', 'set', 'wan', 'up');
  }

  async stop() { await Promise.all([this.box, this.world].map((space) => space.stop('SIGKILL'))); }
}
