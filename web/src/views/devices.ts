/* Devices and where they are registered. */
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { calls } from '../api.js';
import { app } from '../app-state.js';
import type { Contact, Device } from '../types.js';
import { icon } from '../ui/icons.js';
import { empty, heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { duration, round } from '../words.js';

const TRANSPORTS: Record<string, string> = { udp: 'UDP', tcp: 'TCP', tls: 'TLS', ws: 'WebSocket', wss: 'WebSocket', webrtc: 'browser' };

class DevicesView extends View {
  private wanted = '';

  connectedCallback() {
    super.connectedCallback();
    this.every(10000, () => this.requestUpdate());
  }

  private contact(contact: Contact) {
    const left = contact.expiresAt ? (Date.parse(contact.expiresAt) - Date.now()) / 1000 : null;
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
    return html`<article class="card device">
      <header>
        <h2>${device.extension ? html`<span class="extension">${device.extension}</span> ` : nothing}<span>${name}</span></h2>
        ${pill(device.registered ? (isAnswering ? 'registered' : 'registered, silent') : 'offline', device.registered ? (isAnswering ? 'good' : 'fair') : 'quiet')}
        ${device.calls > 0 ? pill(device.calls === 1 ? 'in a call' : `${device.calls} calls`, 'good') : nothing}
        <span class="grow"></span>
        ${app.isAdmin && device.registered ? html`<button type="button" title="Rings it and plays back what it says"
          @click=${() => void this.act(() => calls.start('*43', device.id))}>${icon('phone')}Echo test</button>` : nothing}
      </header>
      ${device.contacts.length > 0 ? html`<ul class="contacts" aria-label="Registered at">${device.contacts.map((contact) => this.contact(contact))}</ul>` : nothing}
      ${more > 0 ? html`<p class="quiet small">and ${more} more</p>` : nothing}
    </article>`;
  }

  render() {
    const all = [...app.events.devices.values()];
    const wanted = this.wanted.toLowerCase();
    const list = all
      .filter((device) => !wanted || `${device.id} ${device.displayName ?? ''} ${device.extension ?? ''} ${device.contacts.map((c) => `${c.userAgent ?? ''} ${c.address}`).join(' ')}`.toLowerCase().includes(wanted))
      .sort((a, b) => (a.extension ?? a.id).localeCompare(b.extension ?? b.id, undefined, { numeric: true }));
    const registered = all.filter((device) => device.registered).length;
    return html`${heading('Devices', html`<span class="count">${registered} of ${all.length} registered</span>`)}
      ${all.length > 8 ? html`<label class="search">${icon('search')}<span class="hidden">Search devices</span>
        <input type="search" placeholder="Name, extension, address" @input=${(event: Event) => this.put({ wanted: (event.target as HTMLInputElement).value })}></label>` : nothing}
      <div class="grid">${repeat(list.slice(0, 300), (device) => device.id, (device) => this.device(device))}</div>
      ${list.length > 300 ? html`<p class="quiet">${list.length - 300} more: search to find them.</p>` : nothing}
      ${all.length === 0 && app.events.isFilled ? empty('devices', 'No device is configured', html`Add one under <a href="#/config">Configuration</a>.`) : nothing}`;
  }
}
customElements.define('sr-devices', DevicesView);
