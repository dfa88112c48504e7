/* Providers and how they are, in words. */
import { html, nothing } from 'lit';
import { app } from '../app-state.js';
import type { Provider } from '../types.js';
import { icon } from '../ui/icons.js';
import { empty, heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { duration, round, when, type Tone } from '../words.js';

const STATES: Record<string, [string, Tone]> = {
  registered: ['registered', 'good'], reachable: ['reachable', 'good'], ready: ['ready', 'good'], starting: ['trying', 'fair'],
  failed: ['failed', 'bad'], disabled: ['switched off', 'quiet'], 'not built': ['not built yet', 'quiet'],
};

export const isUp = (provider: Provider) => STATES[provider.state]?.[1] === 'good';

export function providerState(provider: Provider) {
  const [words, tone] = STATES[provider.state] ?? [provider.state, 'quiet' as Tone];
  return pill(words, tone);
}

class ProvidersView extends View {
  connectedCallback() {
    super.connectedCallback();
    this.every(1000, () => this.requestUpdate());
  }

  private soon(at: string | null | undefined) {
    const left = at ? Math.round((app.events.timeOf(at) - Date.now()) / 1000) : NaN;
    return Number.isNaN(left) ? null : left > 0 ? `in ${duration(left)}` : 'now';
  }

  private fact(name: string, value: unknown) {
    return value === undefined || value === null || value === '' ? nothing : html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  }

  private mono(value: string | null | undefined) {
    return value ? html`<span class="mono">${value}</span>` : null;
  }

  private provider(p: Provider) {
    return html`<article class="card">
      <header class="section-head"><h2>${p.displayName || p.id}</h2>${providerState(p)}${p.calls ? pill(p.calls === 1 ? 'in a call' : `${p.calls} calls`, 'good') : nothing}</header>
      ${p.verdict ? html`<p class="verdict">${icon('warn')}<span>${p.verdict}</span></p>` : nothing}
      <dl class="facts">
        ${this.fact('domain', this.mono(p.domain))}
        ${this.fact('registers', p.register ? 'yes' : 'no, calls come by address')}
        ${this.fact('server in use', this.mono(p.address))}${this.fact('transport', p.transport?.toUpperCase())}
        ${this.fact('last answer', p.lastResponse)}${this.fact('failures in a row', p.failures || null)}
        ${this.fact('registered until', p.expiresAt ? when(p.expiresAt) : null)}${this.fact('next try', this.soon(p.nextTryAt))}
        ${this.fact('round trip', typeof p.rttMs === 'number' ? `${round(p.rttMs)} ms` : null)}
        ${this.fact('our address for it', this.mono(p.publicAddress))}
      </dl></article>`;
  }

  render() {
    const list = [...app.events.providers.values()];
    return html`${heading('Providers', html`<span class="count">${list.length}</span>
        ${app.isAdmin ? html`<div class="tools"><a class="button" href="#/start/provider">${icon('providers')}Add a provider</a></div>` : nothing}`)}
      <div class="grid">${list.map((provider) => this.provider(provider))}</div>
      ${list.length === 0 && app.events.isFilled ? empty('providers', 'No provider yet', app.isAdmin ? html`For calls with the outside, <a href="#/start/provider">add a provider</a>. Everything else works without one.` : 'An administrator adds them.') : nothing}`;
  }
}
customElements.define('sr-providers', ProvidersView);
