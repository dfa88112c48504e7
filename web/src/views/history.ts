/* Calls that ended: filters, the reason in words, each leg's quality, and the ladder of its messages. */
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { ask, sentence } from '../api.js';
import { app } from '../app-state.js';
import type { CallRecord, Page, RecordLeg } from '../types.js';
import { icon } from '../ui/icons.js';
import { empty, heading, lock, pill, quality } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { calledName, callerName, clock, codecWords, dayBounds, kindWords, legName, outcome, reasonWords, unbroken, when } from '../words.js';
import './ladder.js';

const RESULTS: [string, string][] = [
  ['', 'All'], ['answered', 'Answered'], ['missed', 'Not answered'], ['busy', 'Busy'], ['no_answer', 'Nobody answered'],
  ['cancelled', 'Caller gave up'], ['offline', 'Device offline'], ['declined', 'Declined'], ['not_found', 'Unknown number'],
  ['unreachable', 'Not reachable'], ['media_timeout', 'No audio'],
];

const WRITTEN_MS = 400;
const WRITTEN_MAX_MS = 6000;

class HistoryView extends View {
  private filter: Record<string, string> = {};
  private items: CallRecord[] = [];
  private cursor: string | null = null;
  private isReading = false;
  private isRead = false;
  private fault = '';
  private openId = '';
  private round = 0;

  connectedCallback() {
    super.connectedCallback();
    this.openId = app.rest;
    void this.read();
    this.whenGone(() => {
      clearTimeout(this.soon);
      clearTimeout(this.typing);
    });
    this.whenGone(app.events.listen((event) => {
      if (event.type !== 'call_ended') return;
      this.ended = String(event.callId);
      this.readSoon();
    }));
  }

  private soon = 0;
  private ended = '';

  /** The record is written a moment after the call's end, on a busy disk a longer one; many ends at once are one read. */
  private readSoon(ms = WRITTEN_MS) {
    clearTimeout(this.soon);
    this.soon = window.setTimeout(async () => {
      await this.read();
      const isShown = this.items.some((item) => item.callId === this.ended) || Object.values(this.filter).some(Boolean);
      if (!isShown && this.isConnected && ms < WRITTEN_MAX_MS) this.readSoon(2 * ms);
    }, ms);
  }

  private query(more: Record<string, string> = {}) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries({ ...this.filter, ...more })) {
      if (!value) continue;
      // a day is meant as its begin for "from" and its end for "to", here
      if (key === 'from') query.set(key, dayBounds(value).begin.toISOString());
      else if (key === 'to') query.set(key, dayBounds(value).end.toISOString());
      else query.set(key, value);
    }
    return query.toString();
  }

  private async read(cursor = '') {
    this.round += 1;
    const round = this.round;
    this.put({ isReading: true, fault: '' });
    try {
      const limit = cursor ? 50 : Math.max(50, Math.min(this.items.length, 500));
      const page = await ask<Page<CallRecord>>('GET', `/api/history?${this.query({ limit: String(limit), cursor })}`);
      if (round !== this.round) return;
      this.put({ items: cursor ? [...this.items, ...page.items] : page.items, cursor: page.nextCursor, isRead: true });
    } catch (error) {
      if (round === this.round) this.put({ fault: sentence(error) });
    }
    if (round === this.round) this.put({ isReading: false });
  }

  private typing = 0;

  /** While somebody types, the list follows. */
  private typed(event: Event) {
    clearTimeout(this.typing);
    const form = (event.currentTarget as HTMLElement).closest('form') as HTMLFormElement;
    this.typing = window.setTimeout(() => this.take(form), 250);
  }

  private change(event: Event) {
    this.take((event.currentTarget as HTMLElement).closest('form') as HTMLFormElement);
  }

  private take(form: HTMLFormElement) {
    clearTimeout(this.typing);
    const filter = Object.fromEntries([...new FormData(form)].map(([key, value]) => [key, String(value).trim()]));
    if (JSON.stringify(filter) === JSON.stringify(this.filter)) return;
    this.filter = filter;
    void this.read();
  }

  private form() {
    const devices = [...app.events.devices.values()];
    const providers = [...app.events.providers.values()];
    const change = (event: Event) => this.change(event);
    return html`<details class="filter-box" ?open=${matchMedia('(min-width: 56rem)').matches}><summary>Filter</summary><form class="inline filters" aria-label="Filter" @submit=${(event: Event) => { event.preventDefault(); this.change(event); }}>
      <label>Number <input name="number" type="search" autocomplete="off" placeholder="Any part of it" @input=${(event: Event) => this.typed(event)}></label>
      <label>Result <select name="result" @change=${change}>${RESULTS.map(([value, words]) => html`<option value=${value}>${words}</option>`)}</select></label>
      ${app.me?.role === 'user' ? nothing : html`<label>Device <select name="device" @change=${change}><option value="">All</option>
        ${devices.map((device) => html`<option value=${device.id}>${device.extension ?? device.id} ${device.displayName ?? ''}</option>`)}</select></label>`}
      ${providers.length ? html`<label>Provider <select name="provider" @change=${change}><option value="">All</option>
        ${providers.map((provider) => html`<option value=${provider.id}>${provider.displayName ?? provider.id}</option>`)}</select></label>` : nothing}
      <label>From <input type="date" name="from" @change=${change}></label>
      <label>To <input type="date" name="to" @change=${change}></label>
    </form></details>`;
  }

  private leg(leg: RecordLeg) {
    return html`<li class="leg"><div class="leg-line past">
      <div class="who"><b>${legName(leg)}</b><small>${kindWords(leg.kind)}${leg.userAgent ? ` · ${leg.userAgent}` : ''}
        ${leg.address ? html` · <span class="mono">${leg.address}</span>` : nothing}</small></div>
      <div class="flags">${leg.codec ? pill(codecWords(leg.codec)) : nothing}${lock(leg.encrypted)}
        ${leg.reason ? pill(reasonWords(leg.reason)) : nothing}${leg.sipStatus ? pill(`SIP ${leg.sipStatus}`) : nothing}</div>
      <div class="figures">${leg.answeredAt ? quality(leg.quality, true) : nothing}</div>
      <small class="quiet">${leg.answeredAt ? unbroken(`${leg.rxPackets} packets in, ${leg.txPackets} out, ${leg.lost} lost`) : ''}</small>
    </div>${leg.verdict ? html`<p class="verdict">${icon('warn')}<span>${leg.verdict}</span></p>` : nothing}</li>`;
  }

  private record(record: CallRecord) {
    const isOpen = this.openId === record.callId;
    const { word, tone } = outcome(record);
    return html`<article class="card record" data-call=${record.callId}>
      <button type="button" class="row" aria-expanded=${String(isOpen)} @click=${() => this.put({ openId: isOpen ? '' : record.callId })}>
        <span class="record-time">${when(record.startedAt)}</span>
        <b class="record-who">${callerName(record)} <span class="quiet" aria-hidden="true">→</span><span class="hidden">called</span> ${calledName(record)}</b>
        ${pill(word, tone)}
        <span class="mono record-long">${record.answeredAt ? clock(record.durationSec) : ''}</span>
      </button>
      ${isOpen ? html`<div class="record-more">
        <p class="quiet small">Call <span class="mono">${record.callId}</span>${record.routeId ? html`, route <b>${record.routeId}</b>` : nothing}${record.sipStatus ? `, SIP ${record.sipStatus}` : ''}</p>
        <ul class="legs" aria-label="Parties">${record.legs.map((leg) => this.leg(leg))}${record.legsMore ? html`<li class="quiet small">and ${record.legsMore} more</li>` : nothing}</ul>
        ${app.me?.role === 'user' ? nothing : html`<sr-ladder .callId=${record.callId} .legs=${record.legs}></sr-ladder>`}
      </div>` : nothing}
    </article>`;
  }

  render() {
    return html`${heading('History', html`<div class="tools"><a class="button" href="/api/history.csv?${this.query()}" download="history.csv">CSV</a></div>`)}
      ${this.form()}
      ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : nothing}
      <div class="records" aria-busy=${String(this.isReading)}>${repeat(this.items, (record) => record.callId, (record) => this.record(record))}</div>
      ${this.isRead && this.items.length === 0 ? empty('history', 'No call here', Object.values(this.filter).some(Boolean) ? 'Nothing fits this filter.' : 'Calls that ended are listed here, newest first.') : nothing}
      ${this.cursor ? html`<p class="centre"><button type="button" ?disabled=${this.isReading} @click=${() => void this.read(this.cursor!)}>Older calls</button></p>` : nothing}`;
  }
}
customElements.define('sr-history', HistoryView);
