// The users of an environment by calendar month: the running month as it grows, and the months before.
import type { Api, Schemas } from '../api';
import { h } from '../dom';
import { age } from '../clock';
import { count, UNKNOWN, words } from '../format';
import { Panel } from '../panel';
import { Table } from '../table';

/** Whoever was active on any day of a month, which is what a company is billed for. */
export function monthsPanel(api: Api, name: string): Panel<Schemas['UserHistory']> {
  return new Panel(api, {
    id: 'months', title: 'Users by month', note: 'Whoever was active on any day of a month of UTC counts once. Sessions are the peak of what the runs found.',
    load: async (api, asked) => (await api.get('/users/history', { environment: name }, asked)) as Schemas['UserHistory'],
    show: ({ items }) => {
      const item = items[0];
      const months = [...(item?.months ?? [])].reverse();
      const newest = months[0];
      const table = monthTable(months);
      const notices = [
        ...(item?.last_failure ? [`The newest run failed: ${item.last_failure.reason}`] : []),
        ...(newest?.missing_days.length ? [`${newest.month} lacks the users of ${count(newest.missing_days.length)} days: who was active on one of them only is missing.`] : []),
      ];
      return {
        body: [
          ...notices.map((text) => h('p', { class: 'notice' }, text)),
          ...(newest ? [tile(newest, item?.as_of ?? null)] : []),
          table.element,
          ...(newest ? [dayTable(newest).element] : []),
        ],
        csv: () => table.csv(),
      };
    },
  });
}

/** What the licence of the company allows, and when its limit will be reached. */
export function licencePanel(api: Api): Panel<Schemas['DistinctMonths']> {
  return new Panel(api, {
    id: 'licence', title: 'Licence', note: 'Each named user of all environments once, in the newest month.',
    load: async (api, asked) => (await api.get('/users/history', { view: 'distinct' }, asked)) as Schemas['DistinctMonths'],
    show: ({ licence }) => ({ body: licence ? [h('dl', { class: 'facts' }, limits(licence).flatMap(([title, value]) => [h('dt', {}, title), h('dd', {}, value)]))] : [h('p', { class: 'empty' }, 'The fleet file states no licence, nothing was collected yet, or your token does not see all environments.')] }),
  });
}

function limits({ group, named, concurrent_limit: concurrent, concurrent_peak_sum: peak, expires, days_left: left }: Schemas['MonthLicence']): [string, string][] {
  const rows: [string, string][] = [['Environments', group]];
  if (named) {
    rows.push(
      ['Named users', `${named.is_at_least ? 'at least ' : ''}${count(named.used)} of ${count(named.limit)} in ${named.month} (${named.used_percent} %), ${count(named.free)} free`],
      ['Growth a month', named.per_month === null ? UNKNOWN : `${named.per_month}`],
      ['Limit reached in', `${named.reached_in ?? `${UNKNOWN} ${words(named.reason ?? '')}`}${named.is_tentative ? ', tentative: fewer than three months are over' : ''}`],
    );
  }
  if (concurrent !== null) rows.push(['Users at a time', `at most ${count(peak)} of ${count(concurrent)}, peaks added up`]);
  if (expires) rows.push(['Expires', `${expires}, ${left !== null && left < 0 ? `${count(-left)} days ago` : `in ${count(left)} days`}`]);
  return rows;
}

function tile(month: Schemas['UserMonth'], at: string | null): HTMLElement {
  const types = month.reason === null ? `${count(month.internal)} internal, ${count(month.external)} external, ${count(month.unclassified)} unclassified` : words(month.reason);
  return h('div', { class: 'tiles' }, h('div', { class: 'tile' },
    h('span', { class: 'faint' }, `${month.month}${month.is_running ? ' so far' : ''}`),
    h('strong', {}, month.named_user_count === null ? UNKNOWN : count(month.named_user_count)),
    h('small', {}, types), h('small', {}, at ? age(at) : 'never collected')));
}

function monthTable(rows: Schemas['UserMonth'][]): Table<Schemas['UserMonth']> {
  return new Table<Schemas['UserMonth']>({
    id: 'month-list', caption: 'Named users and sessions by month', rows, key: ({ month }) => month, sort: { key: 'month', direction: 'descending' }, empty: 'Nothing was collected yet.',
    columns: [
      { key: 'month', title: 'Month', isHeader: true, value: ({ month }) => month },
      { key: 'named', title: 'Named users', isNumber: true, value: ({ named_user_count: users }) => users, cell: ({ named_user_count: users }) => count(users) },
      { key: 'internal', title: 'Internal', isNumber: true, value: ({ internal }) => internal, cell: ({ internal }) => count(internal) },
      { key: 'external', title: 'External', isNumber: true, value: ({ external }) => external, cell: ({ external }) => count(external) },
      { key: 'unclassified', title: 'Unclassified', isNumber: true, value: ({ unclassified }) => unclassified, cell: ({ unclassified }) => count(unclassified) },
      { key: 'peak', title: 'Peak of users with a session', isNumber: true, value: ({ concurrent_peak: peak }) => peak?.named_users ?? null, cell: ({ concurrent_peak: peak }) => count(peak?.named_users) },
      { key: 'state', title: 'State', value: (month) => stateOf(month) },
    ],
  });
}

function stateOf({ is_running: isRunning, reason, missing_days: missing }: Schemas['UserMonth']): string {
  const known = reason !== null ? words(reason) : missing.length > 0 ? `${count(missing.length)} days missing` : 'complete';
  return isRunning ? `${known}, so far` : known;
}

function dayTable({ month, days }: Schemas['UserMonth']): Table<Schemas['UserDay']> {
  return new Table<Schemas['UserDay']>({
    id: 'day-list', caption: `The users of ${month} as they grow`, rows: days ?? [], key: ({ day }) => day, sort: { key: 'day', direction: 'descending' }, empty: 'No day was collected yet.',
    columns: [
      { key: 'day', title: 'Day', isHeader: true, value: ({ day }) => day },
      { key: 'so-far', title: 'Month so far', isNumber: true, value: ({ month_so_far: users }) => users, cell: ({ month_so_far: users }) => count(users) },
      { key: 'active', title: 'Active that day', isNumber: true, value: ({ named_user_count: users }) => users, cell: ({ named_user_count: users }) => count(users) },
      { key: 'day-peak', title: 'Peak of users with a session', isNumber: true, value: ({ concurrent_peak: peak }) => peak?.named_users ?? null, cell: ({ concurrent_peak: peak }) => count(peak?.named_users) },
    ],
  });
}
