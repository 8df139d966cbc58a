// The fleet: one row for each environment, problems first.
import type { Schemas } from '../api';
import { age } from '../clock';
import { collectionOf } from '../collection';
import { mark, rank } from '../condition';
import { h, hidden } from '../dom';
import { type Environment, environments, type Fleet, loadFleet, loadUserDays, loadUsers, type Size, userDays } from '../fleet';
import { bytes, change, count, day, duration, exact, money, plural, UNKNOWN, words } from '../format';
import { Panel } from '../panel';
import { href, remember } from '../route';
import type { Context, Screen } from '../screen';
import { sparkline } from '../sparkline';
import { type Column, type Sort, Table } from '../table';
import type { Daily } from '../trend';

const WEEK = 7;

/** The screen of all environments. */
export function fleetScreen(context: Context): Screen {
  const users = new Map<string, Schemas['EnvironmentUsers']>();
  const days = new Map<string, (number | null)[]>();
  let table: Table<Environment> | null = null;
  const filter = h('input', {
    type: 'search', id: 'filter', placeholder: 'Filter', 'aria-label': 'Filter environments', value: context.query.q ?? '',
  });
  const found = h('span', { class: 'faint', role: 'status' });
  const say = () => {
    found.textContent = table ? plural(table.count, 'environment') : '';
  };
  filter.addEventListener('input', () => {
    table?.search(filter.value);
    remember({ q: filter.value });
    say();
  });
  const panel = new Panel(context.api, {
    id: 'fleet',
    title: 'Fleet',
    class: 'wide',
    load: (api, asked) => loadFleet(api, undefined, asked),
    show: (fleet) => {
      const rows = environments(fleet);
      table = new Table<Environment>({
        id: 'environments',
        class: 'cards',
        caption: 'Environments with their sizes, growth, users, cost and state',
        columns: columns(users, days, fleet.storage !== null, fleet.tables !== null),
        rows,
        key: ({ name }) => name,
        sort: sortOf(context.query.sort),
        onSort: ({ key, direction }) => remember({ sort: `${key}.${direction}` }),
        search: ({ name, condition }) => `${name} ${condition.state} ${condition.reasons.join(' ')}`,
        filter: filter.value,
        empty: rows.length ? 'No environment has this text.' : 'The fleet has no environment that your token may see.',
      });
      say();
      return { body: [summary(rows), h('div', { class: 'tools' }, filter, found), table.element, collecting(fleet)], csv: () => table!.csv() };
    },
  });
  // Users are read live from each database: once for each visit, after the sizes.
  const showUsers = async () => {
    if (context.api.missingScope('/users')) return;
    await loadUsers(context.api, (page) => {
      for (const item of page) users.set(item.environment, item);
      table?.renew(page.map(({ environment }) => environment), ['users']);
    }).catch(() => {});
  };
  const showDays = async () => {
    if (context.api.missingScope('/users/history')) return;
    await loadUserDays(context.api, (page) => {
      for (const item of page) days.set(item.environment, userDays(item));
      table?.renew(page.map(({ environment }) => environment), ['users_per_week']);
    }).catch(() => {});
  };
  return {
    title: 'Fleet',
    panels: [panel],
    loaded: async () => void (await Promise.all([showUsers(), showDays()])),
  };
}

function sortOf(text: string | undefined): Sort {
  const [key = '', direction] = (text ?? 'state.ascending').split('.');
  return { key, direction: direction === 'descending' ? 'descending' : 'ascending' };
}

/** How many environments are in each state. */
function summary(rows: Environment[]): HTMLElement {
  const total = new Map<string, number>();
  for (const { condition } of rows) total.set(condition.state, (total.get(condition.state) ?? 0) + 1);
  const states = [...new Set(rows.map(({ condition }) => condition.state))].sort((a, b) => rank(a) - rank(b));
  return h('p', { class: 'summary' }, states.map((state) => h('span', {}, h('b', {}, count(total.get(state))), ' ', mark(state))));
}

/** What collecting these numbers takes. */
function collecting(fleet: Fleet): HTMLElement {
  const { storageRuns, databaseRuns, listRequests, seconds } = collectionOf(fleet);
  return h('p', { class: 'note', id: 'fleet-collection' },
    `Collecting takes ${count(storageRuns + databaseRuns)} runs and ${count(listRequests)} LIST requests a day, and ${duration(seconds)} of measuring.`);
}

function columns(users: Map<string, Schemas['EnvironmentUsers']>, days: Map<string, (number | null)[]>, hasStorage: boolean, hasTables: boolean): Column<Environment>[] {
  const unreadable = () => h('span', { class: 'faint' }, 'not for your token');
  const sized = (key: 'files' | 'database', title: string, isReadable: boolean): Column<Environment>[] => [
    {
      key: `${key}_bytes`, title, isNumber: true,
      help: 'Bytes at the last measurement, and its age',
      value: (row) => row[key].bytes,
      cell: (row) => (isReadable ? sizeCell(row[key]) : unreadable()),
    },
    {
      key: `${key}_35_days`, title: '35 days', isUnsortable: true, class: 'line',
      value: ({ [key]: { daily } }) => daily.totals.map((total) => total ?? '').join(' '),
      cell: (row) => (isReadable ? dailyLine(row[key].daily) : null),
    },
    {
      key: `${key}_bytes_per_week`, title: `${title} a week`, isNumber: true,
      help: 'Growth a week, one-off steps left out',
      value: ({ [key]: { growth } }) => (growth === null ? null : growth * WEEK),
      cell: ({ [key]: { growth } }) => (isReadable ? change(growth === null ? null : growth * WEEK) : null),
    },
  ];
  return [
    {
      key: 'state', title: 'State',
      value: ({ condition, full, name }) => `${rank(condition.state)} ${full?.at ?? '9999'} ${name}`,
      csv: ({ condition }) => [condition.state, ...condition.reasons].join(': '),
      cell: ({ condition }) => mark(condition.state),
    },
    {
      key: 'environment', title: 'Environment', isHeader: true,
      value: ({ name }) => name,
      cell: ({ name, condition }) => [
        h('a', { href: href(['environment', name]), id: `open-${name}` }, name),
        condition.reasons.length ? h('small', { title: condition.reasons.join('\n') }, condition.reasons[0]!,
          condition.reasons.length > 1 ? h('span', {}, ` (and ${condition.reasons.length - 1} more)`) : null) : null,
      ],
    },
    ...sized('files', 'Files', hasStorage),
    ...sized('database', 'Database', hasTables),
    {
      key: 'users', title: 'Users', isNumber: true,
      help: 'Named users as metered, counted when this page was opened',
      value: ({ name }) => users.get(name)?.counts?.metering.named_user_count ?? null,
      cell: ({ name }) => {
        const item = users.get(name);
        return item ? usersCell(item) : UNKNOWN;
      },
    },
    {
      key: 'users_35_days', title: '35 days', isUnsortable: true, class: 'line',
      value: ({ name }) => (days.get(name) ?? []).map((total) => total ?? '').join(' '),
      cell: ({ name }) => userLine(days.get(name)),
    },
    {
      key: 'users_per_week', title: 'Users a week', isNumber: true,
      help: 'Change of named users in the last seven days that were collected',
      value: ({ name }) => userGrowth(days.get(name)),
      cell: ({ name }) => userChange(days.get(name)),
    },
    {
      key: 'cost_monthly', title: 'Cost a month', isNumber: true,
      help: 'Storage at list prices, an estimate',
      value: ({ cost }) => cost?.monthly ?? null,
      cell: ({ cost }) => (hasStorage ? [money(cost?.monthly, cost?.currency ?? ''), cost?.isPartial ? partial('some storage has no price or no number') : null] : unreadable()),
    },
    {
      key: 'full_at', title: 'Full on', isNumber: true,
      help: 'Day on which the database server has no free storage left, if growth goes on',
      value: ({ full }) => full?.at ?? null,
      cell: ({ full }) => (full?.at
        ? [day(full.at), h('small', {}, full.at_latest ? `to ${day(full.at_latest)}` : 'or later')]
        : [UNKNOWN, h('small', {}, full?.reason ? words(full.reason) : hasTables ? 'not known' : '')]),
    },
  ];
}

/** The small line of daily totals. */
function dailyLine({ from, totals, breaks }: Daily): Element {
  const start = Date.parse(from ?? '');
  return sparkline(totals, breaks.map((day) => Math.round((Date.parse(day) - start) / 86_400_000)));
}

function sizeCell(size: Size): Node[] {
  if (size.bytes === null) return [h('span', {}, UNKNOWN), h('small', {}, 'no number')];
  return [
    h('span', { title: exact(size.bytes) }, bytes(size.bytes)),
    ...(size.isPartial ? [partial('not everything is measured')] : []),
    h('small', {}, age(size.takenAt)),
  ];
}

function usersCell({ counts, problem }: Schemas['EnvironmentUsers']): Node[] {
  if (!counts) return [h('span', { title: problem?.detail }, UNKNOWN), h('small', {}, problem?.title ?? 'no number')];
  return [
    h('span', {}, count(counts.metering.named_user_count)),
    h('small', {}, counts.sessions ? `${count(counts.sessions.distinct_named_users)} online` : ''),
  ];
}

function userLine(values: (number | null)[] | undefined): Element | null {
  return values?.length ? sparkline(values, [], count) : null;
}

/** Change between the newest day and the day a week before; null when one of them is not known. */
function userGrowth(values: (number | null)[] | undefined): number | null {
  const [newest, before] = [values?.at(-1) ?? null, values?.at(-1 - WEEK) ?? null];
  return newest === null || before === null ? null : newest - before;
}

function userChange(values: (number | null)[] | undefined): string {
  const growth = userGrowth(values);
  return growth === null ? UNKNOWN : `${growth > 0 ? '+' : ''}${count(growth)}`;
}

/** Marks a number that has not everything. */
function partial(reason: string): HTMLElement {
  return h('span', { class: 'partial-mark', title: reason }, '+', hidden(` or more: ${reason}`));
}
