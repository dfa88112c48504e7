// A bare browser phone: the contract's messages by hand, a tone as microphone, WebAudio as ear. It runs in a page of
// the router itself (its origin, its cookie); the product's own page has its own tests.

import { snr } from './audio.js';
import { PATIENCE_MS, slower } from './process.js';
import { poll } from './router.js';

/** Runs inside the page: window.soft. */
function install(patienceMs) {
  const soft = { messages: [], waiters: [], sessions: {}, patienceMs };
  window.soft = soft;
  soft.context = new AudioContext({ sampleRate: 48000 });

  const take = (message) => {
    message.heardAt = performance.now();
    soft.messages.push(message);
    soft.waiters = soft.waiters.filter((waiter) => {
      if (!waiter.test(message)) return true;
      waiter.resolve(message);
      return false;
    });
  };
  soft.wait = (type, more = {}, ms = patienceMs, from = 0) => new Promise((resolve, reject) => {
    const test = (m) => m.type === type && Object.entries(more).every(([name, value]) => m[name] === value);
    const seen = soft.messages.slice(from).find(test);
    if (seen) { resolve(seen); return; }
    const types = () => soft.messages.map((m) => (m.type === 'error' ? `error:${m.code}:${m.detail}` : m.type)).join(' ');
    const timer = setTimeout(() => reject(new Error(`no ${type} ${JSON.stringify(more)}; came: ${types()}`)), ms);
    soft.waiters.push({ test, resolve: (m) => { clearTimeout(timer); resolve(m); } });
  });
  soft.login = async (user, password) => {
    const answer = await fetch('/api/login', {
      method: 'POST', headers: { 'content-type': 'application/json', 'x-requested-with': 'test' },
      body: JSON.stringify({ user, password }),
    });
    return answer.status;
  };
  soft.connect = () => new Promise((resolve, reject) => {
    soft.socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/events`);
    soft.socket.onmessage = ({ data }) => take(JSON.parse(data));
    soft.socket.onopen = resolve;
    soft.socket.onerror = () => reject(new Error('the event socket was refused'));
  });
  soft.send = (message) => soft.socket.send(JSON.stringify(message));
  soft.register = async (deviceId, token) => {
    const from = soft.messages.length;
    soft.send({ type: 'webrtc-register', deviceId, name: 'test page', token });
    const registered = await soft.wait('webrtc-registered', {}, patienceMs, from);
    soft.token = registered.token;
    return registered;
  };
  soft.call = async (from, to) => {
    soft.clickedAt = performance.now();
    const answer = await fetch('/api/call', {
      method: 'POST', headers: { 'content-type': 'application/json', 'x-requested-with': 'test' },
      body: JSON.stringify({ from, to }),
    });
    if (answer.status !== 202) throw new Error(`POST /api/call: ${answer.status} ${await answer.text()}`);
    return (await answer.json()).callId;
  };

  /** A tone (0: silence) as what this page says. */
  soft.microphone = (hz) => {
    const out = soft.context.createMediaStreamDestination();
    const gain = soft.context.createGain();
    gain.gain.value = hz ? 0.3 : 0;
    const oscillator = soft.context.createOscillator();
    oscillator.frequency.value = hz || 440;
    oscillator.connect(gain).connect(out);
    oscillator.start();
    return { stream: out.stream, gain, oscillator };
  };
  /** Remote sound: heard by WebAudio, which in Chromium wants an element to pull it. */
  const listen = (session, stream) => {
    const element = new Audio();
    element.muted = true;
    element.srcObject = stream;
    element.play();
    session.element = element;
    const source = soft.context.createMediaStreamSource(stream);
    session.ear = soft.context.createAnalyser();
    session.ear.fftSize = 32768;
    session.meter = soft.context.createAnalyser(); // a short window: what is heard now
    session.meter.fftSize = 1024;
    source.connect(session.ear);
    source.connect(session.meter);
  };
  soft.listen = listen;
  soft.offer = async (sessionId, { hz = 0, resume, codec, video, setup } = {}) => {
    const pc = new RTCPeerConnection({ iceServers: [] });
    const session = { pc, mic: await soft.microphone(hz) };
    soft.sessions[sessionId]?.pc.close();
    soft.sessions[sessionId] = session;
    pc.ontrack = ({ streams, track }) => listen(session, streams[0] || new MediaStream([track]));
    session.sender = pc.addTrack(session.mic.stream.getAudioTracks()[0], session.mic.stream);
    if (video) pc.addTransceiver('video', { direction: 'recvonly' });
    if (codec) {
      const { codecs } = RTCRtpReceiver.getCapabilities('audio');
      pc.getTransceivers()[0].setCodecPreferences(codecs.filter((c) => c.mimeType.toLowerCase() === `audio/${codec}`.toLowerCase() || /telephone-event/.test(c.mimeType)));
    }
    await pc.setLocalDescription(await pc.createOffer());
    const from = soft.messages.length;
    const sdp = setup ? pc.localDescription.sdp.replaceAll('a=setup:actpass', `a=setup:${setup}`) : pc.localDescription.sdp;
    soft.send({ type: 'webrtc-offer', sessionId, sdp, ...(resume ? { resume } : {}) });
    const answer = await soft.wait('webrtc-answer', { sessionId }, patienceMs, from);
    // through a relay: its port is the only way
    const reached = soft.through ? answer.sdp.replace(/^a=candidate:.* tcp .*\r\n/gim, '')
      .replace(/^(a=candidate:\S+ \d udp \d+ \S+) \d+/gim, `$1 ${soft.through}`) : answer.sdp;
    // soft.only: the candidates that are taken, all others are closed to this page
    await pc.setRemoteDescription({ type: 'answer', sdp: soft.only ? reached.split('\r\n').filter((line) => !line.startsWith('a=candidate:') || new RegExp(soft.only, 'i').test(line)).join('\r\n') : reached });
    return answer.sdp;
  };
  /** New ICE credentials for the connection that is there: a network change without a reload. */
  soft.restart = async (sessionId) => {
    const { pc } = soft.sessions[sessionId];
    const fingerprint = (sdp) => sdp.match(/a=fingerprint:.*/)[0];
    const before = { ours: fingerprint(pc.localDescription.sdp), theirs: fingerprint(pc.remoteDescription.sdp) };
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    const from = soft.messages.length;
    soft.send({ type: 'webrtc-offer', sessionId, sdp: pc.localDescription.sdp, resume: soft.token });
    const { sdp } = await soft.wait('webrtc-answer', { sessionId }, patienceMs, from);
    await pc.setRemoteDescription({ type: 'answer', sdp });
    return { isSameKey: before.ours === fingerprint(pc.localDescription.sdp) && before.theirs === fingerprint(sdp), ufrag: sdp.match(/a=ice-ufrag:(.*)/)[1] };
  };
  soft.link = (callId, sessionId) => soft.send({ type: 'webrtc-link', callId, sessionId });
  soft.connected = (sessionId, ms = patienceMs) => new Promise((resolve, reject) => {
    const { pc } = soft.sessions[sessionId];
    const timer = setTimeout(() => reject(new Error(`${sessionId} is ${pc.connectionState}, ICE ${pc.iceConnectionState}`)), ms);
    const look = () => { if (pc.connectionState === 'connected') { clearTimeout(timer); resolve(); } };
    pc.addEventListener('connectionstatechange', look);
    look();
  });
  const level = (session) => {
    const samples = new Float32Array(1024);
    session.meter.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
  };
  /** When sound comes: ms of performance.now(). */
  soft.sound = (sessionId, ms = patienceMs, wanted = true) => new Promise((resolve, reject) => {
    const end = performance.now() + ms;
    const look = () => {
      const session = soft.sessions[sessionId];
      const now = session.ear ? level(session) : 0;
      if (session.ear && (now > 0.02) === wanted) resolve(performance.now());
      else if (performance.now() > end) reject(new Error(`level ${now} after ${ms} ms`));
      else setTimeout(look, 5);
    };
    look();
  });
  /** 0.68 s of what is heard, at 48 kHz. */
  soft.record = (sessionId) => {
    const samples = new Float32Array(32768);
    soft.sessions[sessionId].ear.getFloatTimeDomainData(samples);
    return Array.from(samples);
  };
  /** Speech instead of the tone, again and again: 16-bit samples in base64. */
  soft.speak = (sessionId, base64, rate) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const samples = Float32Array.from(new Int16Array(bytes.buffer), (x) => x / 32768);
    const buffer = soft.context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const source = soft.context.createBufferSource();
    Object.assign(source, { buffer, loop: true });
    const { mic } = soft.sessions[sessionId];
    mic.oscillator.disconnect();
    mic.gain.gain.value = 1;
    source.connect(mic.gain);
    source.start();
  };
  /** What is heard for so many seconds: 16 kHz, 16 bits, base64. */
  soft.capture = (sessionId, seconds) => new Promise((resolve) => {
    const context = soft.context;
    const tap = context.createScriptProcessor(4096, 1, 1);
    const out = new Int16Array(seconds * 16000);
    let [n, count, sum] = [0, 0, 0];
    tap.onaudioprocess = ({ inputBuffer }) => {
      inputBuffer.getChannelData(0).forEach((sample) => {
        sum += sample / 3;
        if (++count % 3 || n === out.length) return;
        out[n++] = Math.max(-1, Math.min(1, sum)) * 32767;
        sum = 0;
      });
      if (n < out.length) return;
      tap.onaudioprocess = null;
      tap.disconnect();
      let text = '';
      new Uint8Array(out.buffer).forEach((byte) => { text += String.fromCharCode(byte); });
      resolve(btoa(text));
    };
    const source = context.createMediaStreamSource(soft.sessions[sessionId].element.srcObject);
    source.connect(tap);
    tap.connect(context.destination);
  });
  /** The microphone on or off; gives the wall clock in ms. */
  soft.say = (sessionId, isOn) => {
    soft.sessions[sessionId].mic.gain.gain.value = isOn ? 0.3 : 0;
    return performance.timeOrigin + performance.now();
  };
  soft.digits = (sessionId, digits) => soft.sessions[sessionId].sender.dtmf.insertDTMF(digits, 120, 70);
  soft.stats = async (sessionId) => Array.from((await soft.sessions[sessionId].pc.getStats()).values());
}

/** A page of the router with window.soft; with a login it has its event socket. */
export async function softPage(browser, router, user = 'admin', password) {
  const page = await browser.open(`${router.api.base}/trust`);
  await page.evaluate(install, PATIENCE_MS * slower);
  if (password) {
    const status = await page.evaluate(([u, p]) => window.soft.login(u, p), [user, await password]);
    if (status !== 200) throw new Error(`login of ${user}: ${status}`);
    await page.evaluate(() => window.soft.connect());
  }
  return page;
}

/** Calls from the page; gives callId once it is linked. */
export const dialFrom = (page, from, to, session, hz) => page.evaluate(async ([f, t, s, tone]) => {
  const { soft } = window;
  const offered = soft.offer(s, { hz: tone });
  const callId = await soft.call(f, t);
  await offered;
  await soft.wait('webrtc-incoming', { callId });
  soft.link(callId, s);
  return callId;
}, [from, to, session, hz]);

/** Waits until a tone is heard in the page; gives its SNR. */
export async function heardIn(page, session, hz) {
  await page.evaluate((id) => window.soft.sound(id), session);
  let best = -100;
  await poll(async () => {
    best = Math.max(best, snr(Float64Array.from(await page.evaluate((id) => window.soft.record(id), session)), 48000, hz));
    return best > 20;
  }, PATIENCE_MS, `${hz} Hz in the page`).catch((error) => { throw Object.assign(error, { message: `${error.message}: SNR ${best.toFixed(1)} dB` }); });
  return best;
}
