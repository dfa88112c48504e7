/*
 * Whether this browser can phone, step by step: each step that fails says what it is and how it is cured. Steps behind
 * a failed one are not tried. No DOM: the probes come in.
 */

export type StepState = 'waiting' | 'running' | 'passed' | 'failed' | 'skipped';

export interface Step {
  id: 'secure' | 'microphone' | 'socket' | 'phone' | 'ice' | 'dtls';
  title: string;
  state: StepState;
  /** passed: what was found; failed: what is wrong and the cure. */
  words: string;
}

export interface Probes {
  isSecure(): boolean;
  httpsUrl(): string | null;
  /** Opens and closes the microphone; gives its name. Throws a sentence. */
  microphone(): Promise<string>;
  isLive(): boolean;
  phone(): { state: string; deviceId: string; refusal: string };
  /** Makes a session of its own with the router and waits for it. */
  session(onIce: () => void): Promise<{ failed: 'ice' | 'dtls' | 'answer' | null; detail: string }>;
  webrtcPort(): number | null;
}

const TITLES: [Step['id'], string][] = [
  ['secure', 'Safe page'], ['microphone', 'Microphone'], ['socket', 'Line to the router'], ['phone', 'This browser is a phone'],
  ['ice', 'Way for the audio'], ['dtls', 'Encryption of the audio'],
];

export function newSteps(): Step[] {
  return TITLES.map(([id, title]) => ({ id, title, state: 'waiting', words: '' }));
}

export async function runChecks(probes: Probes, show: (steps: Step[]) => void): Promise<Step[]> {
  const steps = newSteps();
  const at = (id: Step['id']) => steps.find((step) => step.id === id)!;
  const set = (id: Step['id'], state: StepState, words = '') => {
    Object.assign(at(id), { state, words });
    if (state === 'failed') for (const step of steps) if (step.state === 'waiting' || (step.state === 'running' && step.id !== id)) step.state = 'skipped';
    show([...steps]);
    return state !== 'failed';
  };
  const port = probes.webrtcPort();
  const portWords = port ? `port ${port} (UDP, or TCP where UDP is closed)` : 'the port for browsers (proxy.webrtcPort)';

  set('secure', 'running');
  const https = probes.httpsUrl();
  if (!set('secure', probes.isSecure() ? 'passed' : 'failed', probes.isSecure() ? 'HTTPS, or this machine itself'
    : `The browser gives the microphone only to safe pages. ${https ? `Open ${https} instead` : 'Open the page by its https address'}, and trust the router's certificate once.`)) return steps;

  set('microphone', 'running');
  try {
    set('microphone', 'passed', await probes.microphone());
  } catch (error) {
    set('microphone', 'failed', error instanceof Error ? error.message : String(error));
    return steps;
  }

  set('socket', 'running');
  if (!set('socket', probes.isLive() ? 'passed' : 'failed', probes.isLive() ? 'WebSocket is up'
    : 'The WebSocket to the router is down. If a proxy stands between, it must let WebSockets through at /api/events.')) return steps;

  set('phone', 'running');
  const phone = probes.phone();
  if (!set('phone', phone.state === 'ready' ? 'passed' : 'failed', phone.state === 'ready' ? `registered as ${phone.deviceId}`
    : phone.state === 'not-built' ? 'This router does not speak with browsers.' : `The router did not take this browser as a phone${phone.refusal ? `: ${phone.refusal}` : '.'} Choose another device under Settings.`)) return steps;

  set('ice', 'running');
  const result = await probes.session(() => {
    set('ice', 'passed', `packets pass ${portWords}`);
    set('dtls', 'running');
  });
  if (result.failed === 'answer') set('ice', 'failed', `The router did not answer: ${result.detail}`);
  else if (result.failed === 'ice') set('ice', 'failed', `No packet came through ${portWords}. Open it in the firewall of the router's machine; from outside, forward it to the router. ${result.detail}`.trim());
  else if (result.failed === 'dtls') set('dtls', 'failed', `The way is there, but the keys were not agreed. A firewall that inspects DTLS, or a very old browser, does that. ${result.detail}`.trim());
  else {
    if (at('ice').state !== 'passed') set('ice', 'passed', `packets pass ${portWords}`);
    set('dtls', 'passed', 'DTLS-SRTP');
  }
  return steps;
}
