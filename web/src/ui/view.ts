/* What all views share: light DOM (one style sheet for all), a subscription to the live picture, busy and fault. */
import { LitElement, nothing } from 'lit';
import { sentence } from '../api.js';
import { app } from '../app-state.js';
import { iconButton } from './parts.js';

export class View extends LitElement {
  private stop: (() => void)[] = [];

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.stop.push(app.watch(() => this.requestUpdate()));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const fn of this.stop.splice(0)) fn();
  }

  /** To be called when the view goes. */
  protected whenGone(fn: () => void) {
    this.stop.push(fn);
  }

  /** Calls fn every so many milliseconds while the view stands and the page is seen. */
  protected every(ms: number, fn: () => void) {
    const timer = setInterval(() => {
      if (!document.hidden) fn();
    }, ms);
    this.whenGone(() => clearInterval(timer));
  }

  protected put(values: object) {
    Object.assign(this, values);
    this.requestUpdate();
  }

  /** Copies a text; pages that are not safe have no clipboard, and no such button. */
  protected copyButton(text: string, what: string) {
    return navigator.clipboard ? iconButton('copy', `Copy ${what}`, () => void this.act(async () => {
      await navigator.clipboard.writeText(text);
      app.say('Copied.');
    })) : nothing;
  }

  /** Runs what a button asks for; a failure is said in the corner of the page. */
  protected async act(what: () => Promise<unknown>): Promise<boolean> {
    try {
      await what();
      return true;
    } catch (error) {
      app.say(sentence(error), 'bad');
      return false;
    } finally {
      this.requestUpdate();
    }
  }
}
