/* The first steps of an administrator: password, phones, a safe page, the first sound. */
import { html, nothing } from 'lit';
import { ask, exchange, sentence } from '../api.js';
import { app } from '../app-state.js';
import { phone } from '../softphone.js';
import type { Device } from '../types.js';
import { icon } from '../ui/icons.js';
import { heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';

const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const SHOWN_MAX = 4;

function newPassword(): string {
  const letters = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => ALPHABET[byte % ALPHABET.length]);
  return [0, 4, 8, 12].map((at) => letters.slice(at, at + 4).join('')).join('-');
}

/** Where phones find the router, as far as this page can know. */
function serverAddress(): string {
  const status = app.events.status;
  return (status?.addresses?.phones as string[] | undefined)?.[0] ?? location.hostname;
}

export function httpsUrl(): string | null {
  const tls = ((app.events.status?.web?.addresses ?? []) as { address: string; tls: boolean }[]).find((item) => item.tls);
  return tls ? `https://${tls.address}` : null;
}

class StartView extends View {
  private fault = '';
  private isBusy = false;
  private isPasswordDone = false;
  /** Passwords made here, by device: they are shown, and nowhere kept. */
  private passwords = new Map<string, string>();

  private async changePassword(event: SubmitEvent) {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const values = Object.fromEntries(new FormData(form)) as Record<string, string>;
    if (values.password !== values.again) {
      this.put({ fault: 'The two passwords differ.' });
      return;
    }
    const name = app.me!.name;
    this.put({ isBusy: true, fault: '' });
    try {
      await ask('PATCH', `/api/users/${encodeURIComponent(name)}`, { password: values.password });
      await app.logIn(name, values.password); // the change ended this session too
      this.put({ isPasswordDone: true });
      app.say('The password is changed.');
    } catch (error) {
      this.put({ fault: sentence(error) });
    }
    this.put({ isBusy: false });
  }

  /** A merge patch replaces lists as a whole; masked passwords in it stay what they are. */
  private async setPassword(device: Device) {
    const password = newPassword();
    await this.act(async () => {
      const { body, headers } = await exchange<{ devices: { id: string; password?: unknown }[] }>('GET', '/api/config');
      const devices = body.devices.map((item) => (item.id === device.id ? { ...item, password } : item));
      await ask('PATCH', '/api/config', { devices }, { 'If-Match': headers.get('etag') ?? '*' });
      this.passwords.set(device.id, password);
    });
  }

  private step(number: number, title: string, isDone: boolean, body: unknown) {
    return html`<section class="card first" aria-labelledby="first-${number}">
      <header class="section-head"><span class="step-mark ${isDone ? 'done' : ''}" aria-hidden="true">${isDone ? icon('check') : number}</span>
        <h2 id="first-${number}">${title}</h2>${isDone ? pill('done', 'good') : nothing}</header>${body}</section>`;
  }

  private passwordStep() {
    const isDone = this.isPasswordDone || !app.me?.firstStart;
    return this.step(1, 'Choose your password', isDone, isDone ? html`<p class="quiet">The password of the first start is replaced. Others are changed under <a href="#/users">Users</a>.</p>`
      : html`<p class="quiet">The one printed in the terminal was for the first time only.</p>
        <form class="inline" @submit=${this.changePassword}>
          <input class="hidden" name="user" autocomplete="username" .value=${app.me?.name ?? ''} tabindex="-1" aria-hidden="true" readonly>
          <label>New password, 8 letters or more <input name="password" type="password" minlength="8" maxlength="256" required autocomplete="new-password"></label>
          <label>Once more <input name="again" type="password" minlength="8" maxlength="256" required autocomplete="new-password"></label>
          <button class="primary" ?disabled=${this.isBusy}>Save</button></form>
        <p class="fault" role="alert">${this.fault}</p>`);
  }

  private soundStep() {
    const https = httpsUrl();
    if (!window.isSecureContext) {
      return this.step(2, 'Hear yourself', false, html`<p>The browser gives the microphone only to safe pages. ${https ? html`Open <a href=${https}>${https}</a>` : 'Open this page by its https address'} and
        <a href="/trust">trust this router's certificate</a> once.</p>`);
    }
    return this.step(2, 'Hear yourself', phone.calls.some((call) => call.number === '*43' && call.state === 'talking'), html`
      <p class="quiet">One click: this browser calls the echo, and plays back what you say.</p>
      <p class="ends-left"><button type="button" class="primary" ?disabled=${phone.state !== 'ready'} @click=${() => { location.hash = '#/phone'; void phone.dial('*43', 'Echo test'); }}>${icon('phone')}Echo test</button>
        ${phone.state === 'not-built' ? html`<span class="quiet">This router does not speak with browsers. With a SIP phone: dial <b class="mono">*43</b>.</span>` : nothing}</p>
      ${https && location.protocol !== 'https:' ? html`<p class="small quiet">From other machines of the house: <a href=${https}>${https}</a>, after <a href="/trust">trusting the certificate</a>.</p>` : nothing}`);
  }

  private device(device: Device) {
    const status = app.events.status;
    const password = this.passwords.get(device.id);
    return html`<li class="phone-data"><header class="section-head"><h3>${device.displayName ?? device.id}</h3>
        ${pill(device.registered ? 'registered' : 'not registered yet', device.registered ? 'good' : 'quiet')}</header>
      <dl class="facts">
        <div><dt>Server</dt><dd class="mono">${serverAddress()}</dd></div>
        <div><dt>Port</dt><dd class="mono">${status?.addresses?.lanPort ?? ''} <span class="quiet">UDP or TCP</span>${status?.addresses?.tlsPort ? html`, ${status.addresses.tlsPort} <span class="quiet">TLS</span>` : nothing}</dd></div>
        <div><dt>User</dt><dd class="mono">${device.extension ?? device.id}</dd></div>
        <div><dt>Password</dt><dd>${password ? html`<code class="secret">${password}</code>` : html`<span class="quiet">printed in the terminal</span>`}</dd></div>
      </dl>
      <button type="button" @click=${() => void this.setPassword(device)}>${password ? 'Another password' : 'Make a new password and show it'}</button></li>`;
  }

  private phonesStep() {
    const devices = [...app.events.devices.values()].sort((a, b) => (a.extension ?? '').localeCompare(b.extension ?? '', undefined, { numeric: true }));
    const registered = devices.filter((device) => device.registered).length;
    return this.step(3, 'Connect your phones', registered > 0, html`
      <p class="quiet">In a desk phone or an app (Linphone, Zoiper, baresip and others) choose "SIP account" and enter these. It shows here the moment it registers.</p>
      <ul class="phone-list">${devices.slice(0, SHOWN_MAX).map((device) => this.device(device))}</ul>
      <p class="small quiet">${devices.length > SHOWN_MAX ? `${devices.length - SHOWN_MAX} more are configured. ` : ''}More phones: copy an entry of <code>"devices"</code> under <a href="#/config">Configuration</a>.
        Then dial one from the other, <b class="mono">*43</b> for the echo, or <b class="mono">800</b> for the conference room.</p>`);
  }

  private done() {
    sessionStorage.removeItem('starting');
    location.hash = '#/phone';
  }

  render() {
    return html`${heading('First steps', html`<div class="tools"><button type="button" ?disabled=${app.me?.firstStart && !this.isPasswordDone} @click=${this.done}>Done</button></div>`)}
      <div class="firsts">${this.passwordStep()}${this.soundStep()}${this.phonesStep()}</div>`;
  }
}
customElements.define('sr-start', StartView);
