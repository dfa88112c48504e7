/* Shapes of the REST answers and events: docs/api.md and /api/openapi.json describe them. */

export type Role = 'admin' | 'read' | 'user';

export interface Me {
  name: string;
  role: Role;
  deviceId: string | null;
  by: 'session' | 'token' | 'anonymous';
  firstStart?: boolean;
}

export interface Quality {
  lossPct: number | null;
  jitterMs: number | null;
  rttMs: number | null;
  mos: number | null;
}

export interface Leg {
  legId: string;
  kind: string;
  role: 'participant' | 'isolated' | 'tool';
  deviceId: string | null;
  providerId: string | null;
  number: string | null;
  name: string | null;
  state: string;
  codec: string | null;
  address: string | null;
  /** "no" | "sdes" | "dtls" */
  encrypted?: string | null;
  muted: boolean;
  held: boolean;
  holding: boolean;
  /** Role tool: the leg that alone hears it. */
  whisperTo?: string | null;
  quality: Quality;
  verdict: string | null;
}

export interface Call {
  callId: string;
  direction: string;
  from: string;
  fromName: string | null;
  to: string;
  state: 'ringing' | 'answered' | 'ended';
  startedAt: string | null;
  answeredAt: string | null;
  routeId: string | null;
  media: 'idle' | 'relay' | 'mix';
  /** A conference nobody may come into any more. */
  locked?: boolean;
  legs: Leg[];
}

/** A call in an event about one of its legs. */
export type CallHead = Omit<Call, 'legs'> & { legs?: undefined };

export interface Contact {
  uri: string;
  address: string;
  transport: string;
  userAgent: string | null;
  expiresAt: string | null;
  nat: boolean;
  reachable: boolean;
  rttMs: number | null;
}

export interface Device {
  id: string;
  displayName: string | null;
  extension: string | null;
  registered: boolean;
  calls: number;
  contactCount: number;
  contacts: Contact[];
}

export interface Provider {
  id: string;
  displayName: string | null;
  enabled: boolean;
  domain: string;
  register: boolean;
  /** disabled, starting, registered, reachable, ready, failed */
  state: string;
  fault?: string | null;
  verdict?: string | null;
  lastResponse?: string | null;
  address?: string | null;
  transport?: string | null;
  publicAddress?: string | null;
  expiresAt?: string | null;
  nextTryAt?: string | null;
  rttMs?: number | null;
  failures?: number;
  calls?: number;
}

export interface PhoneBookEntry {
  id: string;
  name: string;
  number: string;
  starred: boolean;
}

export interface RecordLeg extends Omit<Leg, 'muted' | 'held' | 'holding' | 'state'> {
  userAgent: string | null;
  startedAt: string | null;
  answeredAt: string | null;
  endedAt: string | null;
  reason: string | null;
  sipStatus: number | null;
  rxPackets: number;
  txPackets: number;
  lost: number;
}

export interface CallRecord {
  callId: string;
  direction: string | null;
  from: string;
  fromName: string | null;
  to: string;
  startedAt: string | null;
  answeredAt: string | null;
  endedAt: string | null;
  durationSec: number;
  reason: string | null;
  sipStatus: number | null;
  routeId: string | null;
  legs: RecordLeg[];
  /** Parties beyond those listed. */
  legsMore?: number;
}

export interface TraceMessage {
  at: string;
  legId: string;
  direction: 'sent' | 'received';
  transport: string;
  local: string;
  remote: string;
  message: string;
}

export interface Fault {
  severity: 'error' | 'warning' | 'notice';
  pointer: string;
  line: number;
  column: number;
  message: string;
  suggestion: string;
}

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** A message of /api/events; what else it carries depends on its type. */
export interface RouterEvent {
  type: string;
  seq?: number;
  epoch?: string;
  at?: string;
  callId?: string;
  legId?: string;
  call?: Call | CallHead;
  leg?: Leg;
  device?: Device;
  provider?: Provider;
  status?: Status;
  reason?: string;
  [more: string]: unknown;
}

/** Role `user` gets the first four only. */
export interface Status {
  version: string;
  epoch: string;
  startedAt: string;
  uptimeSec: number;
  [more: string]: any;
}
