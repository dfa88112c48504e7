/* Live calls: parties, what their audio does, and everything that can be done to them. */
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { calls } from '../api.js';
import { app } from '../app-state.js';
import type { Call, Leg } from '../types.js';
import { icon } from '../ui/icons.js';
import { empty, heading, iconButton, keypad, lock, pill, quality } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { calledName, callerName, clock, codecWords, kindWords, legName, legState, mediaWords } from '../words.js';

const ROLES: [string, string][] = [
  ['participant', 'Participant: everybody hears it'],
  ['isolated', 'Isolated: hears and is heard by nobody'],
  ['tool', 'Tool: listens, is not a party'],
];

class CallsView extends View {
  /** "callId/legId" whose keypad stands open, callId of the open form. */
  private padOf = '';
  private formOf = '';
  private sent = '';

  connectedCallback() {
    super.connectedCallback();
    this.every(1000, () => this.requestUpdate());
  }

  private timer(call: Call) {
    const from = call.answeredAt ?? call.startedAt;
    return from ? clock((Date.now() - app.events.timeOf(from)) / 1000) : '';
  }

  /** With a leg: that party is connected with somebody else; without: one more is rung. */
  private async submit(event: SubmitEvent, call: Call, leg?: Leg) {
    event.preventDefault();
    const to = String(new FormData(event.target as HTMLFormElement).get('to')).trim();
    if (!to) return;
    if (await this.act(() => (leg ? calls.transfer(call.callId, leg.legId, to) : calls.add(call.callId, to)))) this.put({ formOf: '' });
  }

  private form(call: Call, leg?: Leg) {
    if (this.formOf !== (leg ? `${call.callId}/${leg.legId}` : call.callId)) return nothing;
    return html`<form class="inline" @submit=${(event: SubmitEvent) => this.submit(event, call, leg)}>
      <label>${leg ? `Connect ${legName(leg)} with` : 'Number or extension'} <input name="to" required maxlength="127" autocomplete="off" autofocus></label>
      <button class="primary">${leg ? 'Transfer' : 'Ring'}</button></form>`;
  }

  private digit(call: Call, leg: Leg, digit: string) {
    this.put({ sent: (this.sent + digit).slice(-16) });
    void this.act(() => calls.digits(call.callId, leg.legId, digit));
  }

  private legTools(call: Call, leg: Leg) {
    const key = `${call.callId}/${leg.legId}`;
    const name = legName(leg);
    const change = (what: Parameters<typeof calls.change>[2]) => () => void this.act(() => calls.change(call.callId, leg.legId, what));
    const isUp = leg.state === 'answered';
    return html`<div class="tools" role="group" aria-label="Steer ${name}">
      ${iconButton(leg.muted ? 'micOff' : 'mic', leg.muted ? `Unmute ${name}` : `Mute ${name}`, change({ muted: !leg.muted }), { pressed: leg.muted, disabled: !isUp })}
      ${iconButton(leg.held ? 'play' : 'pause', leg.held ? `Take ${name} off hold` : `Put ${name} on hold`, change({ held: !leg.held }), { pressed: leg.held, disabled: !isUp })}
      ${iconButton('keypad', `Send digits to ${name}`, () => this.put({ padOf: this.padOf === key ? '' : key, sent: '' }), { pressed: this.padOf === key, disabled: !isUp })}
      ${leg.kind === 'media' ? nothing : iconButton('transfer', `Transfer ${name}`, () => this.put({ formOf: this.formOf === key ? '' : key }), { pressed: this.formOf === key, disabled: !isUp })}
      <label class="hidden" for="role-${leg.legId}">Role of ${name}</label>
      <select id="role-${leg.legId}" ?disabled=${!isUp || !app.isAdmin} @change=${(event: Event) => change({ role: (event.target as HTMLSelectElement).value })()}>
        ${ROLES.map(([value, words]) => html`<option value=${value} ?selected=${leg.role === value} title=${words}>${value}</option>`)}
      </select>
      ${iconButton('close', `Drop ${name}`, () => void this.act(() => calls.drop(call.callId, leg.legId)), { tone: 'bad' })}
    </div>`;
  }

  private leg(call: Call, leg: Leg): TemplateResult {
    const isOpen = this.padOf === `${call.callId}/${leg.legId}`;
    return html`<li class="leg">
      <div class="leg-line">
        <div class="who"><b>${legName(leg)}</b>
          <small>${kindWords(leg.kind)}${leg.address ? html` · <span class="mono">${leg.address}</span>` : nothing}</small></div>
        <div class="flags">
          ${pill(legState(leg), leg.state === 'answered' && !leg.held ? 'good' : 'quiet')}
          ${leg.muted ? pill('muted', 'fair') : nothing}
          ${leg.codec ? pill(codecWords(leg.codec)) : nothing}
          ${lock(leg.encrypted)}
        </div>
        <div class="figures">${leg.state === 'answered' ? quality(leg.quality) : nothing}</div>
        ${app.maySteer ? this.legTools(call, leg) : nothing}
      </div>
      ${leg.verdict ? html`<p class="verdict">${icon('warn')}<span>${leg.verdict}</span></p>` : nothing}
      ${this.form(call, leg)}
      ${isOpen ? html`<div class="pad-box"><output aria-label="Digits sent">${this.sent || ' '}</output>
        ${keypad((digit) => this.digit(call, leg, digit))}</div>` : nothing}
    </li>`;
  }

  private call(call: Call): TemplateResult {
    const isUp = call.state === 'answered';
    const hasForm = this.formOf === call.callId;
    return html`<article class="card call" data-call=${call.callId}>
      <header>
        <h2><span>${callerName(call)}</span> <span class="arrow" aria-hidden="true">→</span><span class="hidden">calls</span> <span>${calledName(call)}</span></h2>
        ${pill(isUp ? 'talking' : 'ringing', isUp ? 'good' : 'fair')}
        <span class="mono" title=${isUp ? 'since the answer' : 'since the start'}>${this.timer(call)}</span>
        <span class="grow"></span>
        ${app.maySteer && isUp && (call.locked || call.legs.length > 2) ? html`<button type="button" aria-pressed=${String(call.locked ?? false)}
          @click=${() => void this.act(() => calls.lock(call.callId, !call.locked))}>${icon('lock')}${call.locked ? 'Unlock' : 'Lock'}</button>` : nothing}
        ${app.maySteer && isUp ? html`<button type="button" aria-expanded=${String(hasForm)}
          @click=${() => this.put({ formOf: hasForm ? '' : call.callId })}>${icon('add')}Add party</button>` : nothing}
        ${app.maySteer ? html`<button type="button" class="danger" @click=${() => void this.act(() => calls.hangUp(call.callId))}>
          ${icon('hangup')}Hang up</button>` : nothing}
      </header>
      <p class="quiet small">${mediaWords(call)}${call.routeId ? html`, by route <b>${call.routeId}</b>` : nothing}
        · ${call.direction}</p>
      ${this.form(call)}
      <ul class="legs" aria-label="Parties">${repeat(call.legs, (leg) => leg.legId, (leg) => this.leg(call, leg))}</ul>
    </article>`;
  }

  render() {
    const list = [...app.events.calls.values()].sort((a, b) => (b.startedAt ?? '').localeCompare(a.startedAt ?? ''));
    return html`${heading('Calls', html`<span class="count">${list.length}</span>`)}
      ${list.length > 0 ? repeat(list, (call) => call.callId, (call) => this.call(call))
        : app.events.isFilled ? empty('calls', 'No call at the moment', 'Calls appear here the moment they begin.')
          : html`<p class="quiet" role="status">Reading</p>`}`;
  }
}
customElements.define('sr-calls', CallsView);
