// How an environment is measured: the last runs, what failed and what to do, what listing costs, and when it is next.
import type { Schemas } from '../api';
import { age } from '../clock';
import { type Collection, collectionOf } from '../collection';
import { mark, ofMeasured, ofPending, type State, unmeasured, unsized } from '../condition';
import { h } from '../dom';
import { label, loadFleet } from '../fleet';
import { bytes, count, duration, moment, money, share, UNKNOWN, words } from '../format';
import { Panel } from '../panel';
import type { Context, Screen } from '../screen';
import { Table } from '../table';
import { environmentHead } from './environment_head';

interface Row {
  target: string;
  state: State;
  reasons: string[];
  takenAt: string | null;
  scheduledAt: string | null;
  failure: Schemas['Failure'] | null;
  refresh: Schemas['RefreshView'] | null;
  scan: Schemas['ScanCost'] | null;
  /** Seconds between runs; null when they are not known. */
  interval: number | null;
  currency: string;
}

export function collectionScreen({ api, query }: Context, name: string): Screen {
  const panel = new Panel(api, {
    id: 'collection', title: 'Collection',
    note: 'One row for each target. After a failure the last good numbers stay, with their own time.',
    load: (api, asked) => loadFleet(api, name, asked),
    show: ({ storage, tables }) => {
      const rows = [
        ...(storage?.items ?? []).map((item): Row => ({
          target: label(item), ...ofMeasured(null, item, unmeasured(item)), takenAt: item.taken_at, scheduledAt: item.scheduled_at,
          failure: item.last_failure, refresh: item.refresh, scan: item.cost.scan, currency: item.cost.currency, interval: item.refresh?.interval_seconds ?? null,
        })),
        ...(storage?.pending ?? []).map((item): Row => pending(label(item), item.last_failure)),
        ...(tables?.items ?? []).map((item): Row => ({
          target: `database ${item.database}`, ...ofMeasured(null, item, unsized(item)), takenAt: item.taken_at, scheduledAt: item.scheduled_at,
          failure: item.last_failure, refresh: null, scan: null, currency: '', interval: item.collection.runs_per_day ? Math.round(86_400 / item.collection.runs_per_day) : null,
        })),
        ...(tables?.pending ?? []).map((item): Row => pending(`database ${item.database}`, item.last_failure)),
      ];
      const table = tableOf(rows);
      const cost = listing(rows);
      const hidden = [storage === null ? 'storage' : '', tables === null ? 'databases' : ''].filter(Boolean);
      return {
        body: [collectionFacts(collectionOf({ storage, tables })), ...(hidden.length ? [h('p', { class: 'notice' }, `Your token may not read ${hidden.join(' and ')}; they are not in this list.`)] : []), ...(cost ? [cost] : []), table.element],
        csv: () => table.csv(),
      };
    },
  });
  return { title: `Collection of ${name}`, head: environmentHead(name, 'collection', query), panels: [panel] };
}

function pending(target: string, failure: Schemas['Failure'] | null): Row {
  return { target, ...ofPending(null, failure), takenAt: null, scheduledAt: null, failure, refresh: null, scan: null, currency: '', interval: null };
}

/** What collecting takes itself, summed as in `/metrics`. */
function collectionFacts({ storageRuns, databaseRuns, listRequests, seconds, reportBytes }: Collection): HTMLElement {
  const rows: [string, string][] = [
    ['Runs a day', `${count(storageRuns)} of storage, ${count(databaseRuns)} of databases`],
    ['LIST requests a day', count(listRequests)],
    ['Reports of S3 Inventory', reportBytes === null ? 'none is read' : `${bytes(reportBytes)} read a day, by the last runs`],
    ['Measuring takes', `${duration(seconds)} a day, by the last runs`],
  ];
  return h('dl', { class: 'facts', id: 'collection-use' }, rows.flatMap(([title, value]) => [h('dt', {}, title), h('dd', {}, value)]));
}

/** LIST requests a day at the interval of the target. */
const perDay = ({ refresh }: Row): number | null => refresh?.list_requests_per_day ?? null;

/** What listing these targets costs against the budget that all buckets of the fleet share. */
function listing(rows: Row[]): HTMLElement | null {
  const listed = rows.filter((row) => perDay(row) !== null);
  const budget = listed[0]?.refresh?.budget_list_requests_per_day;
  if (budget === undefined) return null;
  const requests = listed.reduce((total, row) => total + perDay(row)!, 0);
  return h('p', { id: 'listing-budget' }, `Listing takes ${count(requests)} requests a day here, ${share(requests, budget)} of the ${count(budget)} that all buckets of the fleet share.`);
}

function tableOf(rows: Row[]): Table<Row> {
  return new Table<Row>({
    id: 'targets', class: 'cards', caption: 'Targets and their last runs', rows, key: ({ target }) => target, sort: null, empty: 'Nothing is measured here.',
    columns: [
      { key: 'target', title: 'Target', isHeader: true, value: ({ target }) => target },
      { key: 'state', title: 'State', value: ({ state }) => state, cell: ({ state }) => mark(state) },
      { key: 'taken_at', title: 'Last good run', value: ({ takenAt }) => takenAt, cell: ({ takenAt, scheduledAt }) => [age(takenAt) ?? 'none yet', scheduledAt ? h('small', {}, `of ${moment(scheduledAt)}`) : null] },
      {
        key: 'failure', title: 'Last failure and what to do', value: ({ failure, reasons }) => failure?.reason ?? (reasons.join('; ') || null),
        cell: ({ failure, reasons }) => (failure
          ? [h('span', {}, failure.reason), h('small', {}, `${words(failure.code)}, `, age(failure.failed_at))]
          : reasons.length ? reasons.join('; ') : 'none'),
      },
      {
        key: 'scan_amount', title: 'A listing costs', isNumber: true, value: ({ scan }) => scan?.amount ?? null,
        cell: ({ scan, currency }) => (scan ? [money(scan.amount, currency), h('small', {}, scan.list_requests === null ? 'no listing' : `${count(scan.list_requests)} requests`)] : UNKNOWN),
      },
      {
        key: 'requests_per_day', title: 'Requests a day', isNumber: true, help: 'At this interval; the budget of the fleet decides how often a large bucket is listed',
        value: perDay, cell: (row) => [count(perDay(row)), perDay(row) === null ? null : h('small', {}, `${share(perDay(row)!, row.refresh!.budget_list_requests_per_day)} of the budget`)],
      },
      {
        key: 'interval_seconds', title: 'Measured every', isNumber: true, value: ({ interval }) => interval,
        cell: ({ interval, refresh }) => (interval === null ? UNKNOWN : [duration(interval), refresh && h('small', {}, refresh.is_maximum ? `${words(refresh.reason)}, the longest allowed` : words(refresh.reason))]),
      },
      { key: 'next_at', title: 'Next', value: ({ refresh }) => refresh?.next_full_at ?? null, cell: ({ refresh }) => age(refresh?.next_full_at) ?? 'with the next schedule' },
    ],
  });
}
