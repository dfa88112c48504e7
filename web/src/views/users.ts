/* Who may use page and API: users with passwords, tokens for programs. */
import { html, nothing } from 'lit';
import { all, ask, sentence } from '../api.js';
import { app } from '../app-state.js';
import type { Role } from '../types.js';
import { heading, iconButton, pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { roleWords, when } from '../words.js';

interface User {
  name: string;
  role: Role;
  deviceId: string | null;
}

interface Token extends User {
  id: string;
  createdAt?: string | null;
  created?: string | null;
  expires: string | null;
  token?: string;
}

const ROLE_WORDS: [Role, string][] = [
  ['admin', 'Administrator: everything'],
  ['read', 'Reader: sees everything, changes nothing'],
  ['user', 'User: own phone and own calls'],
];

class UsersView extends View {
  private users: User[] = [];
  private tokens: Token[] = [];
  private fault = '';
  private form: '' | 'user' | 'token' | 'password' = '';
  private subject = '';
  private formFault = '';
  private formRole: Role = 'user';
  private fresh: Token | null = null;

  connectedCallback() {
    super.connectedCallback();
    void this.read();
  }

  private async read() {
    try {
      const [users, tokens] = await Promise.all([all<User>('/api/users'), all<Token>('/api/tokens')]);
      this.put({ users, tokens, fault: '' });
    } catch (error) {
      this.put({ fault: sentence(error) });
    }
  }

  private open(form: 'user' | 'token' | 'password', subject = '') {
    this.put({ form, subject, formFault: '', formRole: form === 'token' ? 'read' : 'user' });
    void this.updateComplete.then(() => {
      const dialog = this.querySelector('dialog')!;
      if (!dialog.open) dialog.showModal();
    });
  }

  private close() {
    this.querySelector('dialog')?.close();
    this.put({ form: '' });
  }

  private async submit(event: SubmitEvent) {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target as HTMLFormElement)) as Record<string, string>;
    const form = this.form;
    const body: Record<string, unknown> = { ...values };
    if (!values.deviceId) delete body.deviceId;
    if (form === 'token') body.expires = values.expires ? new Date(`${values.expires}T23:59:59`).toISOString() : null;
    try {
      if (form === 'token') this.fresh = await ask<Token>('POST', '/api/tokens', body);
      else if (form === 'user') await ask('POST', '/api/users', body);
      else await ask('PATCH', `/api/users/${encodeURIComponent(this.subject)}`, { password: values.password });
      this.close();
      if (form === 'password' && this.subject === app.me?.name) await app.logIn(this.subject, values.password);
      if (form === 'password') app.say(`The password of ${this.subject} is changed; its other sessions are over.`);
      await this.read();
    } catch (error) {
      this.put({ formFault: sentence(error) });
    }
  }

  private async drop(path: string, words: string) {
    if (!confirm(words)) return;
    if (await this.act(() => ask('DELETE', path))) await this.read();
  }

  private roleFields(isToken: boolean) {
    return html`<label>Role <select name="role" @change=${(event: Event) => this.put({ formRole: (event.target as HTMLSelectElement).value as Role })}>
        ${ROLE_WORDS.map(([role, words]) => html`<option value=${role} ?selected=${role === this.formRole}>${words}</option>`)}</select></label>
      ${this.formRole === 'user' ? html`<label>Device <select name="deviceId" ?required=${isToken}><option value="">None</option>
        ${[...app.events.devices.values()].map((device) => html`<option value=${device.id}>${device.extension ?? ''} ${device.displayName ?? device.id}</option>`)}</select></label>` : nothing}`;
  }

  private dialog() {
    const title = this.form === 'user' ? 'New user' : this.form === 'token' ? 'New token' : `New password for ${this.subject}`;
    return html`<dialog aria-labelledby="users-dialog" @close=${() => this.put({ form: '' })}>
      ${this.form ? html`<form class="stack" @submit=${this.submit}>
        <h2 id="users-dialog">${title}</h2>
        ${this.form !== 'password' ? html`<label>${this.form === 'user' ? 'Name' : 'What it is for'}
          <input name="name" required maxlength="63" autocomplete="off" autocapitalize="none"></label>` : nothing}
        ${this.form !== 'token' ? html`<label>Password <input name="password" type="password" minlength="8" maxlength="256" required autocomplete="new-password"></label>` : nothing}
        ${this.form !== 'password' ? this.roleFields(this.form === 'token') : nothing}
        ${this.form === 'token' ? html`<label>Valid until (empty: for ever) <input name="expires" type="date"></label>` : nothing}
        <p class="fault" role="alert">${this.formFault}</p>
        <div class="ends"><button type="button" @click=${this.close}>Cancel</button><button class="primary">Save</button></div>
      </form>` : html`<h2 id="users-dialog" class="hidden">Closed</h2>`}
    </dialog>`;
  }

  private device(id: string | null) {
    return id ? pill(app.events.devices.get(id)?.extension ?? id) : nothing;
  }

  render() {
    return html`${heading('Users and tokens')}
      ${this.fault ? html`<p class="fault" role="alert">${this.fault}</p>` : nothing}
      <section class="card" aria-labelledby="h-users">
        <header class="section-head"><h2 id="h-users">Users</h2><button type="button" @click=${() => this.open('user')}>New user</button></header>
        <ul class="lines">${this.users.map((user) => html`<li>
          <span class="party"><b>${user.name}</b>${pill(roleWords(user.role))}${this.device(user.deviceId)}</span>
          <button type="button" @click=${() => this.open('password', user.name)} aria-label="New password for ${user.name}">Password</button>
          ${iconButton('close', `Remove user ${user.name}`, () => void this.drop(`/api/users/${encodeURIComponent(user.name)}`, `Remove the user ${user.name}?`), { tone: 'bad', disabled: user.name === app.me?.name })}
        </li>`)}</ul>
      </section>
      <section class="card" aria-labelledby="h-tokens">
        <header class="section-head"><h2 id="h-tokens">Tokens for programs</h2><button type="button" @click=${() => this.open('token')}>New token</button></header>
        ${this.fresh?.token ? html`<div class="verdict good" role="status"><span>The token <b>${this.fresh.name}</b>, shown this once:<br>
          <code class="secret">${this.fresh.token}</code></span>
          ${this.copyButton(this.fresh.token, `the token ${this.fresh.name}`)}</div>` : nothing}
        ${this.tokens.length === 0 ? html`<p class="quiet">None yet. A program sends one as <code>Authorization: Bearer …</code></p>` : nothing}
        <ul class="lines">${this.tokens.map((token) => html`<li>
          <span class="party"><b>${token.name}</b>${pill(roleWords(token.role))}${this.device(token.deviceId)}
            <small class="quiet">${token.expires ? `until ${when(token.expires)}` : 'for ever'}</small></span>
          ${iconButton('close', `Withdraw token ${token.name}`, () => void this.drop(`/api/tokens/${encodeURIComponent(token.id)}`, `Withdraw the token ${token.name}? Programs that use it are locked out.`), { tone: 'bad' })}
        </li>`)}</ul>
      </section>
      ${this.dialog()}`;
  }
}
customElements.define('sr-users', UsersView);
