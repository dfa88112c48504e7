// Kamailio as a provider: registrar and proxy of trunk.example with digest for everybody ("pw" + user name).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, tempDir } from './process.js';
import { freePorts } from './ports.js';

export const domain = 'trunk.example';
export const passwordOf = (user) => `pw${user}`;

/** numbers: {"+49891234": "far"}: dialled numbers and the account that has them. */
function configuration(options) {
  const { port, numbers, maxExpires } = options;
  return `
debug=2
log_stderror=yes
children=2
tcp_children=1
listen=udp:127.0.0.1:${port}
listen=tcp:127.0.0.1:${port}
alias="${domain}"
auto_aliases=no
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "auth.so"
loadmodule "path.so"
modparam("auth", "nonce_expire", ${options.nonceSec ?? 300})
modparam("registrar", "max_expires", ${maxExpires})
modparam("registrar", "min_expires", ${options.minExpires ?? 0})
modparam("usrloc", "db_mode", 0)
modparam("tm", "fr_timer", 5000)
request_route {
  force_rport();
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    if (uri == myself) { sl_send_reply("404", "Not Here"); exit; }
    t_relay();
    exit;
  }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (is_method("REGISTER")) {
    if (!pv_www_authenticate("${domain}", "pw$tU", "0")) { www_challenge("${domain}", "1"); exit; }
    save("location");
    xlog("L_NOTICE", "REGISTERED $tU $ct\\n");
    exit;
  }
  if (is_method("INVITE|MESSAGE|SUBSCRIBE|PUBLISH|REFER")) {
    if (!pv_proxy_authenticate("${domain}", "pw$au", "0")) { proxy_challenge("${domain}", "1"); exit; }
    consume_credentials();
    record_route();
${Object.entries(numbers).map(([number, user]) => `    if ($rU == "${number}") $rU = "${user}";`).join('\n')}
    if (!lookup("location")) { sl_send_reply("404", "Nobody There"); exit; }
    t_relay();
    exit;
  }
  sl_send_reply("405", "Method Not Allowed");
}
`;
}

export class Kamailio {
  static async start(options = {}) {
    const server = new Kamailio();
    server.port = options.port || await freePorts(1);
    server.options = { numbers: {}, maxExpires: 3600, ...options, port: server.port };
    await server.start();
    return server;
  }

  async start() {
    const dir = tempDir('kamailio');
    const path = join(dir, 'kamailio.cfg');
    writeFileSync(path, configuration(this.options));
    this.child = new Child('kamailio', ['-f', path, '-DD', '-E', '-m', '32', '-M', '4', '-w', dir, '-Y', dir, '-P', join(dir, 'pid')],
      { name: 'kamailio', cwd: dir });
    await this.child.line(/listening on/i, 10000).catch((error) => {
      error.message += `\n${this.child.output.slice(-3000)}`;
      throw error;
    });
  }

  /** Waits until that user has registered `times` times. */
  registered(user) { return this.child.line(new RegExp(`REGISTERED ${user.replace('+', '\\+')} `), 15000); }

  stop() { return this.child.stop(); }
}
