// Recent calls of a device, from the router's records.
import test from 'node:test';
import assert from 'node:assert/strict';
import { recentsOf } from '../src/recents.ts';

const leg = (deviceId, number, more = {}) => ({ deviceId, number, name: `Name ${number}`, answeredAt: null, reason: null, ...more });
const at = '2026-11-21T10:00:00.000Z';

test('out, in, missed, declined and answered elsewhere are told apart', () => {
  const list = recentsOf([
    { from: '101', fromName: 'Me', to: '102', startedAt: at, legs: [leg('me', '101'), leg('other', '102')] },
    { from: '102', fromName: 'Other', to: '101', startedAt: at, legs: [leg('other', '102'), leg('me', '101', { answeredAt: at })] },
    { from: '+49301', fromName: null, to: '101', startedAt: at, legs: [leg('me', '101')] },
    { from: '102', fromName: 'Other', to: '101', startedAt: at, legs: [leg('me', '101', { reason: 'declined' })] },
    { from: '102', fromName: 'Other', to: '101', startedAt: at, legs: [leg('me', '101', { reason: 'answered_elsewhere' })] },
  ], 'me', '101');
  assert.deepEqual(list.map((one) => [one.direction, one.number, one.name, one.isMissed]), [
    ['out', '102', 'Name 102', false], ['in', '102', 'Other', false], ['in', '+49301', null, true], ['in', '102', 'Other', false], ['in', '102', 'Other', false],
  ]);
  assert.equal(list[0].at, Date.parse(at));
});

test('a guest is known by its own name', () => {
  const [one] = recentsOf([{ from: 'guest:anna', fromName: null, to: '*43', startedAt: null, legs: [leg('guest:anna', null)] }], 'guest:anna', null);
  assert.deepEqual([one.direction, one.number, one.isMissed], ['out', '*43', false]);
});
