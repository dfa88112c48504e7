// SRTP as a party of a test speaks it: AES_CM_128_HMAC_SHA1_80 (RFC 3711) and AEAD_AES_128/256_GCM (RFC 7714), by the
// key of an a=crypto line. The roll-over counter stays 0.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

export const CM = 'AES_CM_128_HMAC_SHA1_80';
const GCM_TAG = 16;
const CM_TAG = 10;
const keyBytes = { [CM]: 16, AEAD_AES_128_GCM: 16, AEAD_AES_256_GCM: 32 };
const saltBytes = { [CM]: 14, AEAD_AES_128_GCM: 12, AEAD_AES_256_GCM: 12 };

/** Key and salt as an a=crypto line has them behind "inline:". */
export const newKey = (suite = CM) => randomBytes(keyBytes[suite] + saltBytes[suite]).toString('base64');

const derive = (key, salt, label, bytes) => { // 4.3.1, key derivation rate 0
  const iv = Buffer.alloc(16);
  salt.copy(iv);
  iv[7] ^= label;
  return createCipheriv(`aes-${key.length * 8}-ctr`, key, iv).update(Buffer.alloc(bytes));
};

function session(inline, suite) {
  const master = Buffer.from(inline, 'base64');
  const key = master.subarray(0, keyBytes[suite]);
  const salt = master.subarray(keyBytes[suite], keyBytes[suite] + saltBytes[suite]);
  return { key: derive(key, salt, 0, key.length), auth: derive(key, salt, 1, 20), salt: derive(key, salt, 2, salt.length) };
}

const xor = (iv, at, bytes) => { for (let i = 0; i < bytes.length; i += 1) iv[at + i] ^= bytes[i]; };

function counterIv(salt, packet) {
  const iv = Buffer.alloc(16);
  salt.copy(iv);
  xor(iv, 4, packet.subarray(8, 12)); // SSRC
  xor(iv, 12, packet.subarray(2, 4)); // the index: sequence number
  return iv;
}

function gcmIv(salt, packet) { // RFC 7714 8.1
  const iv = Buffer.from(salt);
  xor(iv, 2, packet.subarray(8, 12));
  xor(iv, 10, packet.subarray(2, 4));
  return iv;
}

const hmac = (auth, sealed) => createHmac('sha1', auth).update(Buffer.concat([sealed, Buffer.alloc(4)])).digest().subarray(0, CM_TAG);

/** A function that protects one RTP packet. */
export function protector(inline, suite = CM) {
  const keys = session(inline, suite);
  return (packet) => {
    const head = packet.subarray(0, 12);
    if (suite !== CM) {
      const cipher = createCipheriv(`aes-${keys.key.length * 8}-gcm`, keys.key, gcmIv(keys.salt, packet));
      cipher.setAAD(head);
      return Buffer.concat([head, cipher.update(packet.subarray(12)), cipher.final(), cipher.getAuthTag()]);
    }
    const body = createCipheriv('aes-128-ctr', keys.key, counterIv(keys.salt, packet)).update(packet.subarray(12));
    const sealed = Buffer.concat([head, body]);
    return Buffer.concat([sealed, hmac(keys.auth, sealed)]);
  };
}

/** A function that opens one protected RTP packet; null: not of this key. */
export function opener(inline, suite = CM) {
  const keys = session(inline, suite);
  return (packet) => {
    const tag = suite === CM ? CM_TAG : GCM_TAG;
    if (packet.length < 12 + tag) return null;
    const [sealed, end] = [packet.subarray(0, -tag), packet.subarray(-tag)];
    const head = packet.subarray(0, 12);
    if (suite === CM) {
      if (!hmac(keys.auth, sealed).equals(end)) return null;
      return Buffer.concat([head, createDecipheriv('aes-128-ctr', keys.key, counterIv(keys.salt, packet)).update(sealed.subarray(12))]);
    }
    const cipher = createDecipheriv(`aes-${keys.key.length * 8}-gcm`, keys.key, gcmIv(keys.salt, packet));
    cipher.setAAD(head);
    cipher.setAuthTag(end);
    try {
      return Buffer.concat([head, cipher.update(sealed.subarray(12)), cipher.final()]);
    } catch {
      return null;
    }
  };
}
