// JsSIP and SIP.js as phones in a page of the router: SIP over WebSocket, media by the browser.
import { build } from 'esbuild';
import { softPage } from './softphone.js';
import { root } from './process.js';

const bundles = new Map();
async function bundle(name, contents) {
  if (!bundles.has(name)) {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: root }, bundle: true, format: 'iife', write: false, logLevel: 'error', define: { global: 'window' },
    });
    bundles.set(name, outputFiles[0].text);
  }
  return bundles.get(name);
}

/** Runs inside the page: window.wsPhone over JsSIP. Sessions are soft.sessions: soft.sound and soft.record work. */
function installJsSip([url, user, password]) {
  const { JsSIP, soft } = window;
  const phone = { log: [], calls: 0 };
  window.wsPhone = phone;
  const out = soft.microphone(Number(user) * 10);
  const take = (session, name) => {
    phone.session = session;
    (phone.sessions ||= {})[name] = session;
    soft.sessions[name] = { pc: session.connection };
    const hear = (pc) => {
      soft.sessions[name].pc = pc;
      pc.addEventListener('track', ({ streams, track }) => soft.listen(soft.sessions[name], streams[0] || new MediaStream([track])));
    };
    if (session.connection) hear(session.connection);
    else session.on('peerconnection', ({ peerconnection }) => hear(peerconnection));
    for (const event of ['progress', 'accepted', 'confirmed', 'ended', 'failed', 'hold', 'unhold']) {
      session.on(event, (e) => phone.log.push({ event, cause: e?.cause, originator: e?.originator }));
    }
  };
  phone.register = () => new Promise((resolve, reject) => {
    phone.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@siprouter`, password, register_expires: 120, session_timers: false,
    });
    phone.ua.on('registered', resolve);
    phone.ua.on('registrationFailed', ({ cause }) => reject(new Error(cause)));
    phone.ua.on('newRTCSession', ({ session, originator }) => {
      if (originator !== 'remote') return;
      take(session, 'in');
      phone.log.push({ event: 'incoming', from: session.remote_identity.uri.user });
      session.answer({ mediaStream: out.stream, pcConfig: { iceServers: [] } });
    });
    phone.ua.start();
  });
  phone.dial = (to, name = 'out') => take(phone.ua.call(`sip:${to}@siprouter`, { mediaStream: out.stream, pcConfig: { iceServers: [] } }), name);
  phone.hangup = () => phone.session.terminate();
  phone.hold = (name) => new Promise((resolve) => (phone.sessions[name] || phone.session).hold({}, resolve));
  phone.resume = () => new Promise((resolve) => phone.session.unhold({}, resolve));
  phone.digits = (digits) => phone.session.sendDTMF(digits, { transportType: 'RFC2833', duration: 120, interToneGap: 70 });
  /** Sends REFER: to a number, or (attended) to the party of another session. Done when a NOTIFY says how it went. */
  phone.refer = (to, name = 'out', other = undefined) => new Promise((resolve, reject) => {
    const session = phone.sessions[name];
    session.refer(`sip:${to}@siprouter`, {
      replaces: other && phone.sessions[other],
      eventHandlers: {
        requestFailed: ({ cause }) => reject(new Error(`REFER: ${cause}`)), accepted: resolve,
        failed: ({ status_line: line }) => reject(new Error(`NOTIFY: ${line.status_code}`)),
      },
    });
  });
  phone.stop = () => new Promise((resolve) => { phone.ua.on('disconnected', resolve); phone.ua.stop(); });
}

/** The same over SIP.js. */
function installSipJs([url, user, password]) {
  const { SIP, soft } = window;
  const phone = { log: [] };
  window.wsPhone = phone;
  const out = soft.microphone(Number(user) * 10);
  const uri = (name) => SIP.UserAgent.makeURI(`sip:${name}@siprouter`);
  const take = (session, name) => {
    phone.session = session;
    (phone.sessions ||= {})[name] = session;
    soft.sessions[name] = {};
    session.delegate = {
      onSessionDescriptionHandler: (handler) => {
        soft.sessions[name].pc = handler.peerConnection;
        handler.peerConnection.addEventListener('track', ({ streams, track }) => soft.listen(soft.sessions[name], streams[0] || new MediaStream([track])));
      },
    };
    session.stateChange.addListener((state) => phone.log.push({ event: { Established: 'confirmed', Terminated: 'ended' }[state] || state }));
  };
  const constraints = { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } };
  phone.register = async () => {
    phone.ua = new SIP.UserAgent({
      uri: uri(user), authorizationUsername: user, authorizationPassword: password, logLevel: 'error',
      transportOptions: { server: url },
      sessionDescriptionHandlerFactory: SIP.Web.defaultSessionDescriptionHandlerFactory(async () => out.stream),
      sessionDescriptionHandlerFactoryOptions: { iceGatheringTimeout: 500, peerConnectionConfiguration: { iceServers: [] } },
      delegate: {
        onInvite: (invitation) => {
          take(invitation, 'in');
          phone.log.push({ event: 'incoming', from: invitation.remoteIdentity.uri.user });
          invitation.accept(constraints);
        },
      },
    });
    await phone.ua.start();
    phone.registerer = new SIP.Registerer(phone.ua, { expires: 120 });
    await new Promise((resolve, reject) => {
      phone.registerer.stateChange.addListener((state) => { if (state === 'Registered') resolve(); });
      phone.registerer.register({ requestDelegate: { onReject: ({ message }) => reject(new Error(String(message.statusCode))) } });
    });
  };
  phone.dial = (to, name = 'out') => {
    const inviter = new SIP.Inviter(phone.ua, uri(to), constraints);
    take(inviter, name);
    return inviter.invite();
  };
  phone.hangup = () => (phone.session.state === 'Established' ? phone.session.bye() : phone.session.cancel());
  const reoffer = (hold, session = phone.session) => new Promise((resolve, reject) => {
    session.sessionDescriptionHandlerOptionsReInvite = { hold };
    session.invite({ requestDelegate: { onAccept: resolve, onReject: ({ message }) => reject(new Error(String(message.statusCode))) } });
  });
  phone.hold = (name) => reoffer(true, phone.sessions[name]);
  phone.resume = () => reoffer(false);
  phone.digits = (digits) => phone.session.sessionDescriptionHandler.sendDtmf(digits, { duration: 120, interToneGap: 70 });
  phone.refer = (to, name = 'out', other = undefined) => new Promise((resolve, reject) => {
    phone.sessions[name].refer(other ? phone.sessions[other] : uri(to), {
      requestDelegate: { onReject: ({ message }) => reject(new Error(`REFER: ${message.statusCode}`)) },
      onNotify: (notification) => {
        notification.accept();
        const { body } = notification.request;
        if (/ 2\d\d /.test(body)) resolve();
        else if (/ [3-6]\d\d /.test(body)) reject(new Error(`NOTIFY: ${body}`));
      },
    });
  });
  phone.stop = () => phone.ua.stop();
}

const kinds = {
  JsSIP: [installJsSip, "import JsSIP from 'jssip'; window.JsSIP = JsSIP;"],
  'SIP.js': [installSipJs, "import * as SIP from 'sip.js'; window.SIP = SIP;"],
};
export const wsPhoneKinds = Object.keys(kinds);

/** A page with window.wsPhone, registered. */
export async function wsPhone(browser, router, kind, extension) {
  const page = await softPage(browser, router);
  const [install, source] = kinds[kind];
  await page.evaluate(await bundle(kind, source));
  await page.evaluate(install, [`${router.api.base.replace(/^http/, 'ws')}/sip`, extension, `pw${extension}`]);
  await page.evaluate(() => window.wsPhone.register());
  return page;
}

/** Waits for an entry of its log; gives it. */
export const wsEvent = (page, event, from = 0) => page.waitForFunction(([e, n]) => window.wsPhone.log.slice(n).find((entry) => entry.event === e), [event, from], { polling: 20 })
  .then((handle) => handle.jsonValue());
