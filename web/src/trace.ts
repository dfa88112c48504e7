/* From the messages of a call to the rows of a ladder. No DOM. */
import type { TraceMessage } from './types.js';

export interface Lane {
  id: string;
  title: string;
  address: string;
}

export interface Row {
  /** Milliseconds since the first message. */
  at: number;
  /** Index of the lane, from 0; the router stands between. */
  lane: number;
  toRouter: boolean;
  title: string;
  /** What the arrow says in small: the CSeq method of a response, the body of a request. */
  note: string;
  kind: 'request' | 'progress' | 'success' | 'failure';
  isRepeated: boolean;
  message: TraceMessage;
}

function header(text: string, name: string): string {
  return text.match(new RegExp(`^${name}\\s*:\\s*(.*)$`, 'im'))?.[1].trim() ?? '';
}

export function ladder(messages: TraceMessage[], nameOf: (legId: string) => string | null): { lanes: Lane[]; rows: Row[] } {
  const lanes: Lane[] = [];
  const rows: Row[] = [];
  const seen = new Set<string>();
  const sorted = messages.map((message, index) => ({ message, index }))
    .sort((a, b) => a.message.at.localeCompare(b.message.at) || a.index - b.index);
  const first = sorted.length > 0 ? Date.parse(sorted[0].message.at) : 0;
  for (const { message } of sorted) {
    const id = message.legId || message.remote;
    let lane = lanes.findIndex((other) => other.id === id);
    if (lane < 0) {
      lane = lanes.length;
      lanes.push({ id, title: nameOf(message.legId) ?? message.remote, address: message.remote });
    }
    const start = message.message.split(/\r?\n/, 1)[0];
    const response = start.match(/^SIP\/2\.0 (\d{3}) ?(.*)$/);
    const status = response ? Number(response[1]) : 0;
    const body = message.message.split(/\r?\n\r?\n/)[1] ?? '';
    const type = header(message.message, '(?:Content-Type|c)');
    const cseq = header(message.message, 'CSeq');
    const fingerprint = `${id} ${message.direction} ${start} ${header(message.message, '(?:Via|v)')} ${cseq}`;
    rows.push({
      at: Date.parse(message.at) - first,
      lane,
      toRouter: message.direction === 'received',
      title: response ? `${response[1]} ${response[2]}` : start.split(' ')[0],
      note: [response ? cseq.replace(/^\d+\s*/, '') : '', body.trim() ? (/sdp/i.test(type) ? 'SDP' : type) : ''].filter(Boolean).join(', '),
      kind: !response ? 'request' : status < 200 ? 'progress' : status < 300 ? 'success' : 'failure',
      isRepeated: seen.has(fingerprint),
      message,
    });
    seen.add(fingerprint);
  }
  return { lanes, rows };
}
