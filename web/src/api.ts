/* REST: one function that asks, and what went wrong as one kind of error. */
import type { Fault, Page } from './types.js';

export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly pointer: string | null = null,
    readonly faults: Fault[] = [],
    readonly kind: string = 'about:blank',
  ) {
    super(detail);
  }

  /** The server has this part of the contract not built. */
  get isNotBuilt() {
    return this.status === 501;
  }
}

/** What people read when something failed. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.') : 'It failed.';
}

let onSessionOver: () => void = () => {};

/** Called when the server says 401 although somebody was logged in. */
export function whenSessionOver(fn: () => void) {
  onSessionOver = fn;
}

export interface Answer<T> {
  body: T;
  headers: Headers;
}

export async function exchange<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    headers: { 'X-Requested-With': 'page', Accept: 'application/json', ...headers },
  };
  if (body !== undefined) {
    init.body = typeof body === 'string' ? body : JSON.stringify(body);
    (init.headers as Record<string, string>)['Content-Type'] = 'application/json';
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, init);
    text = await response.text(); // it may break in the middle, too
  } catch {
    throw new Problem(0, 'the router cannot be reached');
  }
  let parsed: any = null;
  try {
    parsed = text ? JSON.parse(text) : null;
  } catch {
    parsed = null;
  }
  if (!response.ok) {
    if (response.status === 401 && path !== '/api/login') onSessionOver();
    throw new Problem(
      response.status,
      parsed?.detail ?? `the router answered ${response.status}`,
      parsed?.pointer ?? null,
      parsed?.faults ?? [],
      parsed?.type,
    );
  }
  return { body: parsed as T, headers: response.headers };
}

export async function ask<T = unknown>(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  return (await exchange<T>(method, path, body, headers)).body;
}

/** All items of a list, page by page. */
export async function all<T>(path: string): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
    const page: Page<T> = await ask<Page<T>>('GET', `${path}?limit=1000${more}`);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor);
  return items;
}

const id = encodeURIComponent;

/** Digits are typed faster than they are taken, and requests may overtake each other: one behind the other. */
let lastDigits: Promise<unknown> = Promise.resolve();

function digitsInOrder(call: string, leg: string, digits: string) {
  const mine = lastDigits.then(() => ask('POST', `/api/calls/${id(call)}/dtmf`, { leg, digits }));
  lastDigits = mine.catch(() => {});
  return mine;
}

/** The requests about live calls, as the views use them. */
export const calls = {
  start: (to: string, from?: string) =>
    ask<{ callId: string }>('POST', '/api/call', from ? { to, from } : { to }),
  lock: (call: string, locked: boolean) => ask('PATCH', `/api/calls/${id(call)}`, { locked }),
  hangUp: (call: string) => ask('DELETE', `/api/calls/${id(call)}`),
  add: (call: string, to: string) => ask<{ legId: string }>('POST', `/api/calls/${id(call)}/legs`, { to }),
  drop: (call: string, leg: string) => ask('DELETE', `/api/calls/${id(call)}/legs/${id(leg)}`),
  change: (call: string, leg: string, what: { muted?: boolean; held?: boolean; role?: string }) =>
    ask('PATCH', `/api/calls/${id(call)}/legs/${id(leg)}`, what),
  digits: digitsInOrder,
  transfer: (call: string, leg: string, to: string) =>
    ask('POST', `/api/calls/${id(call)}/transfer`, { leg, to, mode: 'blind' }),
  join: (call: string, leg: string, other: string) =>
    ask('POST', `/api/calls/${id(call)}/transfer`, { leg, callId: other, mode: 'attended' }),
};
