// The torture messages of tests/data/sip-torture, judged by its INDEX.md and expect.tsv.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/process.js';
import { Router, device, host, missing } from './lib/router.js';
import { SipEndpoint } from './lib/sip.js';

const folder = join(root, 'tests/data/sip-torture');
const rows = readFileSync(join(folder, 'expect.tsv'), 'utf8').split('\n')
  .filter((line) => line && !line.startsWith('#')).map((line) => {
    const [file, source, kind, policy, preferred, sha256] = line.split('\t');
    return { file, source, kind, policy, preferred, sha256 };
  });
const POLICY = [401, 403, 404, 407]; // the auth check may come first
const judge = {
  valid: (s) => s !== undefined && s !== 400 && s < 500,
  register: (s) => [200, ...POLICY].includes(s),
  regaut: (s) => [401, 407].includes(s),
  bad: (s) => s === 400,
  lenient: (s) => s !== undefined && s < 500,
  drop: (s) => s === undefined,
  unkmethod: (s) => [405, 501, ...POLICY].includes(s),
  unkscheme: (s) => [416, ...POLICY].includes(s),
  badext: (s) => [420, ...POLICY].includes(s),
  indialog: (s) => s === 481,
  badvers: (s) => s === 505,
  mismatch02: (s) => [400, 501, 405].includes(s),
  sdp01: (s) => [406, ...POLICY].includes(s),
  dblreq: (s) => [200, ...POLICY].includes(s),
  any: () => true,
};
// a response to these is the fault, so silence has to be waited for, but only until the next answer
const options = { skip: missing };
let router;
let probe;
before(async () => {
  if (missing) return;
  router = await Router.start({ devices: [device('101')] });
  probe = await SipEndpoint.open({ to: { address: host, port: router.sipPort } });
});
after(async () => {
  probe?.close();
  await router?.stop();
});

/** The port to which a strict server answers: that of the top Via's sent-by. */
function replyPort(data) {
  const via = data.toString('latin1').replace(/\r\n[ \t]+/g, ' ').match(/^(?:via|v)\s*:\s*SIP\s*\/\s*[\d.]+\s*\/\s*\S+\s+(\[[^\]]*\]|[^\s;:,]+)\s*(?::\s*(\d+))?/im);
  return Number(via?.[2] || 5060);
}

async function alive() {
  const answer = await probe.transact({ method: 'OPTIONS', uri: `sip:${host}:${router.sipPort}`, from: `<sip:probe@${host}>;tag=1`, to: `<sip:${host}>` }, {});
  assert.ok(answer.status < 500, answer.start);
}

let lastByte = 2;
for (const row of rows) {
  test(`${row.file} (${row.source}): ${row.policy}`, options, async () => {
    const path = join(folder, row.file);
    assert.ok(existsSync(path), 'the data file is there');
    const data = readFileSync(path);
    assert.equal(createHash('sha256').update(data).digest('hex'), row.sha256, 'the data file is unchanged');
    // a loopback address of its own for each message: the port of its Via is free there
    lastByte += 1;
    const sip = await SipEndpoint.open({ address: `127.0.7.${lastByte}`, port: replyPort(data), to: { address: host, port: router.sipPort } });
    try {
      sip.sendRaw(data);
      const isFinal = (m) => m.status >= 200;
      let status;
      if (row.policy === 'drop' || row.policy === 'any') {
        await alive(); // answered after the message was handled
        await alive();
        status = sip.received.find((m) => m.status)?.status;
      } else {
        status = (await sip.expect((m) => isFinal(m) || (m.status > 100 && row.policy === 'valid'), 4000, 'an answer')).status;
      }
      assert.ok(judge[row.policy](status), `answered ${status}`);
      if (row.policy === 'badext' && status === 420) assert.match(sip.received.find(isFinal).get('unsupported'), /\w/);
      if (row.policy === 'dblreq') {
        await alive();
        assert.ok(sip.received.every((m) => m.get('cseq').includes('REGISTER')), 'the octets after the body start nothing');
      }
      await alive();
    } finally {
      sip.close();
    }
  });
}
