// What collecting takes itself, added up over targets.
import type { Schemas } from './api';
import type { Fleet } from './fleet';

/** What collecting takes in a day, at the present intervals. */
export interface Collection {
  storageRuns: number;
  databaseRuns: number;
  listRequests: number;
  seconds: number;
  /** Bytes of reports of S3 Inventory; null where none is read. */
  reportBytes: number | null;
}

/** Adds up what collecting takes, in thousandths as `/metrics` does, and rounds up. */
export function collectionOf({ storage, tables }: Fleet): Collection {
  const buckets = (storage?.items ?? []).map(({ collection }) => collection);
  const databases = (tables?.items ?? []).map(({ collection }) => collection);
  const whole = (each: Schemas['CollectionUse'][], value: (thousandths: number, use: Schemas['CollectionUse']) => number) =>
    Math.ceil(each.reduce((sum, use) => sum + value(Math.round(use.runs_per_day * 1000), use), 0) / 1000);
  const reports = (storage?.items ?? []).flatMap(({ collection, inventory }) => (inventory ? [{ runs: collection.runs_per_day, bytes: inventory.read_bytes }] : []));
  return {
    reportBytes: reports.length ? Math.ceil(reports.reduce((sum, { runs, bytes }) => sum + runs * bytes, 0)) : null,
    storageRuns: whole(buckets, (runs) => runs),
    databaseRuns: whole(databases, (runs) => runs),
    listRequests: whole(buckets, (runs, { list_requests: requests }) => runs * requests),
    seconds: whole([...buckets, ...databases], (runs, { run_seconds: seconds }) => runs * seconds),
  };
}
