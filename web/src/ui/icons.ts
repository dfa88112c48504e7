/* Drawn for this page: 24 x 24, one line weight. */
import { html, svg, type TemplateResult } from 'lit';

const PATHS = {
  phone: 'M6.5 4h3l1.5 4-2 1.5a11 11 0 0 0 5.5 5.5l1.5-2 4 1.5v3a1.5 1.5 0 0 1-1.5 1.5A14.5 14.5 0 0 1 5 5.5 1.5 1.5 0 0 1 6.5 4z',
  hangup: 'M3 14.5c5-4.7 13-4.7 18 0l-1.8 2.8-4-1.6v-2.4a13 13 0 0 0-6.4 0v2.4l-4 1.6z',
  mic: 'M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3.5',
  micOff: 'M9.5 8v3.5a2.5 2.5 0 0 0 4.2 1.8M14.5 10.5v-4a2.5 2.5 0 0 0-4.8-.9M6.5 11.5a5.5 5.5 0 0 0 9 4.2M17.4 12.5l.1-1M12 17v3.5M4 4l16 16',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5.5v13l10.5-6.5z',
  keypad: 'M6 6h.01M12 6h.01M18 6h.01M6 12h.01M12 12h.01M18 12h.01M6 18h.01M12 18h.01M18 18h.01',
  transfer: 'M4 12h12M12 7l5 5-5 5M20.5 5v14',
  add: 'M10 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3.5 20a6.5 6.5 0 0 1 11-4.7M18 14v6M15 17h6',
  calls: 'M4 7h11l-3-3M20 17H9l3 3',
  devices: 'M6 3.5h9a1.5 1.5 0 0 1 1.5 1.5v14a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 19V5A1.5 1.5 0 0 1 6 3.5zM9 17.5h3M19.5 8v8',
  providers: 'M7 18.5a4 4 0 0 1-.5-8 5.5 5.5 0 0 1 10.6-1.3A4.7 4.7 0 0 1 16.8 18.5z',
  history: 'M4.5 12a7.5 7.5 0 1 0 2.5-5.6L4.5 8.5M4.5 4v4.5H9M12 8v4.5l3 1.8',
  routes: 'M5 4v5.5a4 4 0 0 0 4 4h6a4 4 0 0 1 4 4V20M16 17.5l3 3 3-3M5 13.5V20',
  config: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5a7.5 7.5 0 0 1 15 0',
  users: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.3M18 14.5a6.5 6.5 0 0 1 3.5 5.5',
  status: 'M3 12h4l2.5-7 5 14L17 12h4',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  warn: 'M12 4L2.5 20h19zM12 10v4.5M12 17.2v.1',
  lock: 'M6.5 11h11v9h-11zM9 11V7.5a3 3 0 0 1 6 0V11',
  back: 'M20 6H9l-6 6 6 6h11zM17 9.5l-5 5M12 9.5l5 5',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  auto: 'M12 3.5a8.5 8.5 0 1 0 0 17zM12 3.5a8.5 8.5 0 0 1 0 17',
  out: 'M14 4.5H6v15h8M11 12h9.5M17 8l4 4-4 4',
  speaker: 'M4 9.5v5h3.5l4.5 4v-13l-4.5 4zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  bell: 'M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15zM10 21h4',
  search: 'M11 17.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM16 16l4.5 4.5',
  gear: 'M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM12 3v2.5M12 18.5V21M3 12h2.5M18.5 12H21M5.6 5.6l1.8 1.8M16.6 16.6l1.8 1.8M5.6 18.4l1.8-1.8M16.6 7.4l1.8-1.8',
  copy: 'M8.5 8.5h11v11h-11zM15.5 8.5v-4h-11v11h4',
  swap: 'M7 4v14M3.5 14.5L7 18l3.5-3.5M17 20V6M13.5 9.5L17 6l3.5 3.5',
  browser: 'M3.5 5.5h17v13h-17zM3.5 9.5h17',
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon ${name === 'keypad' || name === 'more' ? 'dots' : ''}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${svg`<path d=${PATHS[name]} />`}</svg>`;
}
