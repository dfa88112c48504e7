/* The SIP messages of one call as a sequence diagram: each row is a button that opens the message itself. */
import { html, nothing, svg } from 'lit';
import { ask, sentence } from '../api.js';
import { ladder, type Lane, type Row } from '../trace.js';
import type { TraceMessage } from '../types.js';
import { View } from '../ui/view.js';
import { legName } from '../words.js';

const LANE_MIN = matchMedia('(max-width: 40rem)').matches ? 125 : 170;
const LANE_MAX = 260;
const TIME_WIDTH = 96;
const ROW_HEIGHT = 34;

class LadderView extends View {
  callId = '';
  legs: { legId: string; name: string | null; number: string | null; deviceId: string | null; providerId: string | null; kind: string }[] = [];
  private messages: TraceMessage[] | null = null;
  private fault = '';
  private openRow = -1;
  private laneWidth = LANE_MIN;

  connectedCallback() {
    super.connectedCallback();
    void this.read();
  }

  private async read() {
    try {
      const answer = await ask<TraceMessage[] | { items: TraceMessage[] }>('GET', `/api/calls/${encodeURIComponent(this.callId)}/trace`);
      this.put({ messages: Array.isArray(answer) ? answer : answer.items, fault: '' });
    } catch (error) {
      this.put({ fault: sentence(error) });
    }
  }

  /* The router is the second column: the first party stands left of it, all others right. */
  private x(column: number) {
    return this.laneWidth / 2 + column * this.laneWidth;
  }

  private column(lane: number) {
    return lane === 0 ? 0 : lane + 1;
  }

  private arrow(row: Row, lanes: Lane[]) {
    const party = this.x(this.column(row.lane));
    const router = this.x(1);
    const [from, to] = row.toRouter ? [party, router] : [router, party];
    const way = to > from ? 1 : -1;
    const middle = (from + to) / 2;
    return html`<svg class="ladder-svg" width=${(lanes.length + 1) * this.laneWidth} height=${ROW_HEIGHT} aria-hidden="true">
      ${lanes.map((_, lane) => svg`<line class="life" x1=${this.x(this.column(lane))} x2=${this.x(this.column(lane))} y1="0" y2=${ROW_HEIGHT} />`)}
      <line class="life router" x1=${router} x2=${router} y1="0" y2=${ROW_HEIGHT} />
      <g class="arrow ${row.kind}">
        <line x1=${from} x2=${to - way * 2} y1="24" y2="24" stroke-dasharray=${row.isRepeated ? '4 3' : 'none'} />
        <path d="M${to} 24 l${-way * 8} -4 v8 z" />
        <text x=${middle} y="17" text-anchor="middle">${row.title}${row.note ? svg`<tspan class="note-text"> ${row.note}</tspan>` : nothing}</text>
      </g></svg>`;
  }

  private row(row: Row, index: number, lanes: Lane[]) {
    const lane = lanes[row.lane];
    const isOpen = this.openRow === index;
    const words = `${(row.at / 1000).toFixed(3)} s, ${row.toRouter ? `${lane.title} to router` : `router to ${lane.title}`}: ${row.title} ${row.note}${row.isRepeated ? ', sent again' : ''}`;
    return html`<li>
      <button type="button" class="ladder-row" aria-expanded=${String(isOpen)} aria-label=${words} @click=${() => this.put({ openRow: isOpen ? -1 : index })}>
        <span class="mono ladder-time">${(row.at / 1000).toFixed(3)}</span>${this.arrow(row, lanes)}</button>
      ${isOpen ? html`<pre class="message" tabindex="0" aria-label="Message">${row.message.transport.toUpperCase()} ${row.message.local} ${row.toRouter ? '←' : '→'} ${row.message.remote}
${row.message.message.replace(/\r/g, '')}</pre>` : nothing}
    </li>`;
  }

  render() {
    if (this.fault) return html`<p class="quiet small">No messages: ${this.fault}</p>`;
    if (!this.messages) return html`<p class="quiet small" role="status">Reading the messages</p>`;
    if (this.messages.length === 0) return html`<p class="quiet small">The messages of this call are not kept any more.</p>`;
    const { lanes, rows } = ladder(this.messages, (legId) => {
      const leg = this.legs.find((other) => other.legId === legId);
      return leg ? legName(leg) : null;
    });
    const columns = lanes.map((lane) => ({ ...lane }));
    this.laneWidth = Math.max(LANE_MIN, Math.min(LANE_MAX, Math.floor((this.clientWidth - TIME_WIDTH) / (lanes.length + 1)) || 0));
    columns.splice(1, 0, { id: 'router', title: 'siprouter', address: '' });
    return html`<h2>Messages</h2>
      <p class="small"><a href=${`/api/calls/${encodeURIComponent(this.callId)}/trace.pcap`} download="${this.callId}.pcap">Capture file</a> for Wireshark</p>
      <div class="ladder" tabindex="0" role="region" aria-label="Messages of this call">
        <div class="ladder-head" aria-hidden="true"><span class="ladder-time">seconds</span>
          ${columns.map((lane) => html`<span class="ladder-lane ${lane.id === 'router' ? 'router' : ''}" .style=${`width: ${this.laneWidth}px`}><b>${lane.title}</b><small class="mono">${lane.address}</small></span>`)}</div>
        <ol>${rows.map((row, index) => this.row(row, index, lanes))}</ol>
      </div>`;
  }
}
customElements.define('sr-ladder', LadderView);
