/* The configuration as text: checked while typing, faults at their line, saved only over what was read. */
import { html, nothing } from 'lit';
import { ask, exchange, Problem, sentence } from '../api.js';
import { app } from '../app-state.js';
import { offsetOf, placeAt, placeOf, places, type Place } from '../json-place.js';
import type { Fault } from '../types.js';
import { icon } from '../ui/icons.js';
import { heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';

interface PlacedFault extends Fault {
  place: Place;
}

interface Applied {
  generation: number;
  diff: { changes: { change: string; kind: string; pointer: string; id?: string }[]; restart: string[] };
  faults: Fault[];
}

const CHECK_MS = 500;
const ORDER = { error: 0, warning: 1, notice: 2 };

/** What was typed and not saved, while another view is looked at. */
let draft: { of: string; text: string; saved: string; etag: string } | null = null;

class ConfigView extends View {
  private text = '';
  private saved = '';
  private etag = '';
  private isRead = false;
  private fault = '';
  private faults: PlacedFault[] = [];
  private isChecked = false;
  private isBusy = false;
  private isStale = false;
  private applied: Applied | null = null;
  private timer = 0;
  private round = 0;

  connectedCallback() {
    super.connectedCallback();
    void this.read().then(() => this.takeDraft());
    this.whenGone(() => {
      clearTimeout(this.timer);
      draft = this.isChanged ? { of: app.me?.name ?? '', text: this.text, saved: this.saved, etag: this.etag } : null;
    });
    this.whenGone(app.events.listen((event) => {
      if (event.type === 'config_changed' && !this.isBusy) void this.changedElsewhere();
    }));
    const leave = (event: BeforeUnloadEvent) => {
      if (this.isChanged) event.preventDefault();
    };
    addEventListener('beforeunload', leave);
    this.whenGone(() => removeEventListener('beforeunload', leave));
  }

  private get isChanged() {
    return this.isRead && this.text !== this.saved;
  }

  private async read() {
    try {
      const { body, headers } = await exchange<unknown>('GET', '/api/config');
      const text = `${JSON.stringify(body, null, 2).replace(/\{\s*"masked": true\s*\}/g, '{ "masked": true }')}\n`;
      this.put({ text, saved: text, etag: headers.get('etag') ?? '', isRead: true, isStale: false, fault: '', applied: null });
      await this.check();
    } catch (error) {
      this.put({ fault: sentence(error) });
    }
  }

  /** Over another configuration than the one it was made from, it is saved only on demand. */
  private takeDraft() {
    const kept = draft;
    draft = null;
    if (!kept || !this.isRead || this.isChanged || kept.of !== app.me?.name) return;
    this.put({ text: kept.text, saved: kept.saved, isStale: kept.etag !== this.etag, etag: kept.etag });
    void this.check();
  }

  private async changedElsewhere() {
    if (!this.isChanged) {
      await this.read();
      return;
    }
    this.put({ isStale: true });
  }

  private edit(event: Event) {
    this.text = (event.target as HTMLTextAreaElement).value;
    this.isChecked = false;
    this.applied = null;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.check(), CHECK_MS);
    this.requestUpdate();
  }

  private place(faults: Fault[]): PlacedFault[] {
    const known = places(this.text);
    return faults.map((fault) => ({ ...fault, place: placeOf(this.text, fault.pointer, known) }))
      .sort((a, b) => ORDER[a.severity] - ORDER[b.severity] || a.place.offset - b.place.offset);
  }

  /* What cannot even be read says where in its sentence; everything else has a pointer. */
  private refuse(error: unknown) {
    const problem = error as Problem;
    if (problem.faults?.length) return this.place(problem.faults);
    const at = /line (\d+), column (\d+): (.*)/.exec(problem.message);
    if (!at) return null;
    const offset = offsetOf(this.text, Number(at[1]), Number(at[2]));
    return [{ severity: 'error' as const, pointer: '', line: 0, column: 0, message: at[3], suggestion: '', place: placeAt(this.text, offset) }];
  }

  private async check() {
    this.round += 1;
    const round = this.round;
    try {
      const answer = await ask<{ valid: boolean; faults: Fault[] }>('POST', '/api/config/validate', this.text);
      if (round === this.round) this.put({ faults: this.place(answer.faults), fault: '', isChecked: true });
    } catch (error) {
      if (round !== this.round) return;
      const faults = this.refuse(error);
      this.put(faults ? { faults, fault: '', isChecked: true } : { fault: sentence(error) });
    }
  }

  private async save() {
    this.put({ isBusy: true, fault: '' });
    try {
      const { body, headers } = await exchange<Applied>('PUT', '/api/config', this.text, { 'If-Match': this.etag });
      this.put({ applied: body, etag: headers.get('etag') ?? '', saved: this.text, faults: this.place(body.faults), isStale: false });
      app.say(body.diff.restart.length ? 'Saved; some of it waits for a restart.' : 'Saved and in force.');
    } catch (error) {
      const faults = this.refuse(error);
      if ((error as Problem).status === 412) this.put({ isStale: true });
      else this.put(faults ? { faults, fault: 'Not saved: the configuration has faults.' } : { fault: sentence(error) });
    }
    this.put({ isBusy: false });
  }

  /** Keeps the text of this page: it is saved over the newer one. */
  private async keepMine() {
    await this.act(async () => {
      const { headers } = await exchange('GET', '/api/config');
      this.put({ etag: headers.get('etag') ?? '', isStale: false });
    });
  }

  private keys(event: KeyboardEvent) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
      event.preventDefault();
      if (this.isChanged && app.isAdmin) void this.save();
    }
  }

  private jump(place: Place) {
    const area = this.querySelector('textarea')!;
    const end = this.text.indexOf('\n', place.offset);
    area.focus();
    area.setSelectionRange(place.offset, end < 0 ? this.text.length : end);
    area.scrollTop = Math.max(0, (place.line - 6) * parseFloat(getComputedStyle(area).lineHeight));
  }

  private scrolled(event: Event) {
    this.querySelector('.gutter')!.scrollTop = (event.target as HTMLElement).scrollTop;
  }

  private gutter() {
    const marks = new Map<number, string>();
    for (const fault of this.faults) if (marks.get(fault.place.line) !== 'error') marks.set(fault.place.line, fault.severity);
    return html`<div class="gutter" aria-hidden="true">${this.text.split('\n').map((_, i) => html`<span class=${marks.get(i + 1) ?? ''}>${i + 1}</span>`)}</div>`;
  }

  private list() {
    const tone = { error: 'bad', warning: 'fair', notice: 'quiet' } as const;
    if (this.faults.length === 0) return html`<p class="good small" role="status">${this.isChecked ? html`${icon('check')} No fault.` : ''}</p>`;
    return html`<ul class="faults" aria-label="Faults" role="list">${this.faults.map((fault) => html`<li>
      <button type="button" class="row" @click=${() => this.jump(fault.place)}>
        ${pill(`line ${fault.place.line}`, tone[fault.severity])}
        <span><b>${fault.message}</b>${fault.suggestion ? html` ${fault.suggestion}` : nothing}
          <small class="mono quiet">${fault.pointer}</small></span></button></li>`)}</ul>`;
  }

  private result() {
    if (!this.applied) return nothing;
    const { changes, restart } = this.applied.diff;
    return html`<section class="card" aria-label="What changed"><h2>Saved as generation ${this.applied.generation}</h2>
      ${changes.length === 0 ? html`<p class="quiet">Nothing differs.</p>` : html`<ul class="plain">${changes.map((change) => html`<li>${change.change} <code>${change.pointer}</code></li>`)}</ul>`}
      ${restart.length ? html`<p class="verdict">${icon('warn')}<span>Waits for a restart: ${restart.join(', ')}</span></p>` : nothing}</section>`;
  }

  render() {
    const errors = this.faults.filter((fault) => fault.severity === 'error').length;
    return html`${heading('Configuration', html`${this.isChanged ? pill('not saved', 'fair') : nothing}
        <div class="tools">
          <button type="button" ?disabled=${!this.isChanged} @click=${() => this.put({ text: this.saved, applied: null }) ?? void this.check()}>Undo all</button>
          ${app.isAdmin ? html`<button type="button" class="primary" ?disabled=${!this.isChanged || this.isBusy || errors > 0} @click=${() => void this.save()}>Save</button>` : nothing}
        </div>`)}
      ${this.isStale ? html`<p class="verdict" role="alert">${icon('warn')}<span>The configuration was changed elsewhere meanwhile.
        <button type="button" class="link" @click=${() => void this.read()}>Load the newer one</button> or
        <button type="button" class="link" @click=${() => void this.keepMine()}>keep mine</button>.</span></p>` : nothing}
      ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : nothing}
      <p class="quiet small">Passwords show as <code>{"masked": true}</code> and stay what they are unless you write another one. Comments in the file are kept.</p>
      <div class="editor">${this.gutter()}
        <textarea spellcheck="false" autocomplete="off" autocapitalize="none" wrap="off" aria-label="Configuration as JSON" ?readonly=${!app.isAdmin || !this.isRead}
          .value=${this.text} @input=${this.edit} @keydown=${this.keys} @scroll=${this.scrolled}></textarea></div>
      ${this.list()}
      ${this.result()}`;
  }
}
customElements.define('sr-config', ConfigView);
