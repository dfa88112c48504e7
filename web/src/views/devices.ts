/* Devices and where they are registered. */
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { ask, calls } from '../api.js';
import { app } from '../app-state.js';
import type { Contact, Device } from '../types.js';
import { icon } from '../ui/icons.js';
import { empty, heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { codecWords, duration, round, unbroken } from '../words.js';

const TRANSPORTS: Record<string, string> = { udp: 'UDP', tcp: 'TCP', tls: 'TLS', ws: 'WebSocket', wss: 'WebSocket', webrtc: 'browser' };

/** What the configuration says of a device; what is not said there is the default. */
interface Settings {
  id: string;
  codecs?: string[];
  srtp?: string;
  dtmf?: string;
  callerId?: string;
  voicemailBox?: string;
  expectedAddress?: string;
  denoise?: string;
  dnd?: boolean;
  forward?: Partial<Record<'always' | 'busy' | 'noAnswer' | 'offline', string>>;
}

/* docs/configuration.md */
const DEFAULTS: Partial<Settings> = { codecs: ['opus', 'G722', 'PCMA', 'PCMU'], srtp: 'optional' };
const SRTP: Record<string, string> = { off: 'off', optional: 'where the phone can', required: 'always' };
const DTMF: Record<string, string> = { rfc4733: 'as events (RFC 4733)', info: 'as SIP INFO', inband: 'as tones' };
const WHEN: [keyof NonNullable<Settings['forward']>, string][] = [['always', 'always'], ['busy', 'when busy'], ['noAnswer', 'when nobody answers'], ['offline', 'when offline']];

/* What is as everywhere is not said: of forty phones one sees the three that differ. */
class DevicesView extends View {
  private wanted = '';
  private settings = new Map<string, Settings>();

  connectedCallback() {
    super.connectedCallback();
    this.every(10000, () => this.requestUpdate());
    void this.readSettings();
    this.whenGone(app.events.listen((event) => {
      if (event.type === 'config_changed') void this.readSettings();
    }));
  }

  /* Users of one device may not read the configuration: they see the state alone. */
  private async readSettings() {
    if (app.me?.role === 'user') return;
    const config = await ask<{ devices?: Settings[] }>('GET', '/api/config').catch(() => null);
    if (config) this.put({ settings: new Map((config.devices ?? []).map((device) => [device.id, device])) });
  }

  /** Live parties of this device: pushed, as calls are. */
  private callsOf(device: Device) {
    return [...app.events.calls.values()].filter((call) => call.legs?.some((leg) => leg.deviceId === device.id && leg.state === 'answered')).length;
  }

  private facts(device: Device) {
    const own = this.settings.get(device.id);
    if (!own) return nothing;
    const set = { ...DEFAULTS, ...own };
    const isDefault = (key: keyof Settings) => String(set[key]) === String(DEFAULTS[key]);
    const fact = (name: string, value: unknown) => (value ? html`<div><dt>${name}</dt><dd>${value}</dd></div>` : nothing);
    const forwards = WHEN.filter(([key]) => set.forward?.[key]).map(([key, words]) => html`<span class="block">${words} <span aria-hidden="true">→</span><span class="hidden">to</span> <span class="mono">${set.forward![key]}</span></span>`);
    return html`<dl class="facts" aria-label="Settings">
      ${fact('Codecs', isDefault('codecs') ? '' : unbroken((set.codecs ?? []).map((codec) => codecWords(codec)).join(', ')))}
      ${fact('Encryption', isDefault('srtp') ? '' : SRTP[set.srtp ?? ''])}${fact('Keys', DTMF[set.dtmf ?? ''])}
      ${fact('Shows as', set.callerId)}${fact('Voicemail', set.voicemailBox)}
      ${fact('Registers from', set.expectedAddress ? html`<span class="mono">${set.expectedAddress}</span>` : '')}
      ${fact('Noise removal', set.denoise && set.denoise !== 'off' ? set.denoise : '')}
      ${fact('Forwarded', forwards.length ? forwards : '')}</dl>`;
  }

  private contact(contact: Contact) {
    const left = contact.expiresAt ? (app.events.timeOf(contact.expiresAt) - Date.now()) / 1000 : null;
    return html`<li>
      <div class="who"><b>${contact.userAgent ?? 'unknown phone'}</b>
        ${contact.address ? html`<small class="mono">${contact.address}</small>` : nothing}</div>
      <div class="flags">
        ${pill(contact.reachable ? 'reachable' : 'does not answer', contact.reachable ? 'good' : 'bad')}
        ${pill(TRANSPORTS[contact.transport.toLowerCase()] ?? contact.transport)}
        ${contact.rttMs !== null ? pill(`${round(contact.rttMs)} ms`) : nothing}
        ${contact.nat ? pill('behind NAT') : nothing}
        ${left !== null ? html`<small class="quiet">for ${duration(left)} more</small>` : nothing}
      </div>
    </li>`;
  }

  private device(device: Device) {
    const name = device.displayName ?? device.id;
    const isAnswering = device.contacts.some((contact) => contact.reachable);
    const more = device.contactCount - device.contacts.length;
    const talking = this.callsOf(device);
    return html`<article class="card device">
      <header>
        <div class="title"><h2>${device.extension ? html`<span class="extension">${device.extension}</span> ` : nothing}<span>${name}</span></h2>
        ${pill(device.registered ? (isAnswering ? 'registered' : 'registered, silent') : 'offline', device.registered ? (isAnswering ? 'good' : 'fair') : 'quiet')}
        ${talking > 0 ? pill(talking === 1 ? 'in a call' : `${talking} calls`, 'good') : nothing}
        ${this.settings.get(device.id)?.dnd ? pill('do not disturb', 'fair') : nothing}</div>
        ${app.isAdmin && device.registered ? html`<button type="button" class="aside" title="Rings it and plays back what it says"
          @click=${() => void this.act(() => calls.start('*43', device.id))}>${icon('phone')}Echo test</button>` : nothing}
      </header>
      ${device.contacts.length > 0 ? html`<ul class="contacts" aria-label="Registered at">${device.contacts.map((contact) => this.contact(contact))}</ul>` : nothing}
      ${more > 0 ? html`<p class="quiet small">and ${more} more</p>` : nothing}
      ${this.facts(device)}
    </article>`;
  }

  render() {
    const all = [...app.events.devices.values()];
    const wanted = this.wanted.toLowerCase();
    const list = all
      .filter((device) => !wanted || `${device.id} ${device.displayName ?? ''} ${device.extension ?? ''} ${device.contacts.map((c) => `${c.userAgent ?? ''} ${c.address}`).join(' ')}`.toLowerCase().includes(wanted))
      .sort((a, b) => (a.extension ?? a.id).localeCompare(b.extension ?? b.id, undefined, { numeric: true }));
    const registered = all.filter((device) => device.registered).length;
    return html`${heading('Devices', html`<span class="count">${registered} of ${all.length} registered</span>
        ${app.isAdmin ? html`<div class="tools"><a class="button" href="#/start/phone">${icon('add')}Add a phone</a></div>` : nothing}`)}
      ${all.length > 8 ? html`<label class="search">${icon('search')}<span class="hidden">Search devices</span>
        <input type="search" placeholder="Name, extension, address" @input=${(event: Event) => this.put({ wanted: (event.target as HTMLInputElement).value })}></label>` : nothing}
      <div class="grid">${repeat(list.slice(0, 300), (device) => device.id, (device) => this.device(device))}</div>
      ${list.length > 300 ? html`<p class="quiet">${list.length - 300} more: search to find them.</p>` : nothing}
      ${all.length === 0 && app.events.isFilled ? empty('devices', 'No phone yet', app.isAdmin ? html`<a href="#/start/phone">Add a phone</a>, and it shows here the moment it registers.` : 'An administrator adds them.') : nothing}`;
  }
}
customElements.define('sr-devices', DevicesView);
