/* The frame: login or the page, the way between its views, the line's state, what is said in the corner. */
import { html, LitElement, nothing } from 'lit';
import { app, type Theme } from './app-state.js';
import { phone, startPhone } from './softphone.js';
import type { Role } from './types.js';
import { clock } from './words.js';
import { icon, type IconName } from './ui/icons.js';
import { mark } from './ui/mark.js';
import './views/account.js';
import './views/login.js';
import './views/calls.js';
import './views/config.js';
import './views/devices.js';
import './views/history.js';
import { stateWords } from './views/phone.js';
import './views/providers.js';
import './views/routes.js';
import './views/start.js';
import './views/status.js';
import './views/users.js';

interface Entry {
  id: string;
  title: string;
  icon: IconName;
  roles: Role[];
  show: () => unknown;
}

const EVERYBODY: Role[] = ['admin', 'read', 'user'];
const WATCHERS: Role[] = ['admin', 'read'];

const ENTRIES: Entry[] = [
  { id: 'start', title: 'Start', icon: 'check', roles: ['admin'], show: () => html`<sr-start></sr-start>` },
  { id: 'phone', title: 'Phone', icon: 'phone', roles: ['admin', 'user'], show: () => html`<sr-phone></sr-phone>` },
  { id: 'calls', title: 'Calls', icon: 'calls', roles: EVERYBODY, show: () => html`<sr-calls></sr-calls>` },
  { id: 'devices', title: 'Devices', icon: 'devices', roles: EVERYBODY, show: () => html`<sr-devices></sr-devices>` },
  { id: 'history', title: 'History', icon: 'history', roles: EVERYBODY, show: () => html`<sr-history></sr-history>` },
  { id: 'providers', title: 'Providers', icon: 'providers', roles: WATCHERS, show: () => html`<sr-providers></sr-providers>` },
  { id: 'routes', title: 'Routes', icon: 'routes', roles: WATCHERS, show: () => html`<sr-routes></sr-routes>` },
  { id: 'config', title: 'Configuration', icon: 'config', roles: WATCHERS, show: () => html`<sr-config></sr-config>` },
  { id: 'users', title: 'Users', icon: 'users', roles: ['admin'], show: () => html`<sr-users></sr-users>` },
  { id: 'status', title: 'Status', icon: 'status', roles: WATCHERS, show: () => html`<sr-status></sr-status>` },
];

const THEMES: Record<Theme, { next: Theme; icon: IconName; words: string }> = {
  auto: { next: 'light', icon: 'auto', words: 'Colours follow the system' },
  light: { next: 'dark', icon: 'sun', words: 'Light' },
  dark: { next: 'auto', icon: 'moon', words: 'Dark' },
};

class AppFrame extends LitElement {
  private lastView = '';
  private isMenuOpen = false;

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    app.watch(() => this.requestUpdate());
    phone.watch(() => this.requestUpdate());
    setInterval(() => {
      if (phone.active && !document.hidden) this.requestUpdate(); // the bar's clock
    }, 1000);
    void startPhone().then(() => app.enter());
  }

  private get entries() {
    return ENTRIES.filter((entry) => app.me && entry.roles.includes(app.me.role) && (entry.id !== 'start' || app.isStarting || app.view === 'start'));
  }

  private get current(): Entry {
    return this.entries.find((entry) => entry.id === app.view) ?? this.entries[0];
  }

  protected updated() {
    if (!app.me) {
      this.lastView = '';
      document.title = 'siprouter';
      return;
    }
    const { id, title } = this.current;
    document.title = `${title} · siprouter`;
    // a form that was asked for keeps its focus
    if (this.lastView && this.lastView !== id && !(id === 'start' && app.rest)) this.querySelector<HTMLElement>('main h1')?.focus();
    this.lastView = id;
  }

  private line() {
    const { link } = app.events;
    if (link === 'live') return html`<span class="line live" role="status">Live</span>`;
    if (link === 'waiting' && app.events.tries > 0) {
      return html`<span class="line down" role="status">Reconnecting
        <button type="button" class="link" @click=${() => app.events.retryNow()}>now</button></span>`;
    }
    return html`<span class="line" role="status">Connecting</span>`;
  }

  private navigation() {
    return html`<nav aria-label="Views" class=${this.isMenuOpen ? 'open' : ''}>
      ${this.entries.map((entry) => html`<a href="#/${entry.id}" aria-current=${entry.id === this.current.id ? 'page' : nothing}
        @click=${() => { this.isMenuOpen = false; this.requestUpdate(); }}>${icon(entry.icon)}<span>${entry.title}</span></a>`)}
      <button type="button" class="more" aria-expanded=${String(this.isMenuOpen)}
        @click=${() => { this.isMenuOpen = !this.isMenuOpen; this.requestUpdate(); }}>${icon('more')}<span>More</span></button>
    </nav>`;
  }

  private top() {
    const theme = THEMES[app.theme];
    return html`<header class="top">
      <a class="brand" href="#/" aria-label="siprouter, first page">${mark()}<span>siprouter</span></a>
      <span class="grow"></span>
      ${this.line()}
      <button type="button" class="icon-button" title=${theme.words} aria-label="Colours: ${theme.words}"
        @click=${() => app.setTheme(theme.next)}>${icon(theme.icon)}</button>
      ${app.me?.by === 'session' ? html`<sr-account></sr-account><button type="button" class="icon-button" title="Log out ${app.me.name}"
        aria-label="Log out ${app.me.name}" @click=${() => void app.logOut()}>${icon('out')}</button>` : nothing}
    </header>`;
  }

  /* A call of this browser, on every view but its own. */
  private bar() {
    const ringing = phone.ringing[0];
    const call = ringing ?? phone.active;
    if (!call || this.current.id === 'phone') return nothing;
    const who = call.name ?? (call.number || 'Call');
    return html`<aside class="bar ${ringing ? 'ringing' : ''}" aria-label="Your call">
      <a href="#/phone"><b>${who}</b> <span>${stateWords(call)}</span>${call.answeredAt ? html` <span class="mono">${clock((Date.now() - call.answeredAt) / 1000)}</span>` : nothing}</a>
      <span class="grow"></span>
      ${ringing ? html`<button type="button" class="green" @click=${() => { location.hash = '#/phone'; void phone.answer(call.key); }}>${icon('phone')}Answer</button>`
    : html`<button type="button" aria-pressed=${String(call.isMuted)} @click=${() => phone.mute(call.key, !call.isMuted)}>${icon(call.isMuted ? 'micOff' : 'mic')}${call.isMuted ? 'Unmute' : 'Mute'}</button>`}
      <button type="button" class="red" @click=${() => phone.hangUp(call.key)}>${icon('hangup')}${ringing ? 'Reject' : 'Hang up'}</button>
    </aside>`;
  }

  /* Read out at once, on every view. */
  private alarm() {
    const [ringing] = phone.ringing;
    return html`<p class="hidden" role="alert">${ringing ? `${ringing.name ?? (ringing.number || 'Somebody')} is calling` : ''}</p>`;
  }

  private notes() {
    return html`<div class="notes" role="log" aria-live="polite" aria-label="Messages">
      ${app.notes.map((note) => html`<p class="note ${note.tone}">${icon(note.tone === 'bad' ? 'warn' : 'check')}<span>${note.text}</span>
        <button type="button" class="icon-button" aria-label="Close message" @click=${() => app.unsay(note.id)}>${icon('close')}</button></p>`)}
    </div>`;
  }

  render() {
    if (app.isAsking || (app.isUnreachable && !app.me)) {
      return html`<main class="door"><div class="brand">${mark()}<span>siprouter</span></div>
        <h1 class="hidden">siprouter</h1>
        <p role="status" class="quiet">${app.isUnreachable ? 'The router cannot be reached. Trying again.' : 'One moment'}</p></main>`;
    }
    if (!app.me) return html`<sr-login></sr-login>${this.notes()}`;
    return html`<a class="skip" href="#main" @click=${this.skip}>To the content</a>
      ${this.alarm()}${this.top()}${this.bar()}
      <div class="frame">${this.navigation()}<main id="main" tabindex="-1">${this.current.show()}</main></div>
      ${this.notes()}`;
  }

  private skip(event: Event) {
    event.preventDefault();
    this.querySelector<HTMLElement>('main')?.focus();
  }
}
customElements.define('sr-app', AppFrame);
