// All tables of an environment, and the page of one table.
import type { Api, Schemas } from '../api';
import { age } from '../clock';
import { h, hidden } from '../dom';
import { bytes, change, count, exact, moment, plural, share, UNKNOWN, words } from '../format';
import { breaksOf, linesOf, marksOf, tableHistory, timesOf, totalOf } from '../history';
import { Panel } from '../panel';
import { asked as timesAsked, rangeOf } from '../range';
import { href, remember } from '../route';
import type { Context, Screen } from '../screen';
import { cutNote, perWeek, showSeries } from '../series_panel';
import { sparkline } from '../sparkline';
import { type Column, Table } from '../table';
import type { Values } from '../stack';
import type { Growth } from '../trend';
import { environmentHead, rangePicker } from './environment_head';
import { ask } from './environment';

/** Most tables of a database that are shown: as many as the API gives. */
const MOST = 10_000;
/** Tables whose history is loaded for their small line. */
const LINES = 100;

type Row = Schemas['TableSize'] & { database: string; line: Values | null; growth: Growth | null };

const keyOf = (schema: string, table: string) => `${schema}.${table}`;

export function tablesScreen(context: Context, name: string): Screen {
  const { api, query } = context;
  let table: Table<Row> | null = null;
  const filter = h('input', { type: 'search', id: 'filter', placeholder: 'Filter', 'aria-label': 'Filter tables', value: query.q ?? '' });
  const found = h('span', { class: 'faint', role: 'status' });
  const say = () => {
    found.textContent = table ? plural(table.count, 'table') : '';
  };
  filter.addEventListener('input', () => {
    table?.search(filter.value);
    remember({ q: filter.value });
    say();
  });
  const panel = new Panel(api, {
    id: 'tables',
    title: 'Tables',
    load: (api, asked) => loadTables(api, name, asked),
    show: ({ databases, rows }) => {
      const [key = 'total_bytes', direction] = (query.sort ?? 'total_bytes.descending').split('.');
      table = new Table<Row>({
        id: 'all-tables', class: 'cards', caption: `Tables of ${name}`, columns: columns(name), rows,
        key: ({ database, schema, table }) => `${database}/${keyOf(schema, table)}`,
        sort: { key, direction: direction === 'ascending' ? 'ascending' : 'descending' },
        onSort: (sort) => remember({ sort: `${sort.key}.${sort.direction}` }),
        search: (row) => `${keyOf(row.schema, row.table)} ${row.entity ?? ''} ${row.association ?? ''} ${row.quality} ${row.quality_reason ?? ''}`,
        filter: filter.value,
        empty: rows.length ? 'No table has this text.' : 'There are no tables.',
      });
      say();
      return { body: [...databases.flatMap(about), h('div', { class: 'tools' }, filter, found), table.element], csv: () => table!.csv() };
    },
  });
  return { title: `Tables of ${name}`, head: environmentHead(name, 'tables', query), panels: [panel] };
}

async function loadTables(api: Api, name: string, asked: string[]) {
  const answer = await api.get('/table_size', { environment: name, tables: MOST }, asked);
  // Small lines are an extra: without them the table is still whole.
  const history = await tableHistory(api, { environment: name, group: 'table', top: LINES, from: '-35d', step: '1d' }, []).catch(() => null);
  const lines = new Map<string, { line: Values; growth: Growth | null }>();
  for (const { database, series } of history?.items ?? []) {
    for (const { schema, table, values, growth } of series) {
      if (schema !== undefined && table !== undefined) lines.set(`${database}/${keyOf(schema ?? '', table ?? '')}`, { line: values, growth });
    }
  }
  const rows = answer.items.flatMap((item) => item.tables.map((each): Row => {
    const known = lines.get(`${item.database}/${keyOf(each.schema, each.table)}`);
    return { ...each, database: item.database, line: known?.line ?? null, growth: known?.growth ?? null };
  }));
  return { databases: answer.items.map(({ tables: _tables, ...rest }) => rest), pending: answer.pending, rows };
}

/** What the numbers of a database cover. */
function about(item: Omit<Schemas['DatabaseItem'], 'tables'>): HTMLElement[] {
  const unsized = item.unsized_tables;
  return [
    h('p', {}, h('b', {}, item.database), ` (${item.engine}): `, h('span', { title: exact(item.total_bytes) }, bytes(item.total_bytes)),
      `, of which tables ${bytes(item.table_bytes)}, system ${bytes(item.system_bytes)}, other ${bytes(item.other_bytes)}; ${item.completeness}, `, age(item.taken_at)),
    ...(item.tables_omitted.table_count ? [h('p', { class: 'notice' }, `${plural(item.tables_omitted.table_count, 'more table')} of ${bytes(item.tables_omitted.total_bytes)} are not in this list.`)] : []),
    ...(unsized.length ? [h('p', { class: 'notice' }, `${plural(unsized.length, 'table')} could not be sized and are in no sum: ${unsized.slice(0, 10).map(({ schema, table, reason }) => `${keyOf(schema, table)} (${words(reason)})`).join(', ')}`)] : []),
  ];
}

function columns(name: string): Column<Row>[] {
  const size = (key: 'total_bytes' | 'heap_bytes' | 'toast_bytes' | 'index_bytes', title: string, help: string): Column<Row> => ({
    key, title, help, isNumber: true,
    value: (row) => row[key],
    cell: (row) => [h('span', { title: exact(row[key]) }, bytes(row[key])), key !== 'total_bytes' && row.are_parts_estimated ? estimated('from the last statistics') : null,
      key === 'total_bytes' && row.quality !== 'exact' ? estimated(words(row.quality_reason)) : null],
  });
  return [
    {
      key: 'table', title: 'Table', isHeader: true, value: ({ schema, table }) => keyOf(schema, table),
      cell: (row) => [h('a', { href: href(['environment', name, 'tables', row.schema, row.table]) }, row.schema === 'public' ? row.table : keyOf(row.schema, row.table)),
        h('small', {}, [row.entity ?? row.association, children(row), row.kind === 'table' ? null : words(row.kind), row.persistence === 'permanent' ? null : words(row.persistence), row.is_transient ? 'transient' : null].filter(Boolean).join(' · '))],
    },
    size('total_bytes', 'Total', 'Heap, TOAST and indexes'),
    { key: 'line', title: '35 days', isUnsortable: true, class: 'line', value: ({ line }) => line?.map((value) => value ?? '').join(' ') ?? null, cell: ({ line }) => (line ? sparkline(line) : null) },
    { key: 'bytes_per_week', title: 'a week', isNumber: true, help: 'Growth a week; known for the largest tables', value: ({ growth }) => perWeek(growth), cell: ({ growth }) => change(perWeek(growth)) },
    size('heap_bytes', 'Heap', 'Bytes of the rows'),
    size('toast_bytes', 'TOAST', 'Bytes of long values'),
    size('index_bytes', 'Indexes', 'Bytes of all indexes'),
    { key: 'row_estimate', title: 'Rows', isNumber: true, help: 'By the last analysis', value: ({ row_estimate }) => row_estimate, cell: ({ row_estimate }) => count(row_estimate) },
    {
      key: 'dead_row_estimate', title: 'Dead rows', isNumber: true, help: 'Deleted rows that still take space, an estimate',
      value: ({ dead_row_estimate }) => dead_row_estimate,
      cell: ({ dead_row_estimate: dead, row_estimate: rows }) => [count(dead), dead ? h('small', {}, share(dead, dead + (rows ?? 0))) : null],
    },
    { key: 'last_vacuum_at', title: 'Last vacuum', value: ({ last_vacuum_at }) => last_vacuum_at, cell: ({ last_vacuum_at }) => age(last_vacuum_at) ?? UNKNOWN },
    { key: 'quality', title: 'Quality', value: ({ quality }) => quality, cell: ({ quality, quality_reason: reason }) => [quality, reason ? h('small', {}, words(reason)) : null] },
  ];
}

/** Tables that inherit from one, whose bytes its own numbers do not have. */
function children({ child_tables: children }: Schemas['TableSize']): string | null {
  if (!children) return null;
  const size = children.total_bytes === null ? 'not all sized' : bytes(children.total_bytes);
  return `${plural(children.table_count, 'child table')} (${size}) in ${children.schemas.join(', ')}`;
}

function estimated(reason: string): HTMLElement {
  return h('span', { class: 'partial-mark', title: `an estimate: ${reason}` }, '~', hidden(` an estimate: ${reason}`));
}

/** The page of one table. */
export function tableScreen(context: Context, name: string, schema: string, table: string): Screen {
  const { api, query } = context;
  const path = ['environment', name, 'tables', schema, table];
  const range = rangeOf(query);
  const times = timesAsked(range);
  const facts = new Panel(api, {
    id: 'table', title: 'Now',
    load: (api, asked) => api.get('/table_size', { environment: name, schema, table, include: ['partitions'] }, asked),
    show: ({ items }) => {
      const rows = items.flatMap((item) => item.tables.map((each) => ({ item, each })));
      if (rows.length === 0) return { body: [h('p', { class: 'empty' }, 'The last measurement has no such table.')] };
      return { body: rows.map(({ item, each }) => factsOf(each, item.taken_at)) };
    },
  });
  const measures = ['heap', 'toast', 'index'] as const;
  const history = new Panel(api, {
    id: 'table-history', title: 'Over time',
    load: async (api, asked) => {
      const only = { environment: name, schema, table, ...times };
      const total = await tableHistory(api, only, asked);
      const parts = await Promise.all(measures.map((measure) => tableHistory(api, { ...only, measure }, asked)));
      return { total, parts };
    },
    show: ({ total, parts }) => showSeries({
      label: table,
      times: timesOf(total), breaks: breaksOf(total, timesOf(total)), step: total.step_seconds ?? 0,
      series: parts.flatMap((part, index) => {
        const values = totalOf(part);
        return values.some((value) => value !== null) ? [{ name: measures[index]!, values, color: `--c${index + 1}` }] : [];
      }),
      total: totalOf(total), marks: marksOf(total, []), growth: linesOf(total)[0]?.growth ?? null, targets: [], growths: new Map(),
      notes: cutNote(Date.parse(total.from), total.from, total.available_from),
      onAsk: (from, to) => ask(name, 'database', from, to),
    }),
  });
  return { title: `${table} of ${name}`, head: [...environmentHead(name, 'tables', query, table), rangePicker(path, query, Date.now())], panels: [facts, history] };
}

function factsOf(each: Schemas['TableSize'], takenAt: string): HTMLElement {
  const rows: [string, Node | string][] = [
    ['Entity', each.entity ?? each.association ?? UNKNOWN],
    ['Total', `${bytes(each.total_bytes)} (${exact(each.total_bytes)})`],
    ['Heap', bytes(each.heap_bytes)], ['TOAST', bytes(each.toast_bytes)], ['Indexes', bytes(each.index_bytes)],
    ['Allocated but empty', bytes(each.free_bytes)],
    ...(each.child_tables ? [['Besides these numbers', children(each)!] as [string, string]] : []),
    ['Rows, an estimate', count(each.row_estimate)], ['Dead rows, an estimate', count(each.dead_row_estimate)],
    ['Last vacuum', moment(each.last_vacuum_at)], ['Last analysis', moment(each.last_analyze_at)],
    ['Quality', each.quality_reason ? `${each.quality}: ${words(each.quality_reason)}` : each.quality],
    ['Measured', age(takenAt) ?? UNKNOWN],
  ];
  return h('dl', { class: 'facts' }, rows.flatMap(([title, value]) => [h('dt', {}, title), h('dd', {}, value)]));
}
