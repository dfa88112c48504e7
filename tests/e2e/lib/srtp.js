// SRTP as a party of a test sends it: AES_CM_128_HMAC_SHA1_80 (RFC 3711), the key of an a=crypto line.
import { createCipheriv, createHmac } from 'node:crypto';

const derive = (key, salt, label, bytes) => { // 4.3.1, key derivation rate 0
  const iv = Buffer.alloc(16);
  salt.copy(iv);
  iv[7] ^= label;
  return createCipheriv('aes-128-ctr', key, iv).update(Buffer.alloc(bytes));
};

/** A function that protects one RTP packet; inline: 30 bytes in base64; the roll-over counter stays 0. */
export function protector(inline) {
  const master = Buffer.from(inline, 'base64');
  const [key, salt] = [master.subarray(0, 16), master.subarray(16, 30)];
  const session = { key: derive(key, salt, 0, 16), auth: derive(key, salt, 1, 20), salt: derive(key, salt, 2, 14) };
  return (packet) => {
    const iv = Buffer.alloc(16);
    session.salt.copy(iv);
    for (let i = 0; i < 4; i += 1) iv[4 + i] ^= packet[8 + i]; // SSRC
    for (let i = 0; i < 2; i += 1) iv[12 + i] ^= packet[2 + i]; // the index: sequence number
    const body = createCipheriv('aes-128-ctr', session.key, iv).update(packet.subarray(12));
    const sealed = Buffer.concat([packet.subarray(0, 12), body]);
    const tag = createHmac('sha1', session.auth).update(Buffer.concat([sealed, Buffer.alloc(4)])).digest().subarray(0, 10);
    return Buffer.concat([sealed, tag]);
  };
}
