/* Figures and codes of the router as words for people. */
import type { Call, CallRecord, Leg, Quality } from './types.js';

const REASONS: Record<string, string> = {
  hangup: 'hung up',
  cancelled: 'the caller gave up',
  busy: 'busy',
  no_answer: 'nobody answered',
  declined: 'declined',
  offline: 'the device is not registered',
  unreachable: 'could not be reached',
  not_found: 'nobody has this number',
  not_allowed: 'forbidden by the configuration',
  refused: 'forbidden by the other side',
  no_codec: 'the parties share no codec',
  answered_elsewhere: 'answered on another phone',
  media_timeout: 'no audio arrived for too long',
  session_expired: 'the phone stopped refreshing the call',
  signalling_timeout: 'the phone stopped answering',
  protocol_error: 'the phone broke the protocol',
  limit: 'a limit of the router was reached',
  api: 'ended from the page or a program',
  router_stopped: 'the router was stopped',
  max_duration: 'the longest duration allowed was reached',
  transferred: 'moved to another party',
  not_built: 'the feature does not exist yet',
  internal_error: 'a fault of the router; see its log',
};

/** A call that stood and ended so was not unreachable at its start. */
const BROKEN_OFF = 'the connection was away for more than 30 seconds';

export function reasonWords(reason: string | null | undefined, wasAnswered = false): string {
  if (wasAnswered && reason === 'unreachable') return BROKEN_OFF;
  return reason ? REASONS[reason] ?? reason.replace(/_/g, ' ') : '';
}

const ROLES: Record<string, string> = { admin: 'administrator', read: 'reader', user: 'user' };

export function roleWords(role: string): string {
  return ROLES[role] ?? role;
}

export type Tone = 'good' | 'fair' | 'bad' | 'quiet';

/** An E-model score in a word; about 4.4 is the best a phone line reaches. */
export function qualityWords(quality: Quality | null | undefined): { word: string; tone: Tone } {
  const mos = quality?.mos;
  if (mos === null || mos === undefined) return { word: 'measuring', tone: 'quiet' };
  if (mos >= 4.2) return { word: 'excellent', tone: 'good' };
  if (mos >= 3.9) return { word: 'good', tone: 'good' };
  if (mos >= 3.5) return { word: 'fair', tone: 'fair' };
  if (mos >= 2.8) return { word: 'poor', tone: 'bad' };
  return { word: 'bad', tone: 'bad' };
}

/** "0.2 % lost, 3 ms jitter, 24 ms round trip": what is known. */
export function qualityFigures(quality: Quality | null | undefined): string {
  if (!quality || (quality.mos === null && !quality.lossPct && !quality.jitterMs)) return ''; // nothing came: "0 % lost" were no comfort
  const parts: string[] = [];
  if (quality.mos !== null) parts.push(`MOS ${quality.mos.toFixed(1)}`);
  if (quality.lossPct !== null) parts.push(`${round(quality.lossPct)} % lost`);
  if (quality.jitterMs !== null) parts.push(`${round(quality.jitterMs)} ms jitter`);
  if (quality.rttMs !== null) parts.push(`${round(quality.rttMs)} ms round trip`);
  return parts.join(', ');
}

/** Breaks lines between figures only, never inside one: "2 ms" stays together. */
export function unbroken(figures: string): string {
  return figures.replace(/(?<!,) /g, '\u00a0');
}

export function round(value: number): string {
  return value >= 10 || value === 0 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}

/** 65 -> "1:05", 3700 -> "1:01:40" */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** "3 days 4 h", "12 min" */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  const days = Math.floor(s / 86400);
  return `${days} ${days === 1 ? 'day' : 'days'} ${Math.floor(s / 3600) % 24} h`;
}

/** A time today as its hour, else with its day. */
export function when(iso: string | null | undefined, now = new Date()): string {
  if (!iso) return '';
  const at = new Date(iso);
  const hour = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  if (at.toDateString() === now.toDateString()) return hour;
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (at.toDateString() === yesterday.toDateString()) return `yesterday ${hour}`;
  const day = at.toLocaleDateString([], { day: 'numeric', month: 'short', year: at.getFullYear() === now.getFullYear() ? undefined : 'numeric' });
  return `${day} ${hour}`;
}

/** A day as people name it ("2026-03-29"), as the moments it begins and ends at here: it may have 23 or 25 hours. */
export function dayBounds(day: string): { begin: Date; end: Date } {
  const begin = new Date(`${day}T00:00`);
  const end = new Date(begin);
  end.setDate(begin.getDate() + 1);
  return { begin, end };
}

const CODECS: Record<string, string> = { PCMA: 'G.711 A', PCMU: 'G.711 µ', G722: 'G.722', opus: 'Opus' };

export function codecWords(codec: string | null | undefined): string {
  return codec ? CODECS[codec] ?? CODECS[codec.toUpperCase()] ?? codec : '';
}

const LEG_STATES: Record<string, string> = { calling: 'calling', ringing: 'ringing', answered: 'talking', ended: 'ended' };

export function legState(leg: Leg): string {
  if (leg.held) return 'on hold';
  if (leg.holding) return 'put us on hold';
  return LEG_STATES[leg.state] ?? leg.state;
}

const MEDIA: Record<string, string> = { idle: 'No audio yet', relay: 'Audio passed through', mix: 'Audio mixed' };

export function mediaWords(call: Call): string {
  return MEDIA[call.media] ?? call.media;
}

const KINDS: Record<string, string> = { device: 'phone', provider: 'provider', webrtc: 'browser', media: 'router', tool: 'program' };

export function kindWords(kind: string): string {
  return KINDS[kind] ?? kind;
}

/** A name written from right to left turns nothing around it: "(101)" and arrows stay where they belong. */
export function isolated(name: string): string {
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(name) ? `\u2068${name}\u2069` : name;
}

/** Who a leg is, as short as possible. */
export function legName(leg: { name: string | null; number: string | null; deviceId: string | null; providerId: string | null; kind: string }): string {
  if (leg.name && leg.number && leg.name !== leg.number) return `${isolated(leg.name)} (${leg.number})`;
  return (leg.name && isolated(leg.name)) ?? leg.number ?? leg.deviceId ?? leg.providerId ?? kindWords(leg.kind);
}

export function callerName(call: { from: string; fromName: string | null }): string {
  const from = call.from.startsWith('guest:') ? `${call.from.slice(6)} in a browser` : call.from || 'the router';
  return call.fromName && call.fromName !== from ? `${isolated(call.fromName)} (${from})` : from;
}

/** "Kitchen (102)": what was dialled, with the name of the party that has this number. */
export function calledName(call: { to: string; legs: { number: string | null; name: string | null }[] }): string {
  const name = call.legs.find((leg) => leg.number === call.to && leg.name && leg.name !== call.to)?.name;
  return name ? `${isolated(name)} (${call.to})` : call.to;
}

/** "answered", "missed", or why not. */
export function outcome(record: CallRecord): { word: string; tone: Tone } {
  if (record.answeredAt && (!record.reason || record.reason === 'hangup' || record.reason === 'api')) return { word: 'answered', tone: 'good' };
  if (record.answeredAt) return { word: reasonWords(record.reason, true), tone: 'fair' };
  if (record.reason === 'transferred') return { word: reasonWords(record.reason), tone: 'quiet' }; // into a conference, say: no fault
  return { word: reasonWords(record.reason) || 'not answered', tone: record.reason === 'cancelled' || record.reason === 'no_answer' ? 'fair' : 'bad' };
}
