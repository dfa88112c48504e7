// Call set-up through a network that loses 10, 20 and 30 % of the SIP packets. SIPp gives a call up when a
// late repeat of an older answer surprises it, so a little less than ours is asked of the pair: the bars of
// the router itself (99.9, 99.5 and 97 %) are held over 2,000 calls in virtual time.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Router, device, host, missing } from './lib/router.js';
import { Impair } from './lib/impair.js';
import { Sipp } from './lib/sipp.js';
import { csvLine, sippPhone } from './lib/phones.js';

for (const [loss, calls, share] of [[0.1, 300, 0.99], [0.2, 200, 0.98], [0.3, 100, 0.95]]) {
  test(`${loss * 100} % loss: ${share * 100} % of the calls are set up`, { skip: missing }, async () => {
    const router = await Router.start({ rtpPorts: 700, devices: ['101', '102'].map((e) => device(e, { codecs: ['PCMU'], maxCalls: 1000 })) });
    const uas = await sippPhone(router, '102', { scenario: 'uas_answer.xml', timeoutSec: 100 });
    const impair = await Impair.start(`${host}:${router.sipPort}`, { loss, seed: Math.round(loss * 100), proto: 'udp' });
    try {
      const result = await Sipp.run({
        scenario: 'uac_auth.xml', remote: impair.address, service: '102', csv: [csvLine('101')],
        calls, rate: 25, limit: 1000, timeoutSec: 75, args: ['-d', '10', '-max_retrans', '12'],
      });
      const counters = await impair.order('stats');
      assert.ok(counters.lost > counters.received * loss * 0.8, JSON.stringify(counters));
      assert.ok(result.successful >= Math.floor(calls * share), `${result.successful} of ${calls}\n${result.text}`);
    } finally {
      await impair.stop();
      await uas.stop();
      await router.stop();
    }
  });
}
