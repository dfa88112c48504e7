// Asking the router: what breaks on the way, and what must keep its order.
import test from 'node:test';
import assert from 'node:assert/strict';
import { calls, exchange, Problem } from '../src/api.ts';

const answer = (status, text) => ({ status, ok: status < 400, headers: new Headers(), text: async () => text });

test('an answer that breaks off is told as a router that cannot be reached', async () => {
  for (const fetching of [async () => { throw new TypeError('fetch failed'); }, async () => ({ ...answer(200), text: async () => { throw new TypeError('terminated'); } })]) {
    globalThis.fetch = fetching;
    await assert.rejects(exchange('GET', '/api/me'), (error) => error instanceof Problem && error.status === 0 && /cannot be reached/.test(error.message));
  }
});

test('digits are asked for one behind the other; one that fails does not stop the next', async () => {
  const asked = [];
  const open = [];
  globalThis.fetch = (path, { body }) => {
    asked.push(JSON.parse(body).digits);
    return new Promise((done) => { open.push(done); });
  };
  const settle = () => new Promise((done) => { setImmediate(done); });
  const typed = ['1', '2', '3'].map((digit) => calls.digits('call', 'leg', digit).then(() => 'sent', () => 'refused'));
  for (const [status, so] of [[204, ['1']], [409, ['1', '2']], [204, ['1', '2', '3']]]) {
    await settle();
    assert.deepEqual(asked, so);
    open.shift()(answer(status, ''));
  }
  assert.deepEqual(await Promise.all(typed), ['sent', 'refused', 'sent']);
});
