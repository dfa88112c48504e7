// The microphone: it is open only while a session has it. The browser's parts are twins.
import test from 'node:test';
import assert from 'node:assert/strict';

const opened = [];
let waiting = null;
class Twin {
  createMediaStreamSource() { return { connect() {}, disconnect() {} }; }
  createAnalyser() { return {}; }
}
const transceiver = { sender: { replaceTrack: async () => {} } };
Object.assign(globalThis, {
  window: { setInterval: () => 0, isSecureContext: true },
  localStorage: { getItem: () => null },
  AudioContext: Twin,
  Audio: class {},
  RTCPeerConnection: class {
    localDescription = { sdp: 'v=0' };
    addTransceiver() { return transceiver; }
    async setLocalDescription() {}
    close() {}
  },
});
Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { mediaDevices: {
  addEventListener() {},
  getUserMedia: () => new Promise((done) => {
    const track = { enabled: true, isOpen: true, stop() { this.isOpen = false; } };
    opened.push(track);
    waiting = () => done({ getTracks: () => [track], getAudioTracks: () => [track] });
  }),
} } });
const { media } = await import('../src/media.ts');
const settle = () => new Promise((done) => { setImmediate(done); });

test('a microphone that is opened for a call that ended meanwhile is closed again', async () => {
  const offering = media.offer('one', true);
  waiting();
  await offering;
  opened[0].onended(); // unplugged: another one is opened
  await settle();
  media.close('one');
  waiting();
  await settle();
  assert.deepEqual(opened.map((track) => track.isOpen), [false, false]);
});

test('a microphone that is chosen while the call ends is closed again', async () => {
  globalThis.localStorage.setItem = () => {};
  const offering = media.offer('two', true);
  waiting();
  await offering;
  const choosing = media.choose('microphone', 'other');
  await settle();
  media.close('two');
  waiting();
  await choosing;
  assert.ok(opened.every((track) => !track.isOpen));
});
