import { html } from 'lit';
import { sentence } from '../api.js';
import { app } from '../app-state.js';
import { View } from '../ui/view.js';
import { mark } from '../ui/mark.js';

class LoginView extends View {
  private fault = '';
  private isBusy = false;

  private async submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    this.put({ isBusy: true, fault: '' });
    try {
      await app.logIn(String(form.get('user')), String(form.get('password')));
    } catch (error) {
      this.put({ fault: sentence(error) });
      this.querySelector<HTMLInputElement>('[name=password]')?.select();
    }
    this.put({ isBusy: false });
  }

  render() {
    return html`<main class="door">
      <div class="brand">${mark()}<span>siprouter</span></div>
      <form class="card" @submit=${this.submit}>
        <h1>Log in</h1>
        <label>User
          <input name="user" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64" autofocus
            aria-describedby="login-fault">
        </label>
        <label>Password
          <input name="password" type="password" autocomplete="current-password" required maxlength="256"
            aria-describedby="login-fault">
        </label>
        <p id="login-fault" class="fault" role="alert">${this.fault}</p>
        <button class="primary" ?disabled=${this.isBusy}>${this.isBusy ? 'Logging in' : 'Log in'}</button>
        <details>
          <summary>First time here, or password lost?</summary>
          <p>At its first start the router printed the password of <b>admin</b> in its terminal.
            A new one: <code>siprouter passwd admin</code> on the router itself.</p>
        </details>
      </form>
    </main>`;
  }
}
customElements.define('sr-login', LoginView);
