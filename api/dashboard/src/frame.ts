// What is around every screen: title, navigation, account, and the banner of what is wrong.
import { h, replace } from './dom';
import { plural } from './format';
import { href } from './route';
import type { Claims } from './token';

/** Themes in the order that the button goes through. */
const THEMES = ['auto', 'light', 'dark'] as const;
const THEME_KEY = 'mrt.theme';

export class Frame {
  readonly main = h('main', { id: 'main', tabindex: -1 });
  private readonly account = h('div', { class: 'account' });
  private readonly banner = h('div', { class: 'banner', role: 'alert', hidden: true });

  constructor() {
    const skip = h('a', { class: 'skip', href: '#main', click: (event) => {
      event.preventDefault();
      this.main.focus();
    } }, 'Skip to the numbers');
    const header = h('header', { class: 'top' },
      h('a', { class: 'brand', href: href(['fleet']) }, h('b', {}, 'MRT'), ' fleet'),
      this.account);
    document.body.replaceChildren(skip, header, this.banner, this.main);
    applyTheme(localStorage.getItem(THEME_KEY) ?? 'auto');
  }

  /** Shows who is logged in; null is nobody. */
  showAccount(claims: Claims | null, logout: () => void): void {
    const theme = h('button', { type: 'button', id: 'theme', click: () => {
      const next = THEMES[(THEMES.indexOf(themeNow()) + 1) % THEMES.length]!;
      localStorage.setItem(THEME_KEY, next);
      applyTheme(next);
      theme.textContent = `Theme: ${next}`;
    } }, `Theme: ${themeNow()}`);
    const limits = claims?.environments ? ` · ${plural(claims.environments.length, 'environment')}` : '';
    replace(this.account, theme, ...(claims
      ? [h('span', { class: 'faint name' }, `${claims.name ?? ''}${limits}`), h('button', { type: 'button', id: 'logout', click: logout }, 'Log out')]
      : []));
  }

  /** Shows a message above everything, with something to do; null hides it. */
  warn(text: string | null, action?: { title: string; run: () => void }): void {
    this.banner.hidden = text === null;
    replace(this.banner, ...(text === null ? [] : [h('span', {}, text),
      ...(action ? [h('button', { type: 'button', id: 'banner-action', click: action.run }, action.title)] : [])]));
  }
}

function themeNow(): (typeof THEMES)[number] {
  const theme = document.documentElement.dataset.theme;
  return theme === 'light' || theme === 'dark' ? theme : 'auto';
}

function applyTheme(theme: string): void {
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event('themechange'));
}
