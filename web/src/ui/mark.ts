import { html } from 'lit';

export const mark = () => html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><g><circle cx="9" cy="16" r="2.6" /><circle cx="23" cy="9" r="2.6" /><circle cx="23" cy="23" r="2.6" /><path d="M11.6 15l8.8-5M11.6 17l8.8 5" /></g></svg>`;
