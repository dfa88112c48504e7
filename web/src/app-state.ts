/* What the whole page shares: who is logged in, where it is, the live picture, what is said in the corner. */
import { all, ask, whenSessionOver, type Problem } from './api.js';
import { EventStore, type Socket } from './events.js';
import type { Call, Device, Me, Provider } from './types.js';

const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export interface Note {
  id: number;
  text: string;
  tone: 'good' | 'bad';
}

const NOTE_MS = 6000;
const KEEP_MS = 15 * 60000;

export function openSocket(query: string): Socket {
  const scheme = location.protocol === 'https:' ? 'wss://' : 'ws://';
  return new WebSocket(`${scheme}${location.host}/api/events${query}`);
}

class AppState {
  me: Me | null = null;
  /** Nothing is known yet: the first question to the router runs. */
  isAsking = true;
  /** The router did not answer the first question. */
  isUnreachable = false;
  view = 'calls';
  rest = '';
  notes: Note[] = [];
  theme: Theme = THEMES.find((theme) => theme === localStorage.getItem('theme')) ?? 'auto';
  readonly events: EventStore;

  private readonly watchers = new Set<() => void>();
  private lastNote = 0;

  constructor() {
    this.events = new EventStore({
      open: openSocket,
      calls: () => all<Call>('/api/calls'),
      devices: () => all<Device>('/api/devices'),
      providers: () => (this.me?.role === 'user' ? Promise.resolve([]) : all<Provider>('/api/providers')),
      after: (ms, fn) => setTimeout(fn, ms),
      cancel: (timer) => clearTimeout(timer as number),
      random: Math.random,
      now: Date.now,
    });
    this.events.watch(() => this.changed());
    // a refused socket does not say why: ask whether the session is over
    this.events.listen((event) => {
      if (event.type === 'link' && this.events.link === 'waiting' && this.events.tries >= 2) void ask('GET', '/api/me').catch(() => {});
    });
    whenSessionOver(() => {
      if (this.me) this.say('The session is over: log in again.', 'bad');
      this.forget();
    });
    // an open page is in use, also when nobody touches it: a phone must not be logged out by silence
    setInterval(() => {
      if (this.me) void ask('GET', '/api/me').catch(() => {});
    }, KEEP_MS);
    addEventListener('hashchange', () => this.go());
    addEventListener('online', () => this.events.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.events.retryNow();
    });
    this.showTheme();
    this.go();
  }

  watch(fn: () => void) {
    this.watchers.add(fn);
    return () => this.watchers.delete(fn);
  }

  changed() {
    for (const fn of [...this.watchers]) fn();
  }

  private go() {
    const [, view = '', rest = ''] = location.hash.match(/^#\/?([^/]*)\/?(.*)$/) ?? [];
    this.view = view;
    try {
      this.rest = decodeURIComponent(rest);
    } catch {
      this.rest = ''; // an address typed or cut by hand
    }
    this.changed();
  }

  /** Asks who we are; starts the live picture when we are somebody. */
  async enter() {
    try {
      this.me = await ask<Me>('GET', '/api/me');
      this.isUnreachable = false;
      if (this.me.firstStart) sessionStorage.setItem('starting', '1');
      if (this.events.link === 'off') this.events.start();
      else this.events.renew(); // its socket may be of a session before
    } catch (error) {
      this.isUnreachable = (error as { status?: number }).status !== 401;
      this.me = null;
      if (this.isUnreachable) setTimeout(() => void this.enter(), 3000);
    }
    this.isAsking = false;
    this.changed();
  }

  async logIn(user: string, password: string) {
    await ask('POST', '/api/login', { user, password });
    await this.enter();
  }

  private readonly leaving = new Set<() => void>();

  /** Called while the line still stands, before somebody is logged out. */
  whenLeaving(fn: () => void) {
    this.leaving.add(fn);
  }

  async logOut() {
    for (const fn of this.leaving) fn();
    try {
      await ask('POST', '/api/logout');
    } catch (error) { // who is at this browser next would still be let in
      if ((error as Problem).status !== 401) {
        this.say(`Still logged in: ${(error as Problem).message}. Try again.`, 'bad');
        this.events.renew(); // and still a phone
        return;
      }
    }
    this.forget();
  }

  forget() {
    if (!this.me) return;
    this.me = null;
    this.events.stop();
    this.changed();
  }

  /** The first steps are not done with. */
  get isStarting() {
    return this.isAdmin && sessionStorage.getItem('starting') !== null;
  }

  get isAdmin() {
    return this.me?.role === 'admin';
  }

  /** Whether this role may change calls (its own, for role user). */
  get maySteer() {
    return this.me?.role === 'admin' || this.me?.role === 'user';
  }

  say(text: string, tone: Note['tone'] = 'good') {
    this.lastNote += 1;
    const note = { id: this.lastNote, text, tone };
    this.notes = [...this.notes.slice(-2), note];
    setTimeout(() => this.unsay(note.id), tone === 'bad' ? NOTE_MS * 1.5 : NOTE_MS);
    this.changed();
  }

  unsay(id: number) {
    this.notes = this.notes.filter((note) => note.id !== id);
    this.changed();
  }

  setTheme(theme: Theme) {
    this.theme = theme;
    localStorage.setItem('theme', theme);
    this.showTheme();
    this.changed();
  }

  private showTheme() {
    if (this.theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }
}

export const app = new AppState();
