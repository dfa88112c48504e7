/* Who is logged in, and the own password: for every role, from every view. */
import { html, nothing } from 'lit';
import { ask, Problem, sentence } from '../api.js';
import { app } from '../app-state.js';
import { icon } from '../ui/icons.js';
import { pill } from '../ui/parts.js';
import { View } from '../ui/view.js';
import { roleWords } from '../words.js';

class AccountView extends View {
  private fault = '';
  private faultField = '';
  private isBusy = false;
  private isOpen = false;

  private async open() {
    this.put({ isOpen: true, fault: '', faultField: '' });
    await this.updateComplete;
    this.querySelector('dialog')!.showModal();
  }

  private close() {
    this.querySelector('dialog')?.close();
  }

  private refuse(field: string, fault: string) {
    this.put({ fault, faultField: field });
    this.querySelector<HTMLInputElement>(`[name=${field}]`)?.select();
  }

  private async submit(event: SubmitEvent) {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target as HTMLFormElement)) as Record<string, string>;
    if (values.newPassword !== values.again) {
      this.refuse('again', 'The two new passwords differ.');
      return;
    }
    this.put({ isBusy: true, fault: '', faultField: '' });
    try {
      await ask('POST', '/api/me/password', { oldPassword: values.oldPassword, newPassword: values.newPassword });
      await app.enter(); // a new session: its sockets begin anew
      this.close();
      app.say('Your password is changed. Where else you were logged in, you are logged out.');
    } catch (error) {
      this.refuse((error as Problem).pointer === '/newPassword' ? 'newPassword' : 'oldPassword', sentence(error));
    }
    this.put({ isBusy: false });
  }

  private field(name: string, label: string, complete: string, more: { min?: number; hint?: string } = {}) {
    return html`<label>${label} <input name=${name} type="password" required minlength=${more.min ?? 1} maxlength="256" autocomplete=${complete}
      aria-invalid=${String(this.faultField === name)} aria-describedby="account-fault"></label>
      ${more.hint ? html`<p class="small quiet hint">${more.hint}</p>` : ''}`;
  }

  render() {
    const { me } = app;
    if (!me) return nothing; // logged out this moment
    return html`<button type="button" class="icon-button" title="Account of ${me.name}" aria-label="Account of ${me.name}" aria-haspopup="dialog" @click=${this.open}>${icon('user')}</button>
      <dialog aria-labelledby="account-title" @close=${() => this.put({ isOpen: false })}>${this.isOpen ? html`
        <div class="stack"><div class="section-head"><h2 id="account-title">${me.name}</h2>${pill(roleWords(me.role))}</div>
        <form class="stack" @submit=${this.submit}>
          <input class="hidden" name="user" autocomplete="username" .value=${me.name} tabindex="-1" aria-hidden="true" readonly>
          ${this.field('oldPassword', 'Your password', 'current-password')}
          ${this.field('newPassword', 'New password', 'new-password', { min: 8, hint: '8 characters or more.' })}
          ${this.field('again', 'New password once more', 'new-password', { min: 8 })}
          <p id="account-fault" class="fault" role="alert">${this.fault}</p>
          <div class="ends"><button type="button" @click=${this.close}>Cancel</button>
            <button class="primary" ?disabled=${this.isBusy}>${this.isBusy ? 'Changing' : 'Change password'}</button></div>
        </form></div>` : html`<h2 id="account-title" class="hidden">Account</h2>`}
      </dialog>`;
  }
}
customElements.define('sr-account', AccountView);
