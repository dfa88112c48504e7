/* Providers and how they are: whatever the router says of them, in words. */
import { html, nothing } from 'lit';
import { app } from '../app-state.js';
import type { Provider } from '../types.js';
import { icon } from '../ui/icons.js';
import { empty, heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { round, when, type Tone } from '../words.js';

const STATES: Record<string, [string, Tone]> = {
  registered: ['registered', 'good'], up: ['reachable', 'good'], ok: ['reachable', 'good'], reachable: ['reachable', 'good'],
  registering: ['registering', 'fair'], trying: ['trying', 'fair'], unknown: ['not known yet', 'quiet'], idle: ['not known yet', 'quiet'],
  failed: ['failed', 'bad'], unreachable: ['does not answer', 'bad'], down: ['does not answer', 'bad'], rejected: ['refused', 'bad'],
  disabled: ['switched off', 'quiet'], 'not built': ['not built yet', 'quiet'],
};

class ProvidersView extends View {
  private provider(provider: Provider) {
    const [words, tone] = STATES[provider.state] ?? [provider.state, 'quiet' as Tone];
    const p = provider as Record<string, any>;
    const said = p.lastResponse ?? p.lastStatus ?? null;
    const fact = (name: string, value: unknown) => (value === undefined || value === null || value === '' ? nothing : html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
    return html`<article class="card">
      <header class="section-head"><h2>${provider.displayName || provider.id}</h2>${pill(words, tone)}
        ${p.calls > 0 ? pill(`${p.calls} calls`, 'good') : nothing}</header>
      <dl class="facts">
        ${fact('domain', html`<span class="mono">${provider.domain}</span>`)}
        ${fact('registers', provider.register ? 'yes' : 'no')}
        ${fact('address', p.address ? html`<span class="mono">${p.address}</span>` : null)}
        ${fact('transport', p.transport)}
        ${fact('last answer', said && typeof said === 'object' ? `${said.status ?? ''} ${said.reason ?? ''}` : said)}
        ${fact('expires', p.expiresAt ? when(p.expiresAt) : null)}
        ${fact('next try', p.nextTryAt ? when(p.nextTryAt) : p.retryAt ? when(p.retryAt) : null)}
        ${fact('round trip', typeof p.rttMs === 'number' ? `${round(p.rttMs)} ms` : null)}
        ${fact('public address', p.publicAddress ?? p.publicIp)}
      </dl>
      ${p.why || p.verdict ? html`<p class="verdict">${icon('warn')}<span>${p.verdict ?? p.why}</span></p>` : nothing}
    </article>`;
  }

  render() {
    const list = [...app.events.providers.values()];
    return html`${heading('Providers', html`<span class="count">${list.length}</span>`)}
      <div class="grid">${list.map((provider) => this.provider(provider))}</div>
      ${list.length === 0 && app.events.isFilled ? empty('providers', 'No provider is configured', html`Add one under <a href="#/config">Configuration</a>, in <code>"providers"</code>.`) : nothing}`;
  }
}
customElements.define('sr-providers', ProvidersView);
