// A name server for one test: what its table says, nothing else.
import dgram from 'node:dgram';
import { deferred } from './process.js';

const TYPES = { 1: 'A', 28: 'AAAA', 33: 'SRV', 35: 'NAPTR' };

const nameBytes = (name) => Buffer.concat([...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0])]);

function ip6Bytes(text) {
  const [head, tail = ''] = text.split('::');
  const words = (part) => part.split(':').filter(Boolean).map((word) => parseInt(word, 16));
  const all = [...words(head), ...Array(8 - words(head).length - words(tail).length).fill(0), ...words(tail)];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]));
}

function dataOf(type, value) {
  if (type === 'A') return Buffer.from(value.split('.').map(Number));
  if (type === 'AAAA') return ip6Bytes(value);
  const [priority, weight, port, target] = value;
  const numbers = Buffer.alloc(6);
  [priority, weight, port].forEach((number, i) => numbers.writeUInt16BE(number, 2 * i));
  return Buffer.concat([numbers, nameBytes(target)]);
}

export class NameServer {
  /** records: {"A four.test": ["127.0.0.1"], "SRV _sip._udp.x.test": [[10, 0, 5060, "four.test"]]} */
  static async open(records) {
    const server = new NameServer();
    server.records = records;
    server.socket = dgram.createSocket('udp4');
    server.socket.on('message', (data, from) => server.#answer(data, from));
    const bound = deferred();
    server.socket.once('error', bound.reject);
    server.socket.bind(0, '127.0.0.1', bound.resolve);
    await bound.promise;
    server.address = `127.0.0.1:${server.socket.address().port}`;
    return server;
  }

  #answer(data, from) {
    const labels = [];
    let at = 12;
    for (; data[at] !== 0; at += data[at] + 1) labels.push(data.toString('latin1', at + 1, at + 1 + data[at]).toLowerCase());
    const type = data.readUInt16BE(at + 1);
    const question = data.subarray(12, at + 5);
    const name = labels.join('.');
    const values = this.records[`${TYPES[type]} ${name}`] || [];
    const isKnown = Object.keys(this.records).some((key) => key.endsWith(` ${name}`));
    const head = Buffer.alloc(12);
    data.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180 | (isKnown ? 0 : 3), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(values.length, 6);
    const answers = values.map((value) => {
      const rdata = dataOf(TYPES[type], value);
      const fixed = Buffer.alloc(12);
      fixed.writeUInt16BE(0xc00c, 0);
      fixed.writeUInt16BE(type, 2);
      fixed.writeUInt16BE(1, 4);
      fixed.writeUInt32BE(60, 6);
      fixed.writeUInt16BE(rdata.length, 10);
      return Buffer.concat([fixed, rdata]);
    });
    this.socket.send(Buffer.concat([head, question, ...answers]), from.port, from.address);
  }

  async stop() { this.socket.close(); }
}
