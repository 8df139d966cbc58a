// The fleet as one row for each environment, joined from the answers about storage, databases and users.
import { type Api, RequestFailure, type Schemas } from './api';
import { type Condition, ofMeasured, ofPending, together, unmeasured, unsized } from './condition';
import { addDaily, addGrowth, type Daily, type Full } from './trend';

/** Kinds of storage that hold files; the others hold databases. */
const FILES = new Set(['s3', 'efs', 'ebs']);

/** Whether storage holds files. */
export const holdsFiles = ({ kind }: { kind: string }): boolean => FILES.has(kind);
/** Days of the small lines. */
const USER_DAYS = 35;
/** Environments on a page of users: as many as the API gives. */
const USERS_LIMIT = 100;

/** A size of one or more targets of an environment. */
export interface Size {
  /** Null when nothing was measured; with `isPartial`, what was measured. */
  bytes: number | null;
  isPartial: boolean;
  /** When the oldest of its numbers was measured. */
  takenAt: string | null;
  daily: Daily;
  /** Bytes a day; null when it is not known for all of it. */
  growth: number | null;
}

export interface Cost {
  monthly: number;
  currency: string;
  /** Whether some bytes have no price, or a target has no number. */
  isPartial: boolean;
}

export interface Environment {
  name: string;
  buckets: Schemas['BucketItem'][];
  databases: Database[];
  files: Size;
  database: Size;
  cost: Cost | null;
  full: Full | null;
  condition: Condition;
}

export type Database = Schemas['DatabaseItem'];

/** Storage and databases of a fleet, or of one environment; null is what the token may not read. */
export interface Fleet {
  storage: Schemas['BucketSizes'] | null;
  tables: Schemas['TableSizes'] | null;
}

/** Loads the sizes of the fleet, or of one environment. */
export async function loadFleet(api: Api, environment: string | undefined, asked: string[], what: 'all' | 'tables' = 'all'): Promise<Fleet> {
  const only = environment === undefined ? {} : { environment };
  const storage: Schemas['BucketSizes'] = { items: [], pending: [], next: null };
  const tables: Schemas['TableSizes'] = { items: [], pending: [], next: null };
  const mayStorage = what === 'all' && !api.missingScope('/bucket_size');
  const mayTables = !api.missingScope('/table_size');
  // Without any scope, the refusal of the first is the answer.
  const wanted = [
    (mayStorage || (what === 'all' && !mayTables)) && api.pages('/bucket_size', { ...only, include: ['trend'], limit: 1000 }, (page) => {
      storage.items.push(...page.items);
      storage.pending.push(...page.pending);
    }, asked),
    (mayTables || what === 'tables') && api.pages('/table_size', { ...only, include: ['trend'], tables: 0, limit: 100 }, (page) => {
      tables.items.push(...page.items);
      tables.pending.push(...page.pending);
    }, asked),
  ];
  const results = await Promise.allSettled(wanted);
  const failed = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown);
  // An environment may have storage only, or a database only.
  const isAbsent = (reason: unknown) => environment !== undefined && reason instanceof RequestFailure && reason.code === 'not_found';
  const serious = failed.find((reason) => !isAbsent(reason)) ?? (failed.length === wanted.filter(Boolean).length ? failed[0] : undefined);
  if (serious !== undefined) throw serious;
  return { storage: mayStorage ? storage : null, tables: mayTables ? tables : null };
}

/** Loads the users of the fleet page by page: each page reads its databases now. */
export async function loadUsers(api: Api, take: (users: Schemas['EnvironmentUsers'][]) => void): Promise<void> {
  await api.pages('/users', { limit: USERS_LIMIT }, (page) => {
    if ('items' in page) take(page.items);
  });
}

/** Daily users of each environment in the last five weeks. */
export async function loadUserDays(api: Api, take: (items: Schemas['EnvironmentMonths'][]) => void): Promise<void> {
  await api.pages('/users/history', { from: '-35d', limit: USERS_LIMIT }, (page) => {
    if ('items' in page) take(page.items);
  });
}

/** Named users by day, from the first to the last day that is known; a day without a run is a gap. */
export function userDays({ months }: Schemas['EnvironmentMonths']): (number | null)[] {
  const known = new Map(months.flatMap(({ days }) => (days ?? []).map(({ day, named_user_count: users }) => [Date.parse(day) / 86_400_000, users] as const)));
  const last = Math.max(...known.keys());
  const length = known.size ? Math.min(USER_DAYS, last - Math.min(...known.keys()) + 1) : 0;
  return Array.from({ length }, (_, index) => known.get(last - length + 1 + index) ?? null);
}

/** Joins a fleet's answers by environment, in the order of their names. */
export function environments(fleet: Fleet): Environment[] {
  const names = new Set<string>();
  for (const list of [fleet.storage, fleet.tables]) {
    for (const { environment } of [...(list?.items ?? []), ...(list?.pending ?? [])]) names.add(environment);
  }
  const buckets = group(fleet.storage?.items ?? []);
  const pendingBuckets = group(fleet.storage?.pending ?? []);
  const databases = group(fleet.tables?.items ?? []);
  const pendingDatabases = group(fleet.tables?.pending ?? []);
  return [...names].sort().map((name) => join(
    name,
    buckets.get(name) ?? [],
    pendingBuckets.get(name) ?? [],
    databases.get(name) ?? [],
    pendingDatabases.get(name) ?? [],
  ));
}

function join(
  name: string,
  buckets: Schemas['BucketItem'][],
  pendingBuckets: Schemas['PendingBucket'][],
  databases: Database[],
  pendingDatabases: Schemas['PendingDatabase'][],
): Environment {
  const files = buckets.filter(holdsFiles);
  const isMissing = pendingBuckets.some(holdsFiles);
  const condition = together([
    ...buckets.map((item) => ofMeasured(label(item), item, unmeasured(item))),
    ...pendingBuckets.map((item) => ofPending(label(item), item.last_failure)),
    ...databases.map((item) => ofMeasured(`database ${item.database}`, item, unsized(item))),
    ...pendingDatabases.map((item) => ofPending(`database ${item.database}`, item.last_failure)),
  ]);
  return {
    name,
    buckets,
    databases,
    files: size(files, isMissing),
    database: size(databases, pendingDatabases.length > 0),
    cost: cost(buckets, pendingBuckets.length > 0),
    full: databases.map(({ full }) => full ?? null).find((full) => full?.at) ?? databases[0]?.full ?? null,
    condition,
  };
}

/** What a target of storage is called. */
export function label({ kind, bucket, prefix, suffix }: { kind: string; bucket: string; prefix: string; suffix: string }): string {
  const part = prefix || suffix ? `/${prefix}${suffix ? `*${suffix}` : ''}` : '';
  return `${kind === 's3' ? 'bucket' : kind} ${bucket}${part}`;
}

type Sized = Pick<Schemas['BucketItem'], 'total_bytes' | 'completeness' | 'taken_at' | 'trend' | 'growth'>;

function size(items: Sized[], isMissing: boolean): Size {
  const taken = items.map(({ taken_at }) => taken_at).sort();
  return {
    bytes: items.length ? items.reduce((sum, { total_bytes }) => sum + total_bytes, 0) : null,
    isPartial: items.length > 0 && (isMissing || items.some(({ completeness }) => completeness === 'partial')),
    takenAt: taken[0] ?? null,
    daily: addDaily(items.map(({ trend }) => trend ?? { from: null, totals: [], breaks: [] })),
    growth: isMissing ? null : addGrowth(items.map(({ growth }) => growth ?? null)),
  };
}

function cost(items: Schemas['BucketItem'][], isMissing: boolean): Cost | null {
  const first = items[0]?.cost;
  if (!first) return null;
  const isUnpriced = items.some((item) => Object.keys(item.cost.unpriced).length > 0);
  return {
    monthly: items.reduce((sum, item) => sum + item.cost.monthly_total, 0),
    currency: first.currency,
    isPartial: isMissing || isUnpriced,
  };
}

function group<T extends { environment: string }>(items: T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const list = groups.get(item.environment);
    if (list) list.push(item);
    else groups.set(item.environment, [item]);
  }
  return groups;
}
