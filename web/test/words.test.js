// What people read: places in JSON, ladders, suggestions.
import test from 'node:test';
import assert from 'node:assert/strict';
import { offsetOf, placeOf, places } from '../src/json-place.ts';
import { ladder } from '../src/trace.ts';
import { suggest } from '../src/recents.ts';
import { calledName, callerName, clock, dayBounds, duration, legName, outcome, qualityFigures, qualityWords, reasonWords, unbroken } from '../src/words.ts';

test('a day ends where the next one begins, also when clocks are changed', () => {
  const zone = process.env.TZ;
  process.env.TZ = 'Europe/Berlin';
  try {
    const hours = (day) => (dayBounds(day).end - dayBounds(day).begin) / 3600000;
    assert.deepEqual(['2026-03-28', '2026-03-29', '2026-10-25', '2026-12-31'].map(hours), [24, 23, 25, 24]);
    assert.equal(dayBounds('2026-10-25').end.toISOString(), '2026-10-25T23:00:00.000Z');
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

test('a JSON pointer leads to its line, also around comments and trailing commas', () => {
  const text = '{\n  // a comment with "devices": [\n  "devices": [\n    { "id": "a", },\n    /* two\n       lines */ { "id": "b",\n      "a/b~c": { "x": [1, 2] } }\n  ],\n}\n';
  const line = (pointer) => placeOf(text, pointer).line;
  assert.equal(line('/devices'), 3);
  assert.equal(line('/devices/0/id'), 4);
  assert.equal(line('/devices/1'), 6);
  assert.equal(line('/devices/1/a~1b~0c/x/1'), 7);
  assert.equal(line('/devices/1/missing'), 6, 'the nearest thing around it');
  assert.equal(line('/nothing'), 1);
  assert.equal(placeOf(text, '/devices/0/id').column, 7);
});

test('text that is no JSON gives what can be found, and ends', () => {
  for (const text of ['', '{', '{"a"', '{"a": [1, {"b"', '{"a": }', '[1 2]', '{"a": "x', '{a: 1}', ']', '/*', '{"a": 1 "b": 2}']) places(text);
  assert.equal(placeOf('{"a": 1,\n "b" 2}', '/a').line, 1);
});

test('line and column of a message become an offset', () => {
  assert.equal(offsetOf('ab\ncd\nef', 2, 2), 4);
  assert.equal(offsetOf('ab', 9, 1), 2);
});

const message = (at, legId, direction, text) => ({ at: `2026-01-01T00:00:0${at}Z`, legId, direction, transport: 'udp', local: '192.0.2.1:5060', remote: `${legId}:5060`, message: text.replace(/\n/g, '\r\n') });

test('messages become rows of a ladder, in order, repeats marked', () => {
  const { lanes, rows } = ladder([
    message('0.250', 'b', 'sent', 'INVITE sip:b SIP/2.0\nVia: x;branch=2\nCSeq: 1 INVITE\nContent-Type: application/sdp\n\nv=0\n'),
    message('0.000', 'a', 'received', 'INVITE sip:b SIP/2.0\nVia: x;branch=1\nCSeq: 1 INVITE\n\n'),
    message('0.500', 'a', 'received', 'INVITE sip:b SIP/2.0\nVia: x;branch=1\nCSeq: 1 INVITE\n\n'),
    message('0.600', 'b', 'received', 'SIP/2.0 486 Busy Here\nVia: x;branch=2\nCSeq: 1 INVITE\n\n'),
  ], (legId) => ({ a: 'Anna' })[legId] ?? null);
  assert.deepEqual(lanes.map((lane) => lane.title), ['Anna', 'b:5060']);
  assert.deepEqual(rows.map((row) => [row.at, row.lane, row.toRouter, row.title, row.note, row.kind, row.isRepeated]), [
    [0, 0, true, 'INVITE', '', 'request', false],
    [250, 1, false, 'INVITE', 'SDP', 'request', false],
    [500, 0, true, 'INVITE', '', 'request', true],
    [600, 1, true, '486 Busy Here', 'INVITE', 'failure', false],
  ]);
  assert.deepEqual(ladder([], () => null), { lanes: [], rows: [] });
});

test('suggestions fit digits anywhere and words at their start, each number once', () => {
  const list = [
    { number: '102', name: 'Desk phone', kind: 'recent', detail: '' }, { number: '102', name: 'Desk phone', kind: 'device', detail: '' },
    { number: '+49301234', name: 'Mum', kind: 'contact', detail: '' },
  ];
  const numbers = (typed) => suggest(typed, list).map((item) => item.number);
  assert.deepEqual(numbers(''), ['102', '+49301234']);
  assert.deepEqual(numbers('123'), ['+49301234']);
  assert.deepEqual(numbers('12 34'), ['+49301234']);
  assert.deepEqual(numbers('pho'), ['102']);
  assert.deepEqual(numbers('hone'), []);
});

test('a name from right to left stays a name: numbers and arrows do not turn', () => {
  assert.equal(legName({ name: 'مكتب', number: '101' }), '\u2068مكتب\u2069 (101)');
  assert.equal(callerName({ from: '102', fromName: 'חדר' }), '\u2068חדר\u2069 (102)');
  assert.equal(calledName({ to: '103', legs: [{ number: '103', name: 'Küche ☕' }] }), 'Küche ☕ (103)');
});

test('figures as words', () => {
  assert.equal(qualityWords({ mos: 4.4 }).word, 'excellent');
  assert.equal(qualityWords({ mos: 2 }).tone, 'bad');
  assert.equal(clock(3700), '1:01:40');
  assert.equal(clock(65), '1:05');
  assert.equal(duration(90000), '1 day 1 h');
  assert.equal(reasonWords('no_answer'), 'nobody answered');
  assert.equal(reasonWords('something_new'), 'something new');
  assert.equal(outcome({ answeredAt: 'x', reason: 'hangup' }).tone, 'good');
  assert.deepEqual(outcome({ answeredAt: 'x', reason: 'api' }), { word: 'answered', tone: 'good' });
  assert.match(outcome({ answeredAt: 'x', reason: 'unreachable' }).word, /away for more than 30 seconds/);
  assert.equal(outcome({ answeredAt: null, reason: 'transferred' }).tone, 'quiet');
  assert.equal(outcome({ answeredAt: null, reason: 'unreachable' }).word, 'could not be reached');
  assert.equal(unbroken('Opus, 0 % lost, 2 ms jitter'), 'Opus, 0\u00a0%\u00a0lost, 2\u00a0ms\u00a0jitter');
});

test('of a leg that heard nothing no figures are told', () => {
  assert.equal(qualityFigures({ mos: null, lossPct: 0, jitterMs: 0, rttMs: null }), '');
  assert.equal(qualityFigures({ mos: 4.4, lossPct: 0, jitterMs: 0, rttMs: 24 }), 'MOS 4.4, 0 % lost, 0 ms jitter, 24 ms round trip');
  assert.equal(qualityFigures({ mos: null, lossPct: 2, jitterMs: 0, rttMs: null }), '2 % lost, 0 ms jitter'); // passed through
});
