// One environment: its numbers now, its files and its database over time, and when its storage is full.
import type { Api, Schemas } from '../api';
import { age } from '../clock';
import { mark } from '../condition';
import { h } from '../dom';
import { type Environment, environments, type Fleet, holdsFiles, label, loadFleet } from '../fleet';
import { bytes, change, count, day, exact, money, UNKNOWN, words } from '../format';
import { breaksOf, bucketHistory, colored, type History, type Line, linesOf, marksOf, tableHistory, timesOf, totalOf } from '../history';
import { Panel, type Refreshable } from '../panel';
import { asked as timesAsked, instant, rangeOf } from '../range';
import { go, href } from '../route';
import type { Context, Screen } from '../screen';
import { cutNote, showSeries } from '../series_panel';
import { prefixesPanel } from './prefixes';
import { storagePanel } from './storage';
import { environmentHead, rangePicker } from './environment_head';

/** Series of modules or tables; the others are one. */
const TOP = 8;

export function environmentScreen(context: Context, name: string): Screen {
  const { api, query } = context;
  const path = ['environment', name];
  return {
    title: name,
    head: [...environmentHead(name, '', query), rangePicker(path, query, Date.now())],
    panels: [now(api, name), files(context, name), prefixesPanel(api, name), database(context, name), storagePanel(api, name)],
  };
}

/** The numbers of the last measurements. */
function now(api: Api, name: string): Refreshable {
  return new Panel(api, {
    id: 'now',
    title: 'Now',
    load: async (api, asked) => {
      const fleet = await loadFleet(api, name, asked);
      const users = api.missingScope('/users') ? null : await api.get('/users', { environment: name }, asked).catch(() => null);
      return { fleet, users: users && 'metering' in users ? users : null };
    },
    show: ({ fleet, users }) => {
      const [environment] = environments(fleet);
      if (!environment) return { body: [h('p', { class: 'empty' }, 'Nothing is measured here.')] };
      const { condition } = environment;
      return {
        body: [
          h('div', { class: 'tiles' }, tiles(environment, fleet, users, api.missingScope('/users') !== null)),
          h('p', { class: 'condition' }, mark(condition.state)),
          condition.reasons.length ? h('ul', { class: 'reasons' }, condition.reasons.map((reason) => h('li', {}, reason))) : h('span'),
        ],
      };
    },
  });
}

/** What stands under a number that the token may not read. */
const REFUSED = 'your token may not read this';

function tiles(environment: Environment, fleet: Fleet, users: Schemas['UserCounts'] | null, isUsersRefused: boolean): HTMLElement[] {
  const { files, database, cost, full } = environment;
  const size = (title: string, isReadable: boolean, { bytes: value, isPartial, takenAt, growth }: Environment['files']) => tile(
    title, bytes(value), !isReadable ? REFUSED : isPartial ? 'partial: not everything is measured' : value === null ? 'no number' : '',
    growth === null ? null : `${change(growth * 7)} a week`, age(takenAt), exact(value));
  return [
    size('Files', fleet.storage !== null, files),
    size('Database', fleet.tables !== null, database),
    tile('Users', count(users?.metering.named_user_count), users ? 'named, as metered' : isUsersRefused ? REFUSED : 'no number', users?.sessions ? `${count(users.sessions.distinct_named_users)} online` : null, age(users?.as_of)),
    tile('Storage cost', money(cost?.monthly, cost?.currency ?? ''), fleet.storage === null ? REFUSED : 'a month, estimated', cost?.isPartial ? 'without what has no price' : null, null),
    tile('Full on', full?.at ? day(full.at) : UNKNOWN, full?.at ? `${day(full.at_earliest)} to ${full.at_latest ? day(full.at_latest) : 'beyond ten years'}` : full?.reason ? words(full.reason) : fleet.tables === null ? REFUSED : 'not known', null, null),
  ];
}

function tile(title: string, value: string, note: string, more: string | null, time: HTMLElement | null, hint?: string): HTMLElement {
  return h('div', { class: 'tile' }, h('span', { class: 'faint' }, title), h('strong', { title: hint }, value),
    note ? h('small', {}, note) : null, more ? h('small', {}, more) : null, time ? h('small', {}, time) : null);
}

/** A control that the address remembers. */
function choice(context: Context, path: string[], key: string, options: [string, string][], chosen: string): HTMLElement {
  const select = h('select', { id: key, 'aria-label': 'Stacked by' }, options.map(([value, title]) => h('option', { value, selected: value === chosen }, title)));
  select.addEventListener('change', () => go(href(path, { ...context.query, [key]: select.value === options[0]![0] ? null : select.value })));
  return h('label', { class: 'choice' }, 'Stacked by ', select);
}

/** History of the storage that holds files: a database's server is no file. */
async function filesHistory(...request: Parameters<typeof bucketHistory>): Promise<Schemas['BucketHistories']> {
  const history = await bucketHistory(...request);
  return { ...history, items: history.items.filter(holdsFiles) };
}

function files(context: Context, name: string): Refreshable {
  const { query } = context;
  const range = rangeOf(query);
  const times = timesAsked(range);
  const by = query.files === 'part' || query.files === 'target' ? query.files : 'class';
  return new Panel(context.api, {
    id: 'files',
    title: 'Files over time',
    note: 'All storage targets with files together. A sum has a gap where one of them has no number.',
    load: async (api, asked) => {
      const only = { environment: name, limit: 100, ...times } as const;
      const total = await filesHistory(api, only, asked);
      const latest = await api.get('/bucket_size', { environment: name }, []);
      const parts: Schemas['BucketHistories'][] = [];
      if (by === 'class') parts.push(await filesHistory(api, { ...only, group: 'storage_class' }, asked));
      if (by === 'part') {
        const names = ['current', 'noncurrent', 'multipart'] as const;
        parts.push(...await Promise.all(names.map((part) => filesHistory(api, { ...only, part }, asked))));
      }
      return { total, parts, failures: failures(latest.items.filter(holdsFiles)) };
    },
    show: ({ total, parts, failures: failed }) => {
      const lines: Line[] = by === 'class' ? linesOf(parts[0]!)
        : by === 'target' ? total.items.map((item) => ({ name: label(item), values: item.series[0]?.values ?? [], growth: item.growth }))
          : parts.flatMap((part, index) => {
            const values = totalOf(part);
            return values.some((value) => value !== null) ? [{ name: ['current', 'noncurrent', 'multipart'][index]!, values, growth: null }] : [];
          });
      const content = seriesOf(total, lines, failed, 'Files', range.from, (from, to) => ask(name, 'files', from, to));
      content.body.unshift(choice(context, ['environment', name], 'files', [['class', 'storage class'], ['part', 'part'], ['target', 'target']], by));
      return content;
    },
  });
}

function database(context: Context, name: string): Refreshable {
  const { query } = context;
  const range = rangeOf(query);
  const times = timesAsked(range);
  const by = query.database === 'table' ? 'table' : 'module';
  return new Panel(context.api, {
    id: 'database',
    title: 'Database over time',
    note: 'The total is the whole database; the areas are its tables, so what no table has is above them.',
    load: async (api, asked) => {
      const only = { environment: name, ...times } as const;
      const total = await tableHistory(api, only, asked);
      const parts = await tableHistory(api, { ...only, group: by, top: TOP }, asked);
      const latest = await api.get('/table_size', { environment: name, tables: 0 }, []);
      return { total, parts, failures: failures(latest.items) };
    },
    show: ({ total, parts, failures: failed }) => {
      const content = seriesOf(total, linesOf(parts), failed, 'Database', range.from, (from, to) => ask(name, 'database', from, to));
      content.body.unshift(choice(context, ['environment', name], 'database', [['module', 'module'], ['table', 'table']], by));
      return content;
    },
  });
}

function seriesOf(total: History, lines: Line[], failed: Schemas['Failure'][], title: string, from: string, onAsk: (from: number, to: number) => void) {
  const days = /^-(\d+)d$/.exec(from);
  const asked = days ? Date.now() - Number(days[1]) * 86_400_000 : Date.parse(from);
  const times = timesOf(total);
  return showSeries({
    label: title,
    times,
    breaks: breaksOf(total, times),
    step: total.step_seconds ?? 0,
    series: colored(lines),
    total: totalOf(total),
    marks: marksOf(total, failed),
    growth: total.items.length === 1 ? total.items[0]!.growth : null,
    targets: total.items.length > 1 ? total.items.map((item) => ({ name: 'bucket' in item ? label(item) : item.database, growth: item.growth })) : [],
    growths: new Map(lines.map(({ name, growth }) => [name, growth])),
    notes: cutNote(asked, total.from, total.available_from),
    onAsk,
  });
}

function failures(items: { last_failure: Schemas['Failure'] | null }[]): Schemas['Failure'][] {
  return items.flatMap(({ last_failure: failure }) => (failure ? [failure] : []));
}

/** Shows what grew between two times, in seconds since 1970. */
export function ask(name: string, of: string, from: number, to: number): void {
  go(href(['environment', name, 'grew'], { of, from: instant(from * 1000), to: instant(Math.min(Date.now(), to * 1000)) }));
}
