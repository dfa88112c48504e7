/*
 * Small edits of the configuration that a form makes: the merge patch for them, from the configuration as it is. Lists
 * are replaced as a whole by such a patch; masked passwords in them stay what they are. No DOM.
 */
export interface Configuration {
  devices?: { id: string; extension?: string; password?: unknown; [more: string]: unknown }[];
  groups?: { id: string; extension?: string }[];
  conferences?: { id: string; extension?: string }[];
  voiceboxes?: { id: string; extension?: string }[];
  providers?: { id: string; [more: string]: unknown }[];
  routing?: { routes?: { id: string; enabled?: boolean; match?: Record<string, unknown>; action?: Record<string, unknown> }[] };
  [more: string]: unknown;
}

const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';

/** 80 bits, easy to type into a phone. */
export function newPassword(random: Uint8Array): string {
  const letters = [...random].map((byte) => ALPHABET[byte % ALPHABET.length]);
  return [0, 4, 8, 12].map((at) => letters.slice(at, at + 4).join('')).join('-');
}

/** "ACME Telecom" -> "acme-telecom", and another one when that is taken. */
export function newId(name: string, taken: string[], otherwise: string): string {
  const plain = name.normalize('NFKD').replace(/[^\x20-\x7e]/g, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 40) || otherwise;
  let id = plain;
  for (let n = 2; taken.includes(id); n += 1) id = `${plain}-${n}`;
  return id;
}

/* docs/configuration.md */
const EMERGENCY = ['112', '110', '911'];
const PARKING = '701-720';

/** The next extension behind the highest one of the phones: not an emergency number, not a parking slot. */
export function nextExtension(config: Configuration): string {
  const emergency = (config.security as { emergencyNumbers?: string[] } | undefined)?.emergencyNumbers ?? EMERGENCY;
  const [first, last] = ((config.parking as { slots?: string } | undefined)?.slots ?? PARKING).split('-').map(Number);
  const taken = [...config.devices ?? [], ...config.groups ?? [], ...config.conferences ?? [], ...config.voiceboxes ?? []].map((item) => item.extension ?? '');
  const numbers = (config.devices ?? []).map((device) => Number(device.extension)).filter((n) => Number.isInteger(n) && n > 0);
  let next = numbers.length ? Math.max(...numbers) + 1 : 101;
  while (taken.includes(String(next)) || emergency.includes(String(next)) || (next >= first && next <= (last ?? first))) next += 1;
  return String(next);
}

export function withPassword(config: Configuration, id: string, password: string) {
  return { devices: (config.devices ?? []).map((device) => (device.id === id ? { ...device, password } : device)) };
}

export function withDevice(config: Configuration, device: { name: string; extension: string; password: string }) {
  const devices = config.devices ?? [];
  const id = newId(device.name, devices.map((item) => item.id), 'phone');
  return { id, patch: { devices: [...devices, { id, displayName: device.name, extension: device.extension, password: device.password }] } };
}

export interface NewProvider {
  name: string;
  domain: string;
  username: string;
  password: string;
  country: string;
}

/** A provider, and the two routes without which it does nothing: out through it, and in to all phones. */
export function withProvider(config: Configuration, from: NewProvider) {
  const providers = config.providers ?? [];
  const routes = config.routing?.routes ?? [];
  const id = newId(from.name || from.domain, providers.map((item) => item.id), 'provider');
  const ids = routes.map((route) => route.id);
  const more: object[] = [];
  if (!routes.some((route) => route.enabled !== false && route.match?.direction === 'outbound')) {
    more.push({ id: newId(`out-${id}`, ids, 'out'), name: `Out by ${from.name || from.domain}`, match: { direction: 'outbound' }, action: { provider: id } });
  }
  more.push({ id: newId(`in-${id}`, ids, 'in'), name: `In from ${from.name || from.domain}`, match: { direction: 'inbound', sourceProvider: id },
    action: { targets: (config.devices ?? []).map((device) => device.id), ringBrowsers: true } });
  return {
    id,
    patch: {
      providers: [...providers, { id, displayName: from.name || from.domain, domain: from.domain, username: from.username, password: from.password,
        ...(from.country ? { country: from.country.toUpperCase() } : {}) }],
      routing: { routes: [...routes, ...more] },
    },
  };
}
