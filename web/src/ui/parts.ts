/* Small pieces of several views. */
import { html, nothing, type TemplateResult } from 'lit';
import { qualityFigures, qualityWords, unbroken, type Tone } from '../words.js';
import type { Quality } from '../types.js';
import { icon, type IconName } from './icons.js';

export const pill = (text: string, tone: Tone = 'quiet') => html`<span class="pill ${tone}">${text}</span>`;

/** The word, and behind it the figures. */
export function quality(value: Quality, isOver = false): TemplateResult {
  const { word, tone } = qualityWords(value);
  return html`<span class="quality ${tone}"><b>${isOver && tone === 'quiet' ? 'not measured' : word}</b><small>${unbroken(qualityFigures(value))}</small></span>`;
}

/** A button that shows only an icon; its name is read out and shown on hover. */
export function iconButton(name: IconName, label: string, onClick: () => void, options: { pressed?: boolean; tone?: string; disabled?: boolean } = {}) {
  return html`<button type="button" class="icon-button ${options.tone ?? ''}" title=${label} aria-label=${label}
    aria-pressed=${options.pressed === undefined ? nothing : String(options.pressed)} ?disabled=${options.disabled ?? false}
    @click=${onClick}>${icon(name)}</button>`;
}

export const empty = (name: IconName, title: string, text: unknown) =>
  html`<div class="empty">${icon(name)}<p><b>${title}</b></p><p>${text}</p></div>`;

const ENCRYPTION: Record<string, string> = { sdes: 'SRTP, keys in the signalling (SDES)', dtls: 'SRTP, keys by DTLS' };

/** A lock, where the audio of a leg is protected. */
export function lock(encrypted: string | null | undefined) {
  const words = encrypted ? ENCRYPTION[encrypted] : undefined;
  return words ? html`<span class="pill good" title=${words}>${icon('lock')}encrypted</span>` : nothing;
}

/** A page's heading with what belongs beside it. */
export const heading = (title: string, side: unknown = nothing) =>
  html`<header class="heading"><h1 tabindex="-1">${title}</h1>${side}</header>`;

/** Digits to send, by mouse or keyboard. */
export function keypad(onDigit: (digit: string) => void) {
  const letters = ['', '', 'ABC', 'DEF', 'GHI', 'JKL', 'MNO', 'PQRS', 'TUV', 'WXYZ'];
  return html`<div class="keypad" role="group" aria-label="Keypad">
    ${['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'].map((digit) => html`
      <button type="button" aria-label=${digit === '*' ? 'star' : digit === '#' ? 'hash' : digit}
        @click=${() => onDigit(digit)}>${digit}<small aria-hidden="true">${letters[Number(digit)] ?? ''}${digit === '0' ? '+' : ''}</small></button>`)}
  </div>`;
}
