/* The first steps of an administrator: password, first sound, phones, a provider. */
import { html, nothing } from 'lit';
import { ask, exchange, Problem, sentence } from '../api.js';
import { app } from '../app-state.js';
import { newPassword, nextExtension, withDevice, withPassword, withProvider, type Configuration } from '../config-edit.js';
import { chooseDevice, phone, wantedDevice } from '../softphone.js';
import type { Device } from '../types.js';
import { icon } from '../ui/icons.js';
import { heading, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { isUp, providerState } from './providers.js';

const SHOWN_MAX = 6;

const freshPassword = () => newPassword(crypto.getRandomValues(new Uint8Array(16)));

/** Where phones find the router. */
function serverAddress(): string {
  return (app.events.status?.addresses?.phones as string[] | undefined)?.[0] ?? location.hostname;
}

/** A phone is there, not only a page that rings for it. */
const hasPhone = (device: Device) => device.contacts.some((contact) => contact.transport.toLowerCase() !== 'webrtc');

/** What failed, with the faults of the configuration where there are some. */
function faultWords(error: unknown): string {
  const faults = (error as Problem).faults ?? [];
  return faults.length ? faults.map((fault) => `${fault.pointer}: ${fault.message}`).join('; ') : sentence(error);
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
  private form: '' | 'device' | 'provider' = '';
  private formFault = '';
  private nextFree = '';
  private providerId = '';

  connectedCallback() {
    super.connectedCallback();
    // from the views of phones and providers straight to their form
    if (app.rest === 'phone') void this.open('device');
    if (app.rest === 'provider') void this.open('provider');
  }

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

  /** Reads the configuration, changes it, and writes it only over what was read. */
  private async edit<T extends object>(change: (config: Configuration) => T) {
    const { body, headers } = await exchange<Configuration>('GET', '/api/config');
    const changed = change(body);
    await ask('PATCH', '/api/config', 'patch' in changed ? changed.patch : changed, { 'If-Match': headers.get('etag') ?? '*' });
    return changed;
  }

  private async setPassword(device: Device) {
    const password = freshPassword();
    await this.act(async () => {
      await this.edit((config) => withPassword(config, device.id, password));
      this.passwords.set(device.id, password);
    });
  }

  private async open(form: 'device' | 'provider') {
    if (form === 'device') {
      const config = await ask<Configuration>('GET', '/api/config').catch(() => ({}));
      this.nextFree = nextExtension(config);
    }
    this.put({ form, formFault: '' });
    await this.updateComplete;
    const input = this.querySelector<HTMLInputElement>(`form[data-form=${form}] input`);
    input?.scrollIntoView({ block: 'center' });
    input?.focus();
  }

  private async submit(event: SubmitEvent) {
    event.preventDefault();
    const values = Object.fromEntries([...new FormData(event.target as HTMLFormElement)].map(([key, value]) => [key, String(value).trim()]));
    this.put({ isBusy: true, formFault: '' });
    try {
      if (this.form === 'device') {
        const password = freshPassword();
        const { id } = await this.edit((config) => withDevice(config, { name: values.name, extension: values.extension, password }));
        this.passwords.set(id, password);
      } else {
        const { name, domain, username, password, country } = values;
        this.providerId = (await this.edit((config) => withProvider(config, { name, domain, username, password, country }))).id;
      }
      this.put({ form: '' });
    } catch (error) {
      this.put({ formFault: faultWords(error) });
    }
    this.put({ isBusy: false });
  }

  private step(number: number, title: string, isDone: boolean, body: unknown) {
    return html`<section class="card first" aria-labelledby="first-${number}">
      <header class="section-head"><span class="step-mark ${isDone ? 'done' : ''}" aria-hidden="true">${isDone ? icon('check') : number}</span>
        <h2 id="first-${number}">${title}</h2>${isDone ? pill('done', 'good') : nothing}</header>${body}</section>`;
  }

  private passwordStep() {
    const isDone = this.isPasswordDone || !app.me?.firstStart;
    return this.step(1, 'Choose your password', isDone, isDone ? html`<p class="quiet">The password of the first start is replaced. Accounts for others are made under <a href="#/users">Users</a>.</p>`
      : html`<p class="quiet">The one printed in the terminal was for the first time only.</p>
        <form class="inline" @submit=${this.changePassword}>
          <input class="hidden" name="user" autocomplete="username" .value=${app.me?.name ?? ''} tabindex="-1" aria-hidden="true" readonly>
          <label>New password <input name="password" type="password" minlength="8" maxlength="256" required autocomplete="new-password"></label>
          <label>Once more <input name="again" type="password" minlength="8" maxlength="256" required autocomplete="new-password"></label>
          <button class="primary" ?disabled=${this.isBusy}>Save</button></form>
        <p class="small quiet">8 characters or more.</p>
        <p class="fault" role="alert">${this.fault}</p>`);
  }

  private soundStep() {
    const https = httpsUrl();
    if (!window.isSecureContext) {
      return this.step(2, 'Hear yourself', false, html`<p>The browser gives the microphone only to safe pages. ${https ? html`Open <a href=${https}>${https}</a>` : 'Open this page by its https address'} and
        <a href="/trust">trust this router's certificate</a> once.</p>`);
    }
    return this.step(2, 'Hear yourself', sessionStorage.getItem('echoed') !== null || phone.calls.some((call) => call.number === '*43' && call.state === 'talking'), html`
      <p class="quiet">One click: this browser calls the echo, and plays back what you say.</p>
      <p class="ends-left"><button type="button" class="primary" ?disabled=${phone.state !== 'ready'} @click=${() => { location.hash = '#/phone'; void phone.dial('*43', 'Echo test'); }}>${icon('phone')}Echo test</button>
        ${phone.state === 'not-built' ? html`<span class="quiet">This router does not speak with browsers. With a SIP phone: dial <b class="mono">*43</b>.</span>` : nothing}</p>
      ${https && location.protocol !== 'https:' ? html`<p class="small quiet after-button">From other machines of the house: <a href=${https}>${https}</a>, after <a href="/trust">trusting the certificate</a>.</p>` : nothing}`);
  }

  private device(device: Device) {
    const status = app.events.status;
    const password = this.passwords.get(device.id);
    return html`<li class="phone-data"><header class="section-head"><h3>${device.displayName ?? device.id}</h3>
        ${pill(hasPhone(device) ? 'registered' : 'not registered yet', hasPhone(device) ? 'good' : 'quiet')}</header>
      <dl class="facts">
        <div><dt>Server</dt><dd class="mono">${serverAddress()}</dd></div>
        <div><dt>Port</dt><dd class="mono">${status?.addresses?.lanPort ?? ''} <span class="quiet">UDP or TCP</span>${status?.addresses?.tlsPort ? html`, ${status.addresses.tlsPort} <span class="quiet">TLS</span>` : nothing}</dd></div>
        <div><dt>User</dt><dd class="mono">${device.extension ?? device.id}</dd></div>
        <div><dt>Password</dt><dd>${password ? html`<code class="secret">${password}</code>${this.copyButton(password, `the password of ${device.displayName ?? device.id}`)}` : html`<span class="quiet">as in the configuration file</span>`}</dd></div>
      </dl>
      <div class="ends-left"><button type="button" @click=${() => void this.setPassword(device)}>${password ? 'Another password' : 'New password'}</button>
        ${device.id === wantedDevice() ? pill('this browser rings too', 'good')
          : html`<button type="button" @click=${() => { chooseDevice(device.id); app.say(`This browser rings when ${device.extension ?? device.id} is called.`); }}>Ring here too</button>`}</div></li>`;
  }

  private ends(words: string) {
    return html`<p class="fault" role="alert">${this.formFault}</p>
      <div class="ends"><button type="button" @click=${() => this.put({ form: '' })}>Cancel</button>
        <button class="primary" ?disabled=${this.isBusy}>${words}</button></div>`;
  }

  private phonesStep() {
    const devices = [...app.events.devices.values()].sort((a, b) => (a.extension ?? '').localeCompare(b.extension ?? '', undefined, { numeric: true }));
    return this.step(3, 'Connect your phones', devices.some(hasPhone), html`
      <p class="quiet">In a desk phone or an app (Linphone, Zoiper, baresip and others) choose "SIP account" and enter these. It shows here the moment it registers.
        Then dial one from the other, <b class="mono">*43</b> for the echo, or <b class="mono">800</b> for the conference room.</p>
      <ul class="phone-list">${devices.slice(-SHOWN_MAX).map((device) => this.device(device))}</ul>
      ${devices.length > SHOWN_MAX ? html`<p class="small quiet">${devices.length - SHOWN_MAX} more are configured: <a href="#/devices">all devices</a>.</p>` : nothing}
      ${this.form === 'device' ? html`<form class="stack inner" data-form="device" aria-label="New phone" @submit=${this.submit}>
          <div class="halves"><label>Name <input name="name" required maxlength="63" autocomplete="off" placeholder="Kitchen"></label>
            <label>Extension <input name="extension" required maxlength="31" inputmode="tel" autocomplete="off" .value=${this.nextFree}></label></div>
          ${this.ends('Add phone')}</form>`
        : html`<button type="button" @click=${() => void this.open('device')}>${icon('add')}Add a phone</button>`}`);
  }

  private providerStep() {
    const providers = [...app.events.providers.values()];
    return this.step(4, 'Connect a provider', providers.some(isUp), html`
      <p class="quiet">For calls with the outside. Everything else works without one. Its website shows these under "SIP" or "VoIP account".</p>
      ${providers.length ? html`<ul class="lines">${providers.map((provider) => html`<li><b>${provider.displayName || provider.id}</b>${providerState(provider)}
        ${provider.verdict ? html`<p class="verdict">${icon('warn')}<span>${provider.verdict}</span></p>` : nothing}</li>`)}</ul>` : nothing}
      ${this.providerId ? html`<p class="small quiet" role="status">Saved, with two routes: outside numbers go out through it, its calls ring all phones. <a href="#/routes">Look at the routes</a></p>` : nothing}
      ${this.form === 'provider' ? html`<form class="stack inner" data-form="provider" aria-label="New provider" @submit=${this.submit}>
          <div class="halves"><label>Name <input name="name" required maxlength="63" autocomplete="off" placeholder="ACME Telecom"></label>
            <label>Server or domain <input name="domain" required maxlength="253" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="sip.acme.example"></label>
            <label>User name or number <input name="username" required maxlength="127" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
            <label>Password <input name="password" type="password" required maxlength="127" autocomplete="new-password"></label>
            <label>Country, two letters <input name="country" minlength="2" maxlength="2" pattern="[A-Za-z]{2}" autocomplete="off" placeholder="DE"></label></div>
          ${this.ends('Save provider')}</form>`
        : html`<button type="button" @click=${() => void this.open('provider')}>${icon('providers')}Add a provider</button>`}`);
  }

  private done() {
    sessionStorage.removeItem('starting');
    location.hash = '#/phone';
  }

  render() {
    const isLocked = Boolean(app.me?.firstStart && !this.isPasswordDone);
    return html`${heading('First steps', isLocked ? nothing : html`<div class="tools"><button type="button" @click=${this.done}>Done</button></div>`)}
      <div class="firsts">${this.passwordStep()}${this.soundStep()}${this.phonesStep()}${this.providerStep()}</div>`;
  }
}
customElements.define('sr-start', StartView);
