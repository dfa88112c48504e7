/* Can this browser phone? Step by step, with the cure of the step that failed. */
import { html, nothing } from 'lit';
import { app } from '../app-state.js';
import { runChecks, type Step } from '../checks.js';
import { media, micFault } from '../media.js';
import { phone } from '../softphone.js';
import type { RouterEvent } from '../types.js';
import { icon, type IconName } from '../ui/icons.js';
import { View } from '../ui/view.js';
import { httpsUrl } from './start.js';

const ICE_MS = 8000;
const DTLS_MS = 5000;
const ANSWER_MS = 5000;

/** A session that joins no call: only whether its audio would find the way. */
async function trySession(onIce: () => void): Promise<{ failed: 'ice' | 'dtls' | 'answer' | null; detail: string }> {
  const sessionId = `check${crypto.getRandomValues(new Uint32Array(3)).join('')}`;
  let detail = '';
  let answer = '';
  const until = (test: () => boolean, ms: number) => new Promise<boolean>((done) => {
    const began = Date.now();
    const timer = setInterval(() => {
      if (!test() && Date.now() - began < ms) return;
      clearInterval(timer);
      done(test());
    }, 50);
  });
  const stop = app.events.listen((event: RouterEvent) => {
    if (event.sessionId !== sessionId) return;
    if (event.type === 'webrtc-answer') answer = String(event.sdp);
    if (event.type === 'error') detail = String(event.detail ?? event.code);
  });
  try {
    const sdp = await media.offer(sessionId, false);
    app.events.send({ type: 'webrtc-offer', sessionId, sdp });
    if (!(await until(() => answer !== '' || detail !== '', ANSWER_MS)) || !answer) return { failed: 'answer', detail: detail || 'no word within 5 seconds.' };
    await media.accept(sessionId, answer);
    const part = () => media.failedPart(sessionId);
    // the router's word comes when nothing arrived for 5 seconds
    await until(() => part() !== 'ice' || media.isOver(sessionId) || detail !== '', ICE_MS);
    if (part() === 'ice') return { failed: 'ice', detail };
    onIce();
    await until(() => part() === null || media.isOver(sessionId), DTLS_MS);
    return part() === null ? { failed: null, detail: '' } : { failed: 'dtls', detail };
  } catch (error) {
    return { failed: 'answer', detail: error instanceof Error ? error.message : String(error) };
  } finally {
    stop();
    media.close(sessionId);
    app.events.send({ type: 'webrtc-hangup', sessionId });
  }
}

const ICONS: Record<Step['state'], IconName> = { waiting: 'more', running: 'more', passed: 'check', failed: 'warn', skipped: 'more' };
const WORDS: Record<Step['state'], string> = { waiting: 'waiting', running: 'trying', passed: 'fine', failed: 'failed', skipped: 'not tried' };

export class ChecksView extends View {
  private steps: Step[] = [];
  private isRunning = false;

  async run() {
    if (this.isRunning) return;
    this.put({ isRunning: true });
    await runChecks({
      isSecure: () => window.isSecureContext,
      httpsUrl,
      microphone: async () => {
        if (!navigator.mediaDevices) throw new Error(micFault(null));
        const stream = await media.openMicrophone();
        const [track] = stream.getAudioTracks();
        track.stop();
        return track.label || 'found';
      },
      isLive: () => app.events.link === 'live',
      phone: () => ({ state: phone.state, deviceId: phone.deviceId, refusal: phone.refusal }),
      session: trySession,
      webrtcPort: () => (app.events.status?.limits?.webrtcPort as number | undefined) ?? null,
    }, (steps) => this.put({ steps }));
    this.put({ isRunning: false });
  }

  render() {
    return html`<div class="checks">
      <button type="button" class="wide" ?disabled=${this.isRunning} @click=${this.run}>${icon('check')}${this.isRunning ? 'Checking' : 'Check this browser'}</button>
      ${this.steps.length ? html`<ol aria-live="polite">${this.steps.map((step) => html`<li class=${step.state}>
        ${icon(ICONS[step.state])}<span><b>${step.title}</b> <span class="quiet small">${WORDS[step.state]}</span>
        ${step.words ? html`<small>${step.words}</small>` : nothing}
        ${step.id === 'secure' && step.state === 'failed' ? html`<small><a href="/trust">How to trust the certificate</a></small>` : nothing}</span></li>`)}</ol>` : nothing}
    </div>`;
  }
}
customElements.define('sr-checks', ChecksView);
