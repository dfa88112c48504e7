// Ports nobody else holds. A process claims blocks of 800 by holding the block's first TCP port; the
// claims end with the process. Blocks lie below the range the kernel gives to outgoing connections.
import net from 'node:net';
import dgram from 'node:dgram';

const BLOCK = 800;
const FIRST = 10000;
const BLOCKS = 27;
let next = 0;
let end = 0;

function claim(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.unref();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(true));
  });
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => {
      const socket = dgram.createSocket('udp4');
      socket.once('error', () => { socket.close(); resolve(false); });
      socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => socket.close(() => resolve(true)));
    }));
  });
}

async function claimBlock() {
  const start = Math.floor(Math.random() * BLOCKS);
  for (let i = 0; i < BLOCKS; i += 1) {
    const base = FIRST + ((start + i) % BLOCKS) * BLOCK;
    if (await claim(base)) {
      next = base + 2;
      end = base + BLOCK;
      return;
    }
  }
  throw new Error('no free block of ports');
}

/** `count` free ports in a row, the first one even; free for UDP and TCP. */
export async function freePorts(count = 1) {
  if (count > BLOCK - 2) throw new Error('more ports than a block has');
  for (;;) {
    next += next % 2;
    if (next + count > end) await claimBlock();
    const base = next;
    next += count;
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
}

export const freePort = () => freePorts(1);
