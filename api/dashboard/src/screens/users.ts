// The users of an environment: the three official counts side by side, and what they consist of.
import type { Schemas } from '../api';
import { age } from '../clock';
import { h } from '../dom';
import { count, duration, moment, UNKNOWN, words } from '../format';
import { Panel } from '../panel';
import type { Context, Screen } from '../screen';
import { Table } from '../table';
import { environmentHead } from './environment_head';
import { licencePanel, monthsPanel } from './users_months';

/** Accounts that are shown; the API has the others. */
const ACCOUNTS = 1000;

export function usersScreen({ api, query }: Context, name: string): Screen {
  const counts = new Panel(api, {
    id: 'users', title: 'Named users',
    load: async (api, asked) => (await api.get('/users', { environment: name }, asked)) as Schemas['UserCounts'],
    show: (users) => {
      const table = roles(users);
      return { body: [three(users), consists(users), ...(users.warnings.map((text) => h('p', { class: 'notice' }, text))), ...(table ? [table.element] : [])], ...(table ? { csv: () => table.csv() } : {}) };
    },
  });
  const accounts = new Panel(api, {
    id: 'accounts', title: 'Accounts', note: 'Under pseudonyms: a name has the same pseudonym in every environment.',
    load: async (api, asked) => (await api.get('/users/list', { environment: name, limit: ACCOUNTS }, asked)) as Schemas['UserList'],
    show: (list) => {
      const table = accountTable(list);
      return {
        body: [...(list.next ? [h('p', { class: 'notice' }, `The first ${count(list.users.length)} accounts; there are more.`)] : []), table.element],
        csv: () => table.csv(),
      };
    },
  });
  return { title: `Users of ${name}`, head: environmentHead(name, 'users', query), panels: [counts, monthsPanel(api, name), licencePanel(api), accounts] };
}

/** The three counts, with what each means. */
function three({ metering, license_estimate: license, runtime_metric: runtime, as_of: at }: Schemas['UserCounts']): HTMLElement {
  const tile = (title: string, value: number, rule: string, more: string) => h('div', { class: 'tile' },
    h('span', { class: 'faint' }, title), h('strong', {}, count(value)), h('small', {}, rule), h('small', {}, more), h('small', {}, age(at)));
  return h('div', { class: 'tiles' },
    tile('Metering', metering.named_user_count, metering.rule, `${count(metering.internal)} internal${metering.unclassified === null ? '' : ` (${count(metering.unclassified)} of them unclassified)`}, ${count(metering.external)} external`),
    tile('Licence, an estimate', license.named_user_count, license.rule, ''),
    tile('Metric of the runtime', runtime.named_user_count, runtime.rule, ''));
}

function consists({ named, sessions, anonymous_rows: anonymous, without_role: without, source }: Schemas['UserCounts']): HTMLElement {
  const types = named.active_humans_by_user_type;
  const rows: [string, string][] = [
    ['Accounts', count(named.total)],
    ['Active', `${count(named.active)} (${count(named.active_by_kind.human)} people, ${count(named.active_by_kind.web_service)} web services)`],
    ['Inactive', count(named.inactive)], ['Blocked', count(named.blocked)],
    ['Active, never logged in', count(named.active_never_logged_in)],
    ['Active people by type', types ? `${count(types.internal)} internal, ${count(types.external)} external` : UNKNOWN],
    ['Without a role', count(without)], ['Anonymous accounts', count(anonymous)],
    ['Sessions', sessions ? `${count(sessions.named_user_sessions)} of ${count(sessions.distinct_named_users)} named users, ${count(sessions.anonymous_sessions)} anonymous, in the last ${duration(sessions.window_seconds)}` : `${UNKNOWN} not stored by this version`],
    ['Mendix', `${source.mendix_version ?? UNKNOWN}, model ${source.model_version ?? UNKNOWN}, on ${source.engine}`],
  ];
  return h('dl', { class: 'facts' }, rows.flatMap(([title, value]) => [h('dt', {}, title), h('dd', {}, value)]));
}

function roles({ by_role: list }: Schemas['UserCounts']): Table<Schemas['RoleCount']> | null {
  if (!list) return null;
  return new Table<Schemas['RoleCount']>({
    id: 'roles', caption: 'Accounts by role; an account may have several', rows: list, key: ({ role }) => role, sort: { key: 'active', direction: 'descending' }, empty: 'There are no roles.',
    columns: [
      { key: 'role', title: 'Role', isHeader: true, value: ({ role }) => role },
      { key: 'active', title: 'Active', isNumber: true, value: ({ active }) => active, cell: ({ active }) => count(active) },
      { key: 'total', title: 'All', isNumber: true, value: ({ total }) => total, cell: ({ total }) => count(total) },
    ],
  });
}

function accountTable({ users }: Schemas['UserList']): Table<Schemas['User']> {
  return new Table<Schemas['User']>({
    id: 'account-list', class: 'cards', caption: 'Accounts and their last logins', rows: users, key: ({ id }) => id, sort: { key: 'last_login', direction: 'descending' }, empty: 'There are no accounts.',
    columns: [
      { key: 'user', title: 'Account', isHeader: true, value: ({ name, user, id }) => name ?? user ?? id },
      { key: 'active', title: 'State', value: ({ active, blocked }) => `${active ? 'active' : 'inactive'}${blocked ? ', blocked' : ''}` },
      { key: 'kind', title: 'Kind', value: ({ kind }) => kind, cell: ({ kind }) => words(kind) },
      { key: 'user_type', title: 'Type', value: ({ user_type: type }) => type },
      { key: 'roles', title: 'Roles', value: ({ roles }) => roles?.join(', ') ?? null },
      { key: 'last_login', title: 'Last login', value: ({ last_login: at }) => at, cell: ({ last_login: at }) => age(at) ?? 'never, or not stored' },
      { key: 'created', title: 'Created', value: ({ created: at }) => at, cell: ({ created: at }) => moment(at) },
    ],
  });
}
