/* The softphone: calls of this browser, dial pad, who to call, sound, and the checks behind it. */
import { html, nothing, type PropertyValues } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { all, ask } from '../api.js';
import { app } from '../app-state.js';
import { media, type Listening } from '../media.js';
import type { PhoneCall } from '../phone.js';
import { recents, recentsOf, suggest, type Recent, type Suggestion } from '../recents.js';
import { chooseDevice, phone, wantedDevice } from '../softphone.js';
import { canChooseSpeaker, chooseRinger, keyTone, ringer, testRing, testSpeaker } from '../sounds.js';
import type { CallRecord, Page, PhoneBookEntry } from '../types.js';
import { icon, type IconName } from '../ui/icons.js';
import { heading, iconButton, keypad, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { clock, codecWords, legName, qualityFigures, qualityWords, reasonWords, unbroken, when } from '../words.js';
import './checks.js';
import type { ChecksView } from './checks.js';
import { httpsUrl } from './start.js';

const narrow = matchMedia('(max-width: 64rem)');
const ECHO = '*43';
const ECHO_NAME = 'Echo test';

const STATES: Record<PhoneCall['state'], string> = {
  preparing: 'opening the microphone', ringing: 'is calling', connecting: 'connecting', calling: 'ringing there', talking: 'talking', ended: 'ended',
};

export function stateWords(call: PhoneCall): string {
  if (call.state === 'ended') return reasonWords(call.why, call.answeredAt !== null) || 'ended';
  if (call.state !== 'ringing' && (call.media === 'broken' || call.media === 'failed')) return 'the way to the router broke; trying again';
  if (call.isHeld) return 'on hold';
  return STATES[call.state];
}

/** Not a reason word but what went wrong, with its cure: it is read, so it stays. */
const isSentence = (why: string) => why.includes(' ');

class PhoneView extends View {
  private typed = '';
  private book: PhoneBookEntry[] = [];
  private padOf = '';
  private sent = '';
  /** key of the call with an open form, and which. */
  private formOf = '';
  private form: 'transfer' | 'add' = 'transfer';
  private isSoundOpen = false;
  private microphones: MediaDeviceInfo[] = [];
  private speakers: MediaDeviceInfo[] = [];
  private listening: Listening | null = null;
  private wasRinging = false;
  private seen = 0;
  /** Of this device, as the router tells; "of" which device it was asked. */
  private past: Recent[] = [];
  private pastOf = '';
  private soon = 0;

  connectedCallback() {
    super.connectedCallback();
    this.every(1000, () => this.requestUpdate());
    this.every(100, () => this.showLevels());
    void all<PhoneBookEntry>('/api/contacts').then((book) => this.put({ book })).catch(() => {});
    const keys = (event: KeyboardEvent) => this.key(event);
    addEventListener('keydown', keys);
    this.whenGone(() => removeEventListener('keydown', keys));
    if (app.rest) this.typed = app.rest;
    this.whenGone(app.events.listen((event) => {
      if (event.type === 'call_ended') this.readPast(500); // its record is written a moment later
    }));
    const look = () => this.requestUpdate();
    narrow.addEventListener('change', look);
    this.whenGone(() => narrow.removeEventListener('change', look));
    const plugged = () => void this.lookForDevices();
    navigator.mediaDevices?.addEventListener('devicechange', plugged);
    this.whenGone(() => navigator.mediaDevices?.removeEventListener('devicechange', plugged));
    this.whenGone(() => this.listening?.stop());
  }

  private readPast(ms: number) {
    clearTimeout(this.soon);
    const { deviceId } = phone;
    this.pastOf = deviceId;
    this.soon = window.setTimeout(async () => {
      const page = await ask<Page<CallRecord>>('GET', `/api/history?limit=30&device=${encodeURIComponent(deviceId)}`).catch(() => null);
      if (page && deviceId === phone.deviceId) this.put({ past: recentsOf(page.items, deviceId, app.events.devices.get(deviceId)?.extension ?? null) });
    }, ms);
  }

  /* Enter answers, unless somebody is in the middle of something else. */
  protected updated(changed: PropertyValues) {
    super.updated(changed);
    if (phone.state === 'ready' && phone.deviceId !== this.pastOf) this.readPast(0);
    const live = this.shown.filter((call) => call.state !== 'ended').length;
    if (live > this.seen) scrollTo({ top: 0 }); // who was chosen far below, or calls, is seen
    this.seen = live;
    const isRinging = phone.ringing.length > 0;
    const at = document.activeElement;
    if (isRinging && !this.wasRinging && (!at || at === document.body || at.matches('main, h1'))) {
      this.querySelector<HTMLElement>('.answer .green')?.focus();
    }
    this.wasRinging = isRinging;
  }

  private get shown() {
    return phone.calls.filter((call) => !(call.direction === 'in' && call.state === 'preparing'));
  }

  /* ---- keys: digits go where they make sense ---- */

  private key(event: KeyboardEvent) {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select, dialog')) return;
    if (!/^[0-9*#+]$/.test(event.key)) return;
    event.preventDefault();
    const call = phone.active;
    if (call?.state === 'talking' && this.padOf === call.key) this.digit(call, event.key);
    else this.type(event.key);
  }

  private type(key: string) {
    keyTone(key);
    this.put({ typed: this.typed + key });
  }

  private digit(call: PhoneCall, digit: string) {
    keyTone(digit);
    this.put({ sent: (this.sent + digit).slice(-20) });
    void this.act(() => phone.digits(call.key, digit));
  }

  private dial(number: string, name: string | null = null) {
    const to = number.trim().replace(/^\+?[\d\s()/.-]+$/, (text) => text.replace(/[\s()/.-]/g, ''));
    if (!to) return;
    this.put({ typed: '' });
    void phone.dial(to, name);
  }

  /** A name stands for who it found first; anything else is dialled as it stands. */
  private submitNumber(event: SubmitEvent) {
    event.preventDefault();
    const found = this.found(this.typed);
    if (found) this.dial(found.number, found.name);
  }

  private found(typed: string): { number: string; name: string | null } | null {
    const wanted = typed.trim();
    if (!wanted) return null;
    const isName = /[a-z]/i.test(wanted) && !this.known.some((item) => item.number === wanted);
    const [first] = isName ? suggest(wanted, this.known) : [];
    return first ?? { number: wanted, name: null };
  }

  /** From the number field down to those it found, and among them. */
  private toPeople(event: KeyboardEvent) {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const rows = [...this.querySelectorAll<HTMLButtonElement>('.people .row')];
    const at = rows.indexOf(document.activeElement as HTMLButtonElement) + (event.key === 'ArrowDown' ? 1 : -1);
    event.preventDefault();
    if (at < 0) this.querySelector<HTMLInputElement>('#number')?.focus();
    else rows[Math.min(at, rows.length - 1)]?.focus();
  }

  /* ---- calls ---- */

  private showLevels() {
    const test = this.querySelector<HTMLMeterElement>('[data-test]');
    if (test && this.listening) test.value = this.listening.level();
    for (const call of this.shown) {
      if (!call.sessionId) continue;
      const levels = media.levels(call.sessionId);
      const mine = this.querySelector<HTMLMeterElement>(`[data-mine="${call.key}"]`);
      const theirs = this.querySelector<HTMLMeterElement>(`[data-theirs="${call.key}"]`);
      if (mine) mine.value = levels.mine;
      if (theirs) theirs.value = levels.theirs;
    }
  }

  private big(name: IconName, text: string, onClick: () => void, options: { pressed?: boolean; open?: boolean; form?: string; tone?: string; disabled?: boolean } = {}) {
    return html`<button type="button" class="big ${options.tone ?? ''}" aria-pressed=${options.pressed === undefined ? nothing : String(options.pressed)}
      aria-expanded=${options.open === undefined ? nothing : String(options.open)} data-form=${options.form ?? nothing}
      ?disabled=${options.disabled ?? false} @click=${onClick}>${icon(name)}<span>${text}</span></button>`;
  }

  private async submit(event: SubmitEvent, call: PhoneCall) {
    event.preventDefault();
    const to = this.found(String(new FormData(event.target as HTMLFormElement).get('to')));
    if (!to) return;
    if ((event.submitter as HTMLButtonElement | null)?.value === 'ask') { // this call waits; then both are connected
      this.put({ formOf: '' });
      this.dial(to.number, to.name);
      return;
    }
    const isDone = await this.act(() => (this.form === 'transfer' ? phone.transfer(call.key, to.number) : phone.addParty(call.key, to.number)));
    if (isDone) this.put({ formOf: '' });
  }

  private async openForm(call: PhoneCall, form: 'transfer' | 'add') {
    const isOpen = this.formOf === call.key && this.form === form;
    this.put({ formOf: isOpen ? '' : call.key, form });
    await this.updateComplete;
    this.querySelector<HTMLElement>('.phone-call form input')?.focus();
  }

  private closeForm(event: KeyboardEvent) {
    if (event.key !== 'Escape') return;
    this.put({ formOf: '' });
    this.querySelector<HTMLElement>(`[data-form=${this.form}]`)?.focus();
  }

  private callForm(call: PhoneCall) {
    const isTransfer = this.form === 'transfer';
    return html`<form class="inline call-form" @submit=${(event: SubmitEvent) => this.submit(event, call)} @keydown=${this.closeForm}>
      <label>${isTransfer ? 'Connect them with' : 'Ring too'} <input name="to" required autocomplete="off" autocapitalize="none" maxlength="127" list="known" placeholder="Number or name"></label>
      <button class="primary">${isTransfer ? 'Transfer now' : 'Ring'}</button>
      ${isTransfer ? html`<button name="how" value="ask">Ask first</button>
        <p class="small quiet">Ask first: this call waits while you speak with them, then <b>Connect both</b>.</p>` : nothing}</form>`;
  }

  private tools(call: PhoneCall) {
    const isTalking = call.state === 'talking';
    const waiting = phone.calls.find((other) => other !== call && other.state === 'talking' && other.isHeld);
    const isOpen = (form: 'transfer' | 'add') => this.formOf === call.key && this.form === form;
    if (call.isHeld && phone.calls.some((other) => other !== call && other.state !== 'ended' && !other.isHeld)) {
      return html`<div class="bigs two">
        ${this.big('play', 'Resume', () => void this.act(() => phone.hold(call.key, false)))}
        ${this.big('hangup', 'Hang up', () => phone.hangUp(call.key), { tone: 'red' })}</div>`;
    }
    return html`<div class="bigs">
      ${this.big(call.isMuted ? 'micOff' : 'mic', call.isMuted ? 'Unmute' : 'Mute', () => phone.mute(call.key, !call.isMuted), { pressed: call.isMuted })}
      ${this.big(call.isHeld ? 'play' : 'pause', call.isHeld ? 'Resume' : 'Hold', () => void this.act(() => phone.hold(call.key, !call.isHeld)), { pressed: call.isHeld, disabled: !isTalking })}
      ${this.big('keypad', 'Keypad', () => this.put({ padOf: this.padOf === call.key ? '' : call.key, sent: '' }), { pressed: this.padOf === call.key, disabled: !isTalking })}
      ${this.big('transfer', 'Transfer', () => void this.openForm(call, 'transfer'), { open: isOpen('transfer'), form: 'transfer', disabled: !isTalking })}
      ${this.big('add', 'Add', () => void this.openForm(call, 'add'), { open: isOpen('add'), form: 'add', disabled: !isTalking })}
      ${waiting && isTalking && !call.isHeld ? this.big('swap', 'Connect both', () => void this.act(() => phone.connect(waiting.key, call.key)), { tone: 'strong' }) : nothing}
      ${this.big('hangup', 'Hang up', () => phone.hangUp(call.key), { tone: 'red' })}
    </div>`;
  }

  private sound(call: PhoneCall) {
    if (call.isHeld) return nothing;
    const figures = call.sessionId ? media.figures(call.sessionId) : null;
    const { word, tone } = qualityWords(figures);
    const view = call.callId ? app.events.calls.get(call.callId) : undefined;
    const verdict = view?.legs.find((leg) => leg.kind === 'webrtc' && leg.verdict)?.verdict ?? view?.legs.find((leg) => leg.verdict)?.verdict;
    return html`<div class="sound">
      <label>You<meter min="0" max="1" high="0.95" optimum="0.5" data-mine=${call.key} value="0"></meter></label>
      <label>Other side<meter min="0" max="1" high="0.95" optimum="0.5" data-theirs=${call.key} value="0"></meter></label>
      <p class="quality ${tone}"><b>Sound ${word}</b><small>${unbroken([codecWords(figures?.codec), qualityFigures(figures)].filter(Boolean).join(', '))}</small></p>
    </div>
    ${[...media.troubles, ...(verdict ? [verdict] : [])].map((words) => html`<p class="verdict" role="status">${icon('warn')}<span>${words}</span></p>`)}`;
  }

  private parties(call: PhoneCall) {
    const view = call.callId ? app.events.calls.get(call.callId) : undefined;
    const others = view?.legs.filter((leg) => !(leg.kind === 'webrtc' && leg.deviceId === phone.deviceId)) ?? [];
    if (view && others.length === 0 && call.state === 'talking') return html`<p class="quiet small" role="status">Nobody else is here yet.</p>`;
    if (others.length < 2) return nothing;
    return html`<p class="quiet small">With ${others.map((leg) => `${legName(leg)}${leg.state === 'answered' ? '' : ' (ringing)'}`).join(', ')}</p>`;
  }

  private call(call: PhoneCall) {
    const who = call.name ?? (call.number || 'Call');
    const isUp = call.state !== 'ringing' && call.state !== 'ended';
    const isOver = call.state === 'ended';
    return html`<article class="card phone-call ${call.state} ${call.isHeld ? 'held' : ''}" aria-label="Call with ${who}">
      <header><div><h2>${who}</h2>${call.name && call.name !== call.number ? html`<p class="mono quiet">${call.number}</p>` : nothing}</div>
        <div class="phone-state"><span role="status">${stateWords(call)}</span>
          ${call.answeredAt && !isOver ? html`<span class="timer" role="timer">${clock((Date.now() - call.answeredAt) / 1000)}</span>` : nothing}</div>
        ${isOver ? iconButton('close', 'Close', () => phone.forget(call.key)) : nothing}</header>
      ${this.parties(call)}
      ${call.state === 'ringing' ? html`<div class="answer">
          <button type="button" class="green" @click=${() => void phone.answer(call.key)}>${icon('phone')}Answer</button>
          <button type="button" class="red" @click=${() => phone.hangUp(call.key)}>${icon('hangup')}Reject</button></div>` : nothing}
      ${isUp ? html`${this.sound(call)}${this.tools(call)}` : nothing}
      ${isUp && !call.isHeld && this.formOf === call.key ? this.callForm(call) : nothing}
      ${isUp && this.padOf === call.key ? html`<div class="pad-box"><output aria-label="Digits sent">${this.sent || ' '}</output>${keypad((digit) => this.digit(call, digit))}</div>` : nothing}
      ${call.state === 'ended' && call.direction === 'out' && call.why !== 'hangup' ? html`<div class="tools after">
        <button type="button" @click=${() => this.again(call)}>${icon('phone')}Call again</button>
        ${isSentence(call.why) ? html`<button type="button" @click=${this.check}>${icon('check')}Check this browser</button>` : nothing}</div>` : nothing}
    </article>`;
  }

  private again(call: PhoneCall) {
    phone.forget(call.key);
    this.dial(call.number, call.name);
  }

  private check() {
    const checks = this.querySelector<ChecksView>('sr-checks');
    checks?.scrollIntoView({ block: 'nearest' });
    void checks?.run();
  }

  /* ---- dialling ---- */

  private get known(): Suggestion[] {
    const lists: Suggestion[] = [];
    const names = new Map<string, string>();
    names.set(ECHO, ECHO_NAME);
    for (const entry of this.book) names.set(entry.number, entry.name);
    for (const device of app.events.devices.values()) if (device.extension) names.set(device.extension, device.displayName ?? device.id);
    // what the router remembers, and what it has not told yet
    const newest = this.past[0]?.at ?? 0;
    const all = [...recents().filter((recent) => !this.past.length || recent.at > newest), ...this.past].sort((a, b) => b.at - a.at);
    for (const recent of all) {
      if (recent.number.startsWith('guest:')) continue;
      lists.push({ number: recent.number, name: recent.name ?? names.get(recent.number) ?? null, kind: 'recent', isMissed: recent.isMissed,
        detail: `${recent.isMissed ? 'missed' : recent.direction === 'in' ? 'called you' : 'you called'} ${when(new Date(recent.at).toISOString())}` });
    }
    const recent = this.typed ? [] : lists.splice(0, 8);
    for (const entry of [...this.book].sort((a, b) => Number(b.starred) - Number(a.starred) || a.name.localeCompare(b.name, undefined, { numeric: true }))) {
      lists.push({ number: entry.number, name: entry.name, kind: 'contact', detail: entry.number });
    }
    for (const device of app.events.devices.values()) {
      if (device.extension && device.id !== phone.deviceId) lists.push({ number: device.extension, name: device.displayName ?? device.id, kind: 'device', detail: `${device.extension}${device.registered ? '' : ', offline'}` });
    }
    return [...recent, ...lists];
  }

  /* Beside the keypad; where there is no room beside it, right below what is typed. */
  private people(isBelow = false) {
    if (Boolean(this.typed && narrow.matches) !== isBelow) return nothing;
    const list = suggest(this.typed, this.known).slice(0, isBelow ? 4 : 12);
    const icons: Record<Suggestion['kind'], IconName> = { contact: 'user', device: 'devices', recent: 'history' };
    return html`<section class="people ${isBelow ? 'below' : 'card'}" aria-labelledby="h-people"><h2 id="h-people" class=${isBelow ? 'hidden' : ''}>${this.typed ? 'Fits what you typed' : 'Recent calls and contacts'}</h2>
      ${list.length === 0 ? html`<p class="quiet small">${this.typed ? 'Nobody you know: it is dialled as it stands.' : 'Calls stand here once you made some; contacts come from the configuration.'}</p>` : nothing}
      <ul @keydown=${this.toPeople}>${repeat(list, (item) => item.number, (item) => html`<li><button type="button" class="row" @click=${() => this.dial(item.number, item.name)} ?disabled=${phone.state !== 'ready'}>
        ${icon(icons[item.kind])}<span class="who ${item.isMissed ? 'missed' : ''}"><b>${item.name ?? item.number}</b><small>${item.detail}</small></span><span class="hidden">: call</span>
      </button></li>`)}</ul></section>`;
  }

  private dialler() {
    const isReady = phone.state === 'ready';
    const isInCall = this.shown.some((call) => call.state !== 'ended'); // then the call has the room, and digits go to it
    return html`<section class="card dialler ${isInCall ? 'brief' : ''}" aria-labelledby="h-dial"><h2 id="h-dial" class=${isInCall ? '' : 'hidden'}>${isInCall ? 'Another call' : 'Dial'}</h2>
      <form @submit=${this.submitNumber}>
        <label class="hidden" for="number">Number or name</label>
        <div class="number"><input id="number" type="text" inputmode="tel" autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="127" placeholder="Number or name"
          .value=${this.typed} @keydown=${this.toPeople} @input=${(event: Event) => this.put({ typed: (event.target as HTMLInputElement).value })}>
          ${this.typed ? html`<button type="button" class="icon-button" aria-label="Delete last" @click=${() => this.put({ typed: this.typed.slice(0, -1) })}>${icon('back')}</button>` : nothing}</div>
        ${this.people(true)}
        ${isInCall ? nothing : keypad((digit) => this.type(digit))}
        <button class="green call-button" ?disabled=${!isReady || !this.typed.trim()}>${icon('phone')}Call</button>
      </form>
      ${isInCall ? nothing : html`<button type="button" class="wide" ?disabled=${!isReady} @click=${() => this.dial(ECHO, ECHO_NAME)}>${icon('swap')}Hear yourself: echo test</button>`}
    </section>`;
  }

  /* ---- settings ---- */

  private async openSound() {
    this.put({ isSoundOpen: !this.isSoundOpen });
    await this.listen();
    await this.lookForDevices();
  }

  /* Names of devices are told only to pages that may use the microphone; so it is opened, and its level shown. */
  private async listen() {
    this.listening?.stop();
    this.listening = null;
    if (!this.isSoundOpen) return;
    try {
      const listening = await media.listen();
      const isWanted = this.isSoundOpen && this.isConnected;
      const old = isWanted ? this.listening as Listening | null : listening; // of another click meanwhile
      if (isWanted) this.listening = listening;
      old?.stop();
    } catch (error) {
      app.say((error as Error).message, 'bad');
    }
  }

  private async lookForDevices() {
    if (this.isSoundOpen) this.put(await media.devices());
  }

  private async chooseMicrophone(id: string) {
    await media.choose('microphone', id);
    await this.listen();
  }

  private picker(title: string, list: MediaDeviceInfo[], chosen: string, choose: (id: string) => void) {
    return html`<label>${title} <select @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
      <option value="">Default of this computer</option>
      ${list.filter((device) => device.deviceId !== 'default').map((device) => html`<option value=${device.deviceId} ?selected=${device.deviceId === chosen}>${device.label || 'Unnamed'}</option>`)}</select></label>`;
  }

  /* Firefox tells of a speaker only once it was picked in a window of its own. */
  private otherSpeaker() {
    const picking = navigator.mediaDevices as MediaDevices & { selectAudioOutput?: () => Promise<MediaDeviceInfo> };
    if (!picking?.selectAudioOutput) return html`<p class="small quiet hint">No other speaker was found.</p>`;
    return html`<button type="button" @click=${() => void this.act(async () => {
      await media.choose('speaker', (await picking.selectAudioOutput!()).deviceId);
      await this.lookForDevices();
    })}>${icon('speaker')}Choose another speaker</button>`;
  }

  private settings() {
    const canNotify = 'Notification' in window && Notification.permission === 'default';
    return html`<section class="card settings" aria-labelledby="h-settings">
      <header class="section-head"><h2 id="h-settings">Settings</h2>
        <button type="button" aria-expanded=${String(this.isSoundOpen)} @click=${this.openSound}>${icon('speaker')}Sound</button></header>
      ${this.isSoundOpen ? html`<div class="stack">
        ${this.picker('Microphone', this.microphones, media.microphone, (id) => void this.act(() => this.chooseMicrophone(id)))}
        <label>Speak: the bar must move<meter min="0" max="1" high="0.95" optimum="0.5" data-test value="0"></meter></label>
        ${canChooseSpeaker() ? html`${this.picker('Speaker', this.speakers, media.speaker, (id) => void this.act(() => media.choose('speaker', id)))}
          ${this.picker('Ringer', this.speakers, ringer(), (id) => { chooseRinger(id); testRing(); })}
          ${this.speakers.length === 0 ? this.otherSpeaker() : nothing}`
    : html`<p class="small quiet"><b>Speaker and ringer:</b> this browser lets no page choose a speaker. Calls and ringing are heard on the one that is set in the sound settings of this device.</p>`}
        <div class="halves"><button type="button" @click=${() => void testSpeaker(media.speaker)}>${icon('speaker')}Test speaker</button>
          <button type="button" @click=${testRing}>${icon('bell')}Test ringer</button></div></div>` : nothing}
      ${app.me?.role === 'user' ? nothing : html`<label>This browser rings as
        <select @change=${(event: Event) => chooseDevice((event.target as HTMLSelectElement).value)}>
          <option value="">No extension: it only calls</option>
          ${[...app.events.devices.values()].map((device) => html`<option value=${device.id} ?selected=${device.id === wantedDevice()}>${device.extension ?? ''} ${device.displayName ?? device.id}</option>`)}
        </select></label>`}
      ${app.me?.role !== 'user' && !wantedDevice() ? html`<p class="small quiet hint">To be called here, choose an extension: this browser then rings beside its phones. Without one it rings only where a route says <code>ringBrowsers</code>.</p>` : nothing}
      ${canNotify ? html`<button type="button" @click=${() => void Notification.requestPermission().then(() => this.requestUpdate())}>${icon('bell')}Notify me of calls</button>` : nothing}
      <sr-checks></sr-checks>
    </section>`;
  }

  private unsafe() {
    const https = httpsUrl();
    return html`<div class="verdict">${icon('warn')}<span>Opened this way, the browser gives this page no microphone, so you would not be heard.
      ${https ? html`Open <a href=${`${https}/#/phone`}>${https}</a> instead` : 'Open the page by its https address instead'}, after <a href="/trust">trusting the router's certificate</a> once.</span></div>`;
  }

  private standing() {
    const device = app.events.devices.get(phone.deviceId);
    if (phone.state === 'ready') return pill(device ? `rings as ${device.extension ?? device.displayName ?? device.id}` : 'ready to call', 'good');
    if (phone.state === 'registering') return pill('registering', 'fair');
    if (phone.state === 'not-built') return pill('this router does not speak with browsers', 'bad');
    if (phone.state === 'refused') return pill(phone.refusal || 'refused', 'bad');
    return pill('no line', 'bad');
  }

  render() {
    const list = this.shown;
    return html`${heading('Phone', html`${this.standing()}${app.isStarting ? html`<a class="small" href="#/start">Back to the first steps</a>` : nothing}`)}
      ${window.isSecureContext ? nothing : this.unsafe()}
      <datalist id="known">${this.known.map((item) => html`<option value=${item.number}>${item.name ?? ''}</option>`)}</datalist>
      <div class="phone">
        <div class="phone-main">${repeat(list, (call) => call.key, (call) => this.call(call))}
          ${this.dialler()}</div>
        <div class="phone-side">${this.people()}${this.settings()}</div>
      </div>`;
  }
}
customElements.define('sr-phone', PhoneView);
