// `siprouter check`: twenty broken configurations, each named with its path, line and a suggestion.
import test from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from './lib/process.js';
import { cli, missing } from './lib/router.js';

const dir = missing ? '' : tempDir('check');
const devices = '"devices": [\n  { "id": "a", "extension": "101", "password": "x" }\n]';

// [what, text, where the fault is told (a path or a word of it)]
const broken = [
  ['not JSON', '{ "proxy": ', /line 1|1:/],
  ['an unknown key', '{ "proxi": {} }', /proxi/],
  ['an unknown key deep down', '{ "proxy": {\n "lanPrt": 5060 } }', /lanPrt/],
  ['a wrong type', '{ "proxy": { "lanPort": "many" } }', /lanPort/],
  ['a port out of range', '{ "proxy": { "lanPort": 70000 } }', /lanPort/],
  ['a port range turned round', '{ "proxy": { "rtpPortRange": { "min": 30000, "max": 20000 } } }', /rtpPortRange/],
  ['a network that is none', '{ "proxy": { "localNets": ["10.0.0.0/40"] } }', /localNets/],
  ['a duplicate key', '{ "realm": "a",\n "realm": "b" }', /realm/],
  ['a duplicate device id', '{ "devices": [ { "id": "a", "extension": "101", "password": "x" },\n { "id": "a", "extension": "102", "password": "x" } ] }', /devices/],
  ['a duplicate extension', '{ "devices": [ { "id": "a", "extension": "101", "password": "x" },\n { "id": "b", "extension": "101", "password": "x" } ] }', /101|extension/],
  ['an unknown codec', '{ "devices": [ { "id": "a", "extension": "101", "password": "x", "codecs": ["G722", "MP3"] } ] }', /codecs/],
  ['a dangling group member', `{ ${devices}, "groups": [ { "id": "g", "extension": "200", "members": ["ghost"] } ] }`, /ghost/],
  ['a dangling target', `{ ${devices}, "routing": { "routes": [ { "id": "r", "match": {}, "action": { "targets": ["ghost"] } } ] } }`, /ghost/],
  ['an unknown strategy', `{ ${devices}, "groups": [ { "id": "g", "extension": "200", "members": ["a"], "strategy": "chaos" } ] }`, /strategy/],
  ['a pattern that does not compile', `{ ${devices}, "routing": { "routes": [ { "id": "r", "match": { "numberPattern": "/(/" }, "action": { "targets": ["a"] } } ] } }`, /numberPattern/],
  ['a schedule that is not there', `{ ${devices}, "routing": { "routes": [ { "id": "r", "match": { "schedule": "never" }, "action": { "targets": ["a"] } } ] } }`, /never/],
  ['opening hours that are none', '{ "schedules": [ { "id": "s", "timezone": "Europe/Berlin", "rules": ["Someday 9-5"] } ] }', /rules/],
  ['a time zone that is none', '{ "schedules": [ { "id": "s", "timezone": "Mars/Base", "rules": [] } ] }', /timezone/],
  ['a conference on a taken extension', `{ ${devices}, "conferences": [ { "id": "c", "extension": "101" } ] }`, /extension|101/],
  ['an unknown feature', '{ "features": { "*43": "dance" } }', /dance|\*43/],
];

for (const [what, text, where] of broken) {
  test(`check names ${what}`, { skip: missing }, async () => {
    const path = join(dir, `${what.replace(/\W+/g, '-')}.json`);
    writeFileSync(path, text, { mode: 0o600 });
    const out = await cli(['check', '--config', path]);
    assert.equal(out.code, 1, out.stdout + out.stderr);
    const said = out.stdout + out.stderr;
    assert.match(said, where);
    assert.match(said, /line \d+|:\d+/, 'the line is told');
  });
}

test('check accepts comments and trailing commas', { skip: missing }, async () => {
  const path = join(dir, 'good.json');
  writeFileSync(path, `{ // phones\n ${devices}, /* no more */ }\n`, { mode: 0o600 });
  const out = await cli(['check', '--config', path]);
  assert.equal(out.code, 0, out.stdout + out.stderr);
});

test('a router with a broken file does not start', { skip: missing }, async () => {
  const path = join(dir, 'start.json');
  writeFileSync(path, '{ "proxi": {} }', { mode: 0o600 });
  const out = await cli(['run', '--config', path, '--data', join(dir, 'data')]);
  assert.notEqual(out.code, 0);
  assert.match(out.stdout + out.stderr, /proxi/);
});

test('wrong usage ends with 2', { skip: missing }, async () => {
  assert.equal((await cli(['dance'])).code, 2);
  assert.equal((await cli(['check', '--colour'])).code, 2);
});
