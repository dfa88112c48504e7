/* The router itself: addresses, limits, workers, counters. Pushed once a second on a socket of its own, while it is looked at. */
import { html, nothing } from 'lit';
import { ask } from '../api.js';
import { app, openSocket } from '../app-state.js';
import type { Socket } from '../events.js';
import type { RouterEvent, Status } from '../types.js';
import { icon } from '../ui/icons.js';
import { heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { duration } from '../words.js';

class StatusView extends View {
  private status: Status | null = null;
  private socket: Socket | null = null;

  connectedCallback() {
    super.connectedCallback();
    this.connect();
    // the page's own line finds its way back by itself; this one follows it
    this.whenGone(app.events.watch(() => this.connect()));
    this.whenGone(() => {
      this.socket?.close();
      this.socket = null;
    });
  }

  private connect() {
    if (this.socket || app.events.link !== 'live') return;
    const socket = openSocket('?types=status');
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data) as RouterEvent;
      if (this.socket === socket && event.status && !document.hidden) this.put({ status: event.status });
    };
    socket.onclose = () => {
      if (this.socket === socket) this.socket = null;
    };
  }

  private async reload() {
    await this.act(async () => {
      await ask('POST', '/api/reload');
      app.say('The configuration file was read again.');
    });
  }

  private async drain() {
    if (!confirm('Take no new calls, wait for the live ones, then stop the router?')) return;
    await this.act(async () => {
      await ask('POST', '/api/drain');
      app.say('No new calls are taken; the router stops when the last call has ended.');
    });
  }

  private fact(name: string, value: unknown, tone = '') {
    return value === undefined || value === null || value === '' ? nothing : html`<div><dt>${name}</dt><dd class=${tone}>${value}</dd></div>`;
  }

  private counted(name: string, value: unknown) {
    return this.fact(name, typeof value === 'number' ? value.toLocaleString() : value, Number(value) > 0 ? 'bad' : '');
  }

  private card(title: string, facts: unknown[]) {
    return html`<section class="card"><h2>${title}</h2><dl class="facts">${facts}</dl></section>`;
  }

  private load(s: Status) {
    const { calls, media } = s;
    const used = media ? media.portsUsed / Math.max(1, media.portsUsed + media.portsFree) : 0;
    return [
      this.card('Calls', [
        this.fact('live', calls?.live), this.fact('talking', calls?.answered), this.fact('legs', calls?.legs),
        this.fact('since the start', calls?.total?.toLocaleString()), this.fact('not answered', calls?.failed?.toLocaleString()),
        this.counted('refused by overload', calls?.refusedOverload),
      ]),
      this.card('Audio', [
        this.fact('workers', media?.workers),
        this.fact('RTP ports used', media ? html`${media.portsUsed} of ${media.portsUsed + media.portsFree}` : null, used > 0.8 ? 'bad' : ''),
        this.fact('range', s.limits ? `${s.limits.rtpPortMin} to ${s.limits.rtpPortMax}` : null),
        this.fact('ticks', media?.ticks?.toLocaleString()), this.counted('ticks over time', media?.overruns),
      ]),
      this.card('SIP', [
        this.fact('requests', s.sip?.requests?.toLocaleString()), this.fact('responses', s.sip?.responses?.toLocaleString()),
        this.fact('sent again', s.sip?.retransmitted?.toLocaleString()), this.counted('unreadable', s.sip?.badMessages),
        this.counted('wrong passwords', s.sip?.authFailures), this.counted('sources banned', s.sip?.bans),
      ]),
    ];
  }

  private house(s: Status) {
    return [
      this.card('Addresses', [
        this.fact('for phones', s.addresses ? html`<span class="mono">${s.addresses.lanIp === 'auto' ? 'of this machine' : s.addresses.lanIp}, port ${s.addresses.lanPort}</span>` : null),
        this.fact('TLS port', s.addresses?.tlsPort || null), this.fact('public', s.addresses?.publicIp),
        this.fact('realm', s.addresses?.realm),
        this.fact('page', s.web?.addresses?.map((a: { address: string; tls: boolean }) => html`<span class="mono block">${a.tls ? 'https' : 'http'}://${a.address}</span>`)),
      ]),
      this.card('Store and page', [
        this.fact('store', s.store ? (s.store.healthy ? pill('healthy', 'good') : pill('cannot write', 'bad')) : null),
        this.fact('writes waiting', s.store?.queued), this.counted('writes failed', s.store?.writeFailures), this.counted('writes lost', s.store?.writesLost),
        this.fact('connections', s.web?.connections), this.fact('live sockets', s.web?.websockets),
        this.counted('slow sockets dropped', s.web?.droppedWebsockets), this.counted('events lost', s.eventsLost),
      ]),
      this.card('Configuration', [
        this.fact('generation', s.configGeneration), this.fact('devices', s.devices ? `${s.devices.registered} of ${s.devices.configured} registered` : null),
        this.fact('providers', s.providers?.configured), this.fact('epoch', html`<span class="mono">${s.epoch}</span>`),
      ]),
    ];
  }

  render() {
    const s = this.status;
    return html`${heading('Status', html`${s?.draining ? pill('draining', 'fair') : nothing}
        ${app.isAdmin ? html`<div class="tools"><button type="button" @click=${this.reload}>Reload configuration</button>
          <button type="button" class="danger" @click=${this.drain}>Stop after calls</button></div>` : nothing}`)}
      ${s ? html`<p class="quiet">siprouter ${s.version}, up for ${duration(s.uptimeSec)}</p>
        <div class="grid small-grid">${this.load(s)}${this.house(s)}</div>
        <p class="quiet small">${icon('status')} For programs: <a href="/api/openapi.json">every path of the API</a>, <code>/api/events</code> for events, <code>/metrics</code> for Prometheus,
          <a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>.
          ${app.isAdmin ? html`<a href="#/start">First steps</a> again.` : nothing}</p>` : html`<p class="quiet" role="status">Reading</p>`}`;
  }
}
customElements.define('sr-status', StatusView);
