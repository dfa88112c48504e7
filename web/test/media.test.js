// The microphone: it is open only while a session has it. The browser's parts are twins.
import test from 'node:test';
import assert from 'node:assert/strict';

const opened = [];
let waiting = null;
class Twin {
  createMediaStreamSource() { return { connect() {}, disconnect() {} }; }
  createAnalyser() { return {}; }
}
let taking = null; // what replaceTrack waits for
const connections = [];
const transceiver = { sender: { replaceTrack: () => taking ?? Promise.resolve() } };
Object.assign(globalThis, {
  window: { setInterval: () => 0, isSecureContext: true },
  localStorage: { getItem: () => null },
  AudioContext: Twin,
  Audio: class {},
  RTCPeerConnection: class {
    localDescription = { sdp: 'v=0' };
    constructor() { connections.push(this); }
    addTransceiver() { return transceiver; }
    async setLocalDescription() { if (this.isClosed) throw new Error('closed'); }
    close() { this.isClosed = true; }
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

test('a microphone that the connection is just taking when the call ends is closed again; muted meanwhile, it is muted', async () => {
  for (const more of [() => media.close('three'), () => media.mute('four', true)]) {
    const name = more.toString().includes('three') ? 'three' : 'four';
    let take;
    taking = new Promise((done) => { take = done; });
    const offering = media.offer(name, true).catch(() => {});
    waiting();
    await settle();
    more();
    take();
    taking = null;
    await offering;
    const track = opened.at(-1);
    assert.equal(name === 'three' ? track.isOpen : track.enabled, false);
  }
  media.close('four');
});

test('an attempt that a later one of the same session has closed leaves that alone', async () => {
  const first = media.offer('five', true);
  const [answerFirst] = [waiting];
  media.close('five');
  const second = media.offer('five', true);
  answerFirst();
  await assert.rejects(first);
  waiting();
  await second;
  assert.deepEqual(connections.slice(-2).map((one) => Boolean(one.isClosed)), [true, false]);
  media.close('five');
});
