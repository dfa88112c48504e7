/* Routes in the order they are tried, and what a number would do, step by step. */
import { html, nothing } from 'lit';
import { all, ask, sentence } from '../api.js';
import { app } from '../app-state.js';
import { icon } from '../ui/icons.js';
import { empty, heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { isolated } from '../words.js';

interface Route {
  id: string;
  name: string;
  enabled: boolean;
  priority: number;
  direction: string | null;
  numberPattern?: string;
  callerPattern?: string;
  targets: string[];
  provider?: string;
}

interface Step {
  route: string;
  matched: boolean;
  why: string;
}

interface Tested {
  matched: string | null;
  number: string;
  tried: Step[];
  targets: unknown[];
  provider: string | null;
  failoverProviders?: string[];
  callerId: string | null;
  emergency?: boolean;
  outcome: 'rings' | 'outside' | 'here' | 'refused';
  refused: { why: string } | null;
}

const DIRECTIONS: [string, string][] = [['internal', 'Phone to phone'], ['outbound', 'Phone to outside'], ['inbound', 'From a provider']];

/** Ids as the names people gave them. */
function nameOf(id: string): string {
  const device = app.events.devices.get(id);
  if (device) return `${isolated(device.displayName ?? id)}${device.extension ? ` (${device.extension})` : ''}`;
  return app.events.providers.get(id)?.displayName || id.replace(/^group:/, 'group ').replace(/^tel:/, '');
}

function words(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return nameOf(String(value));
  const v = value as Record<string, unknown>;
  const id = v.deviceId ?? v.id;
  return id ? nameOf(String(id)) : String(v.name ?? v.target ?? v.number ?? JSON.stringify(value));
}

class RoutesView extends View {
  private routes: Route[] = [];
  private isRead = false;
  private fault = '';
  private result: Tested | null = null;
  private testFault = '';
  private direction = 'internal';

  connectedCallback() {
    super.connectedCallback();
    void this.read();
    this.whenGone(app.events.listen((event) => {
      if (event.type === 'config_changed') void this.read();
    }));
  }

  private async read() {
    try {
      this.put({ routes: await all<Route>('/api/routes'), isRead: true, fault: '' });
    } catch (error) {
      this.put({ fault: sentence(error) });
    }
  }

  private async test(event: SubmitEvent) {
    event.preventDefault();
    const body = Object.fromEntries([...new FormData(event.target as HTMLFormElement)].filter(([, value]) => String(value).trim() !== ''));
    try {
      this.put({ result: await ask<Tested>('POST', '/api/routes/test', body), testFault: '' });
    } catch (error) {
      this.put({ result: null, testFault: sentence(error) });
    }
  }

  private form() {
    const devices = [...app.events.devices.values()];
    const providers = [...app.events.providers.values()];
    return html`<form class="inline" @submit=${this.test} aria-label="Test a number">
      <label>Number <input name="number" required inputmode="tel" autocomplete="off" maxlength="127"></label>
      <label>Direction <select name="direction" @change=${(event: Event) => this.put({ direction: (event.target as HTMLSelectElement).value })}>
        ${DIRECTIONS.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select></label>
      ${this.direction === 'inbound'
        ? html`<label>Provider <select name="provider"><option value="">Any</option>${providers.map((p) => html`<option value=${p.id}>${p.displayName || p.id}</option>`)}</select></label>`
        : html`<label>Device <select name="device"><option value="">Any</option>${devices.map((d) => html`<option value=${d.id}>${d.extension ?? ''} ${d.displayName ?? d.id}</option>`)}</select></label>`}
      <label>Caller's number <input name="caller" inputmode="tel" autocomplete="off" maxlength="127"></label>
      <button class="primary">Test</button></form>`;
  }

  private explain(result: Tested) {
    const matchedStep = result.tried.find((step) => step.matched);
    const targets = result.targets.map(words).filter(Boolean);
    const others = (result.failoverProviders ?? []).map(nameOf);
    const routeName = (id: string) => this.routes.find((route) => route.id === id)?.name || id;
    return html`<div class="explain" role="status">
      ${result.refused ? html`<p class="verdict">${icon('warn')}<span>Refused: ${result.refused.why}</span></p>` : nothing}
      <p>${result.emergency ? pill('emergency call', 'bad') : nothing} <b class="mono">${result.number}</b> ${result.matched ? html`takes route <b>${routeName(result.matched)}</b>` : matchedStep ? html`is found by <b>${routeName(matchedStep.route)}</b>` : html`is found nowhere: nothing rings`}${result.provider
      ? html`, and goes out through <b>${nameOf(result.provider)}</b>${others.length ? `, or ${others.join(', ')} if that fails` : ''}${targets.length && targets[0] !== result.number ? html`, as <b class="mono">${targets.join(', ')}</b>` : nothing}`
      : targets.length ? html`, and ${result.outcome === 'here' ? 'is answered by' : 'rings'} <b>${targets.join(', ')}</b>` : nothing}${result.callerId ? html`, showing <b class="mono">${result.callerId}</b>` : nothing}.</p>
      <ol class="steps">${result.tried.map((step) => html`<li>${pill(step.matched ? 'matches' : 'passed over', step.matched ? 'good' : 'quiet')}
        <span><b>${routeName(step.route)}</b>: ${step.why}</span></li>`)}</ol></div>`;
  }

  render() {
    return html`${heading('Routes')}
      <section class="card" aria-labelledby="h-test"><h2 id="h-test">What would this number do?</h2>
        ${this.form()}
        ${this.testFault ? html`<p class="fault" role="alert">${this.testFault}</p>` : nothing}
        ${this.result ? this.explain(this.result) : html`<p class="quiet small">Nothing rings: every step is only explained.</p>`}</section>
      ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : nothing}
      ${this.routes.length ? html`<section class="card" aria-labelledby="h-routes"><h2 id="h-routes">In the order they are tried</h2>
        <ol class="lines">${this.routes.map((route) => html`<li>
          <b>${route.name || route.id}</b>${route.enabled ? nothing : pill('off', 'quiet')}${pill(route.direction ?? 'any direction')}
          ${route.numberPattern ? html`<span class="mono">${route.numberPattern}</span>` : html`<span class="quiet">any number</span>`}
          ${route.callerPattern ? html`<span class="quiet">from <span class="mono">${route.callerPattern}</span></span>` : nothing}
          <span class="quiet" aria-hidden="true">→</span><span class="hidden">rings</span><span>${[...route.targets.map(nameOf), route.provider ? nameOf(route.provider) : ''].filter(Boolean).join(', ') || 'nothing'}</span>
        </li>`)}</ol></section>`
        : this.isRead ? empty('routes', 'No route is configured', 'Phones reach each other by extension without any.') : nothing}`;
  }
}
customElements.define('sr-routes', RoutesView);
