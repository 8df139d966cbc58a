// The constants of an environment, those that a restart changes first; or two environments side by side.
import type { Schemas } from '../api';
import { age } from '../clock';
import { h } from '../dom';
import { loadFleet } from '../fleet';
import { count, plural, UNKNOWN, words } from '../format';
import { Panel, type Refreshable } from '../panel';
import { go, href, remember } from '../route';
import type { Context, Screen } from '../screen';
import { Table } from '../table';
import { environmentHead } from './environment_head';

type Constant = Schemas['ConstantView'];
type Difference = Schemas['DifferenceView'];
/** The order of differences: what differs before what cannot be compared. */
const DIFFERENCES = ['different', 'only_here', 'only_there', 'unknown'];

export function constantsScreen(context: Context, name: string): Screen {
  const { api, query } = context;
  const { compare } = query;
  const other = h('select', { id: 'compare' }, h('option', { value: '' }, 'nothing'));
  if (compare) other.append(h('option', { value: compare, selected: true }, compare));
  other.addEventListener('change', () => go(href(['environment', name, 'constants'], { compare: other.value })));
  const picker = h('div', { class: 'range' }, h('label', {}, 'Compare with ', other));
  const panels = compare ? [comparison(context, name, compare)] : [list(context, name)];
  return {
    title: compare ? `Constants of ${name} and ${compare}` : `Constants of ${name}`,
    head: [...environmentHead(name, 'constants', query), picker],
    panels,
    loaded: async () => {
      // Names of the environments that the token may see, to choose from.
      const fleet = await loadFleet(api, undefined, []).catch(() => null);
      const names = new Set([fleet?.storage, fleet?.tables].flatMap((answer) => [...(answer?.items ?? []), ...(answer?.pending ?? [])]).map(({ environment }) => environment));
      for (const each of [...names].sort()) if (each !== name && each !== compare) other.append(h('option', { value: each }, each));
    },
  };
}

function about(answer: Schemas['Constants']): Node[] {
  const { counts } = answer;
  return [
    h('p', {}, `${plural(counts.total, 'constant')}: ${count(counts.overridden)} overridden, ${count(counts.default)} default, ${count(counts.missing)} missing, ${count(counts.obsolete)} obsolete; ${count(counts.masked)} masked, ${count(counts.pending_restart)} pending a restart. `
      + `${words(answer.semantics)}, ${answer.completeness}; model ${answer.model.version ?? UNKNOWN}, `, age(answer.as_of)),
    h('ul', { class: 'layers' }, answer.layers.map(({ source, kind, status, constant_count: number }) => h('li', {}, `${words(kind)} ${source}: ${words(status)}${number === null ? '' : `, ${plural(number, 'constant')}`}`))),
    ...answer.warnings.map((text) => h('p', { class: 'notice' }, text)),
  ];
}

function list({ api, query }: Context, name: string): Refreshable {
  let table: Table<Constant> | null = null;
  const filter = h('input', { type: 'search', id: 'filter', placeholder: 'Filter', 'aria-label': 'Filter constants', value: query.q ?? '' });
  filter.addEventListener('input', () => {
    table?.search(filter.value);
    remember({ q: filter.value });
  });
  return new Panel(api, {
    id: 'constants', title: 'Constants',
    load: (api, asked) => api.get('/micro_flow_constants', { environment: name }, asked),
    show: (answer) => {
      table = new Table<Constant>({
        id: 'constant-list', class: 'cards', caption: `Constants of ${name}, pending restarts first`, rows: answer.constants, key: (row) => row.name,
        sort: { key: 'pending', direction: 'ascending' }, filter: filter.value, empty: 'No constant.',
        search: (row) => `${row.name} ${row.value ?? ''} ${row.status} ${row.source.layer} ${row.mask_reason ?? ''}`,
        columns: [
          { key: 'name', title: 'Constant', isHeader: true, value: (row) => row.name, cell: (row) => [row.name, h('small', {}, row.type)] },
          { key: 'value', title: 'Value', value: (row) => row.value, cell: valueCell },
          { key: 'mask_reason', title: 'Mask', value: (row) => row.mask_reason, cell: (row) => (row.masked ? words(row.mask_reason) : '') },
          { key: 'status', title: 'Status', value: (row) => row.status, cell: (row) => [words(row.status), row.fits_type === false ? h('small', {}, `does not fit ${row.type}`) : null] },
          {
            key: 'source', title: 'Source', value: (row) => row.source.layer, csv: (row) => row.chain.map(layer).join(' > '),
            cell: (row) => [layer(row.source), row.chain.length > 1 ? h('small', { class: 'chain' }, row.chain.map(layer).join(' → ')) : null],
          },
          {
            key: 'pending', title: 'Pending restart', csv: (row) => row.pending_restart,
            value: (row) => `${row.pending_restart ? 0 : 1} ${row.name}`,
            cell: (row) => (row.pending_restart === null ? UNKNOWN : row.pending_restart ? h('span', { class: 'stale' }, words(row.pending_reason)) : 'no'),
          },
        ],
      });
      return { body: [...about(answer), h('div', { class: 'tools' }, filter), table.element], csv: () => table!.csv() };
    },
  });
}

function layer({ layer: name, key }: Schemas['ConstantSource']): string {
  return key ? `${words(name)} (${key})` : words(name);
}

interface Value {
  value: string | null;
  masked: boolean;
  is_set: boolean;
  is_empty: boolean | null;
  mask_reason: Schemas['MaskReason'] | null;
}

/** A value, or what stands in its place. */
function valueCell(each: Value): HTMLElement {
  if (!each.is_set) return h('i', {}, 'not set');
  if (each.masked) return h('i', { class: 'masked' }, each.is_empty ? 'masked, empty' : 'masked');
  if (each.value === null) return h('i', {}, 'not known');
  return each.value === '' ? h('i', {}, 'empty') : h('code', {}, each.value);
}

function comparison({ api }: Context, name: string, compare: string): Refreshable {
  return new Panel(api, {
    id: 'comparison', title: `${name} and ${compare}`,
    note: 'Masked values are compared by fingerprint. What is the same is not listed.',
    load: (api, asked) => api.get('/micro_flow_constants', { environment: name, compare }, asked),
    show: (answer) => {
      const result = answer.comparison;
      if (!result) return { body: [h('p', { class: 'empty' }, 'There is no comparison.')] };
      const side = (which: 'here' | 'there', title: string) => ({
        key: which, title, value: (row: Difference) => row[which]?.value ?? null,
        cell: (row: Difference) => {
          const each = row[which];
          return each ? [valueCell(each), h('small', {}, `${words(each.status)}, ${layer(each.source)}`)] : h('i', {}, 'absent');
        },
      });
      const table = new Table<Difference>({
        id: 'differences', class: 'cards', caption: `Differences between ${name} and ${compare}`, rows: result.differences, key: (row) => row.name,
        sort: { key: 'difference', direction: 'ascending' }, empty: 'There is no difference.',
        columns: [
          { key: 'name', title: 'Constant', isHeader: true, value: (row) => row.name },
          { key: 'difference', title: 'Difference', value: (row) => `${DIFFERENCES.indexOf(row.difference)} ${row.name}`, csv: (row) => row.difference, cell: (row) => words(row.difference) },
          side('here', name), side('there', compare),
        ],
      });
      const { counts } = result;
      return {
        body: [
          h('p', {}, `${count(counts.different)} different, ${count(counts.only_here)} only in ${name}, ${count(counts.only_there)} only in ${compare}, ${count(counts.unknown)} not comparable, ${count(counts.same)} the same. ${name}: ${answer.completeness}, `, age(answer.as_of), `; ${compare}: ${result.completeness}, `, age(result.as_of)),
          table.element,
        ],
        csv: () => table.csv(),
      };
    },
  });
}
