// What the forms make of a configuration.
import test from 'node:test';
import assert from 'node:assert/strict';
import { newId, newPassword, nextExtension, withDevice, withPassword, withProvider } from '../src/config-edit.ts';

const masked = { masked: true };

test('passwords are four groups without letters that look alike', () => {
  assert.equal(newPassword(new Uint8Array(16).map((_, at) => at)), 'abcd-efgh-ijkm-npqr');
});

test('ids are plain and never taken', () => {
  assert.equal(newId('Küche  (oben)', [], 'phone'), 'kuche-oben');
  assert.equal(newId('Desk', ['desk', 'desk-2'], 'phone'), 'desk-3');
  assert.equal(newId('電話', [], 'phone'), 'phone');
});

test('the next extension is behind the highest phone, and free', () => {
  assert.equal(nextExtension({}), '101');
  assert.equal(nextExtension({ devices: [{ id: 'a', extension: '101' }, { id: 'b', extension: '199' }], groups: [{ id: 'g', extension: '200' }] }), '201');
  assert.equal(nextExtension({ devices: [{ id: 'a', extension: '109' }] }), '111', '110 is an emergency number');
  assert.equal(nextExtension({ devices: [{ id: 'a', extension: '109' }], security: { emergencyNumbers: ['111'] } }), '110');
  assert.equal(nextExtension({ devices: [{ id: 'a', extension: '700' }] }), '721', 'parking slots');
  assert.equal(nextExtension({ devices: [{ id: 'a', extension: '700' }], parking: { slots: '' } }), '701');
});

test('a new phone and a new password keep what is masked', () => {
  const config = { devices: [{ id: 'a', extension: '101', password: masked }] };
  assert.deepEqual(withPassword(config, 'a', 'x').devices, [{ id: 'a', extension: '101', password: 'x' }]);
  const { id, patch } = withDevice(config, { name: 'Door', extension: '102', password: 'p' });
  assert.equal(id, 'door');
  assert.deepEqual(patch.devices, [{ id: 'a', extension: '101', password: masked }, { id: 'door', displayName: 'Door', extension: '102', password: 'p' }]);
});

test('a provider brings its routes, and leaves an outbound one that is there', () => {
  const from = { name: 'ACME', domain: 'sip.acme.example', username: 'u', password: 'p', country: 'de' };
  const first = withProvider({ devices: [{ id: 'a', extension: '101' }] }, from);
  assert.equal(first.id, 'acme');
  assert.deepEqual(first.patch.providers[0], { id: 'acme', displayName: 'ACME', domain: 'sip.acme.example', username: 'u', password: 'p', country: 'DE' });
  assert.deepEqual(first.patch.routing.routes.map((route) => route.id), ['out-acme', 'in-acme']);
  assert.deepEqual(first.patch.routing.routes[1].action, { targets: ['a'], ringBrowsers: true });
  const second = withProvider({ providers: [{ id: 'acme' }], routing: { routes: [{ id: 'o', match: { direction: 'outbound' } }] } }, from);
  assert.equal(second.id, 'acme-2');
  assert.deepEqual(second.patch.routing.routes.map((route) => route.id), ['o', 'in-acme-2']);
});
