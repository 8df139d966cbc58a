// The head of an environment's screens: its name, its screens, and the range of time.
import { h } from '../dom';
import { DEFAULT_RANGE, daysOf, picked, rangeOf, rangeQuery, RANGES } from '../range';
import { go, href } from '../route';

const SCREENS: [string, string][] = [
  ['', 'Overview'], ['grew', 'What grew'], ['tables', 'Tables'], ['users', 'Users'], ['constants', 'Constants'], ['collection', 'Collection'],
];

/** The head of the screen `screen` of an environment. */
export function environmentHead(name: string, screen: string, query: Record<string, string>, title?: string): Node[] {
  const keep = rangeQuery(query);
  const links = SCREENS.map(([path, text]) => h('a', {
    href: href(['environment', name, ...(path ? [path] : [])], keep), id: `to-${path || 'overview'}`,
    'aria-current': path === screen ? 'page' : null,
  }, text));
  return [
    h('div', { class: 'head' },
      h('p', { class: 'crumbs' }, h('a', { href: href(['fleet']) }, 'Fleet'), ' / ', title ? h('a', { href: href(['environment', name], keep) }, name) : 'Environment'),
      h('h1', {}, title ?? name),
      h('nav', { 'aria-label': 'Environment' }, links)),
  ];
}

/** Picks the range of time; the address has it, so that a link shows the same. */
export function rangePicker(path: string[], query: Record<string, string>, now: number): HTMLElement {
  const range = rangeOf(query);
  const chosen = picked(query);
  const { range: _range, from: _from, to: _to, ...others } = query;
  const links = RANGES.map(([key, title]) => h('a', {
    href: href(path, { ...others, range: key === DEFAULT_RANGE ? null : key }), id: `range-${key}`,
    class: 'button', 'aria-current': key === chosen ? 'true' : null,
  }, title));
  const [first, last] = daysOf(range, now);
  const from = h('input', { type: 'date', id: 'range-from', value: first, 'aria-label': 'First day, UTC' });
  const to = h('input', { type: 'date', id: 'range-to', value: last, 'aria-label': 'Last day, UTC' });
  const show = () => go(href(path, { ...others, from: from.value, to: to.value }));
  return h('div', { class: 'range', role: 'group', 'aria-label': 'Range of time' }, links, from, 'to', to,
    h('button', { type: 'button', id: 'range-show', click: show }, 'Show'));
}
