/* Calls of this browser, newest first, kept in the browser itself: so they are there for every role. */

export interface Recent {
  number: string;
  name: string | null;
  direction: 'in' | 'out';
  isMissed: boolean;
  at: number;
}

const KEY = 'recents';
const MAX = 50;

export function recents(): Recent[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '[]') as Recent[];
  } catch {
    return [];
  }
}

export function remember(recent: Recent) {
  if (!recent.number) return;
  localStorage.setItem(KEY, JSON.stringify([recent, ...recents()].slice(0, MAX)));
}

interface Past {
  from: string;
  fromName: string | null;
  to: string;
  startedAt: string | null;
  legs: { deviceId: string | null; number: string | null; name: string | null; answeredAt: string | null; reason: string | null }[];
}

/** Calls of a device as the router remembers them: also those of its other phones. */
export function recentsOf(records: Past[], deviceId: string, extension: string | null): Recent[] {
  return records.map((record) => {
    const own = record.legs.find((leg) => leg.deviceId === deviceId);
    const isOut = record.from === deviceId || (extension !== null && record.from === extension);
    const other = isOut ? record.legs.find((leg) => leg !== own && leg.number === record.to) : null;
    return {
      number: isOut ? record.to : record.from,
      name: isOut ? other?.name ?? null : record.fromName,
      direction: isOut ? 'out' : 'in',
      isMissed: !isOut && !record.legs.some((leg) => leg.deviceId === deviceId && (leg.answeredAt || ['declined', 'answered_elsewhere'].includes(leg.reason ?? ''))),
      at: Date.parse(record.startedAt ?? '') || 0,
    } as Recent;
  });
}

export interface Suggestion {
  number: string;
  name: string | null;
  kind: 'contact' | 'device' | 'recent';
  detail: string;
  isMissed?: boolean;
}

/** What fits what was typed: digits anywhere in the number, words at the start of a word of the name. */
export function suggest(typed: string, lists: Suggestion[]): Suggestion[] {
  const wanted = typed.trim().toLowerCase();
  const digits = wanted.replace(/[\s()/.-]/g, '');
  const seen = new Set<string>();
  const fits = (item: Suggestion) => {
    if (!wanted) return true;
    if (digits && item.number.toLowerCase().includes(digits)) return true;
    return (item.name ?? '').toLowerCase().split(/\s+/).some((word) => word.startsWith(wanted)) || (item.name ?? '').toLowerCase().startsWith(wanted);
  };
  return lists.filter((item) => {
    if (seen.has(item.number) || !fits(item)) return false;
    seen.add(item.number);
    return true;
  });
}
