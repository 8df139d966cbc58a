// What grew between two times: a waterfall and a table of changes that add up to the change of the total.
import type { Api, Schemas } from '../api';
import { h } from '../dom';
import { bytes, change, exact, moment, share, words } from '../format';
import { label } from '../fleet';
import { type Content, Panel, type Refreshable } from '../panel';
import { date, instant } from '../range';
import { go, href } from '../route';
import type { Context, Screen } from '../screen';
import { Table } from '../table';
import { waterfall } from '../waterfall';
import { environmentHead } from './environment_head';

/** Parts with a bar and a row of their own; the others are one. */
const TOP = 15;
/** Days that are explained when the address names none. */
const DAYS = 7;
const DAY = 86_400_000;

type Changes = Schemas['Changes'];
type Explained = Pick<Schemas['DatabaseChanges'], 'changes' | 'reason' | 'gaps'>;

interface Row {
  /** Position: two parts may have one name, such as a table that is gone and a new one. */
  id: number;
  name: string;
  change: string;
  from: number | null;
  to: number | null;
  by: number;
}

export function grewScreen(context: Context, name: string): Screen {
  const { api, query } = context;
  const now = Date.now();
  const from = query.from || instant(now - DAYS * DAY);
  const to = query.to || instant(now);
  const of = query.of === 'files' ? 'files' : 'database';
  const by = query.by === 'table' ? 'table' : 'module';
  return {
    title: `What grew in ${name}`,
    head: [...environmentHead(name, 'grew', {}), picker(name, query, from, to, of, by)],
    panels: [of === 'files' ? files(api, name, from, to) : database(api, name, from, to, by)],
  };
}

/** Two days, or the times that a drag gave, and what is asked about. */
function picker(name: string, query: Record<string, string>, from: string, to: string, of: string, by: string): HTMLElement {
  const first = h('input', { type: 'date', id: 'grew-from', value: date(Date.parse(from)), 'aria-label': 'From day, UTC' });
  const last = h('input', { type: 'date', id: 'grew-to', value: date(Date.parse(to)), 'aria-label': 'To day, UTC' });
  const select = (id: string, title: string, options: [string, string][], chosen: string) => {
    const element = h('select', { id, 'aria-label': title }, options.map(([value, text]) => h('option', { value, selected: value === chosen }, text)));
    element.addEventListener('change', () => show({ [id.replace('grew-', '')]: element.value }));
    return element;
  };
  const show = (values: Record<string, string>) => go(href(['environment', name, 'grew'], { ...query, ...values }));
  const days = () => {
    // The whole of the last day, but nothing of tomorrow.
    const end = Math.min(Date.now(), Date.parse(last.value) + DAY);
    show({ from: `${first.value}T00:00:00Z`, to: instant(end) });
  };
  return h('div', { class: 'range', role: 'group', 'aria-label': 'What to explain' },
    select('grew-of', 'What', [['database', 'Database'], ['files', 'Files']], of),
    of === 'database' ? select('grew-by', 'By', [['module', 'by module'], ['table', 'by table']], by) : null,
    first, 'to', last, h('button', { type: 'button', id: 'grew-show', click: days }, 'Show'));
}

function database(api: Api, name: string, from: string, to: string, by: 'module' | 'table'): Refreshable {
  return new Panel(api, {
    id: 'changes', title: 'Database',
    load: async (api, asked) => (await api.get('/table_size/changes', { environment: name, from, to, group: by, top: TOP }, asked)).items,
    show: (items) => all(items.map((item) => [item.database, item])),
  });
}

function files(api: Api, name: string, from: string, to: string): Refreshable {
  return new Panel(api, {
    id: 'changes', title: 'Files',
    load: async (api, asked) => (await api.get('/bucket_size/changes', { environment: name, from, to }, asked)).items,
    show: (items) => all(items.map((item) => [label(item), item])),
  });
}

/** Shows the changes of each target. */
function all(items: [string, Explained][]): Content {
  if (items.length === 0) return { body: [h('p', { class: 'empty' }, 'Nothing is measured here.')] };
  const shown = items.map(([title, { changes, reason, gaps }], index): Content => {
    const content = changes ? one(title, changes, index) : {
      body: [h('h3', {}, title), h('p', { class: 'empty' }, `Nothing can be explained in this range: ${words(reason)}.`)],
    };
    const missing = gaps.map(({ from, to, reason: why }) => h('p', { class: 'notice' },
      `No measurement from ${moment(from)} to ${moment(to)} (${words(why)}): the nearest ones were taken instead.`));
    return { ...content, body: [...content.body, ...missing] };
  });
  return { body: shown.flatMap(({ body }) => body), csv: () => shown.map(({ csv }) => csv?.() ?? '').join('\r\n') };
}

/** All rows, which add up to the change of the total. */
export function rowsOf(changes: Changes): Row[] {
  const rows: Row[] = changes.parts.map((part, id) => ({
    id, name: part.name, change: part.change === 'renamed' ? `${part.is_probable ? 'probably ' : ''}renamed` : part.change, from: part.from_bytes, to: part.to_bytes, by: part.change_bytes,
  }));
  if (changes.other_bytes !== 0) {
    rows.push({ id: rows.length, name: 'other', change: `${changes.other_count} more`, from: null, to: null, by: changes.other_bytes });
  }
  return rows;
}

function one(title: string, changes: Changes, index: number): Content {
  const rows = rowsOf(changes);
  const table = new Table<Row>({
    id: `changes-${index}`, class: 'compact', caption: `Changes of ${title}`, rows, key: ({ id }) => String(id), sort: null,
    empty: 'Nothing changed.',
    columns: [
      { key: 'name', title: 'Part', isHeader: true, value: ({ name }) => name },
      { key: 'change', title: 'What happened', value: (row) => row.change, cell: (row) => words(row.change) },
      { key: 'from_bytes', title: 'Before', isNumber: true, value: ({ from }) => from, cell: ({ from }) => h('span', { title: exact(from) }, bytes(from)) },
      { key: 'to_bytes', title: 'After', isNumber: true, value: ({ to }) => to, cell: ({ to }) => h('span', { title: exact(to) }, bytes(to)) },
      { key: 'change_bytes', title: 'Change', isNumber: true, value: ({ by }) => by, cell: ({ by }) => h('span', { title: exact(by) }, change(by)) },
      { key: 'share', title: 'of all', isNumber: true, value: ({ by }) => by / (changes.change_bytes || 1), cell: ({ by }) => share(by, changes.change_bytes) },
    ],
  });
  const sum = rows.reduce((total, { by }) => total + by, 0);
  return {
    body: [
      h('h3', {}, title),
      h('p', {}, h('b', { title: exact(changes.change_bytes) }, change(changes.change_bytes)), `, from ${bytes(changes.from_bytes)} on ${moment(changes.from_taken_at)} to ${bytes(changes.to_bytes)} on ${moment(changes.to_taken_at)}. `
        + (sum === changes.change_bytes ? 'The changes below add up to it, to the byte.' : 'The changes below do not add up to it: please report this.')),
      ...notes(changes),
      h('div', { class: 'beside even' }, h('div', {}, waterfall(changes.from_bytes, rows.map(({ name, by }) => ({ name, change: by })), changes.to_bytes)), table.element),
    ],
    csv: () => table.csv(),
  };
}

/** What makes the two totals less comparable. */
function notes(changes: Changes): HTMLElement[] {
  const { breaks, unsized } = changes;
  return [
    ...(breaks.length ? [h('p', { class: 'notice' }, `Measured in another way at the second time (${breaks.map(words).join(', ')}): the totals are not comparable.`)] : []),
    ...(unsized.length ? [h('p', { class: 'notice' }, `Not sized at one of the two times: ${unsized.map(({ name }) => name).join(', ')}.`)] : []),
  ];
}
