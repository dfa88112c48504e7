// Phones behind NATs made of tools/impair: what does not come through their gateway never reaches them.
import { Impair } from './impair.js';
import { ScriptPhone } from './phones.js';
import { host } from './router.js';
import { RtpParty } from './rtp.js';
import { SipEndpoint, sdp } from './sip.js';

const INSIDE = '127.7.9.2';
const gateway = (hop) => `127.7.${hop}.1`;

/** Where the world sees what passed `hops` boxes. */
export const outside = (hops) => `127.8.${hops - 1}.1`;

/** A way to `to` ("address:port") through boxes, the phone's own first; nat: {boxes: ['symmetric'], options}. */
export async function way(to, { boxes, options = {} }) {
  const impairs = [];
  let next = to;
  for (let hop = boxes.length - 1; hop >= 0; hop -= 1) {
    impairs.unshift(await Impair.start(next, {
      address: gateway(hop), nat: boxes[hop], 'nat-ip': outside(hop + 1), ...(hop === 0 ? options : {}),
    }));
    next = impairs[0].address;
  }
  return {
    impairs,
    entry: { address: gateway(0), port: impairs[0].port },
    /** The boxes forget where everything goes, as after a restart. */
    forget: () => Promise.all(impairs.map((impair) => impair.order('forget'))),
    stop: () => Promise.all(impairs.map((impair) => impair.stop())),
  };
}

export class NatPhone extends ScriptPhone {
  /** Registered through the boxes of `nat`. */
  static async open(router, extension, nat) {
    const phone = new NatPhone();
    Object.assign(phone, { router, extension, nat, password: `pw${extension}`, ways: [] });
    phone.signal = await way(`${host}:${router.sipPort}`, nat);
    phone.ways.push(phone.signal);
    phone.sip = await SipEndpoint.open({ to: phone.signal.entry, address: INSIDE, only: gateway(0) });
    phone.rtp = await RtpParty.open(0, INSIDE);
    phone.rtp.only = gateway(0);
    const answer = await phone.sip.register(extension, phone.password);
    if (answer.status !== 200) throw new Error(`REGISTER ${extension}: ${answer.start}`);
    phone.isRegistered = true;
    return phone;
  }

  get offer() { return sdp(INSIDE, this.rtp.port); }

  /** Talks and hears through the same boxes; after the SDP of the other side came. */
  async talk(hz) {
    this.media = await way(`${this.remoteMedia.address}:${this.remoteMedia.port}`, this.nat);
    this.ways.push(this.media);
    this.remoteMedia = this.media.entry;
    this.sendTone(hz);
  }

  async stop() {
    await super.stop();
    await Promise.all(this.ways.map((one) => one.stop()));
  }
}
