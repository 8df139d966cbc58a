// Answers of the API for origins that a test decides about: a fleet of any size, and a history with everything that
// happens to real ones. Deterministic.
import type { Schemas } from '../../src/api';

const DAY = 86_400_000;
const GIB = 1024 ** 3;
/** Days of history. */
const DAYS = 35;

const at = (milliseconds: number) => new Date(milliseconds).toISOString().replace(/\.\d+Z/, 'Z');
const dayOf = (milliseconds: number) => at(milliseconds).slice(0, 10);

/** Growth of so many bytes a day. */
export function growth(rate: number): Schemas['Growth'] {
  return {
    window_days: DAYS - 1, points: DAYS, bytes_per_day: rate, low: Math.floor(rate * 0.8), high: Math.ceil(rate * 1.3),
    net_change_bytes: rate * (DAYS - 1), steps: [], trend: rate > 0 ? 'growing' : 'flat', confidence: 'steady', reason: null,
  } as Schemas['Growth'];
}

/** Storage of environment number `index`. */
function bucket(name: string, index: number, now: number): Schemas['BucketItem'] {
  const bytes = (1 + ((index * 7919 + 2500) % 5000)) * 10_000_019;
  const rate = ((index * 31 + 9) % 97) * 1_000_003;
  const taken = now - ((index * 13) % 50) * 60_000;
  const sizes = { total_bytes: bytes, object_count: 10 + index };
  return {
    environment: name, kind: 's3', bucket: `${name}-files`, prefix: '', suffix: '', ...sizes,
    by_storage_class: { STANDARD: sizes }, definition: 'current_objects', method: 'listing',
    current: { ...sizes, by_storage_class: { STANDARD: sizes } }, noncurrent: null, delete_markers: null, multipart: null,
    cloudwatch: null, resource: null, unmeasured: [],
    reconciliation: { cloudwatch_bytes: null, overhead_bytes: null, measured_bytes: null, difference_bytes: null, difference_includes: [], reason: 'no_cloudwatch_metrics' },
    cost: {
      estimate: true, currency: 'USD', prices_as_of: '2025-06-30', prices_region: 'us-east-1', basis: 'listing', monthly_total: (bytes / GIB) * 0.023,
      by_storage_class: {}, unpriced: {}, scan: { list_requests: 2, cloudwatch_metrics: null, amount: 0.00001 },
    },
    completeness: 'complete', scheduled_at: at(taken), taken_at: at(taken), finished_at: at(taken), age_seconds: (now - taken) / 1000, stale: index % 61 === 7, clock_skew: false,
    refresh: { interval_seconds: 3600, reason: 'every_tick', next_full_at: at(taken + 3_600_000), is_maximum: false, list_requests_per_day: 48, budget_list_requests_per_day: 1_000_000 },
    collection: { runs_per_day: 24, run_seconds: 1.5, list_requests: 2 },
    last_failure: index % 97 === 5 ? { scheduled_at: at(taken), failed_at: at(taken), failing_since: at(taken), code: 'access_denied', reason: `could not list ${name}-files: grant s3:ListBucket` } : null,
    trend: { from: dayOf(now - DAYS * DAY), totals: Array.from({ length: DAYS }, (_, day) => (index % 10 === 3 && day === 20 ? null : bytes - (DAYS - day) * rate)), breaks: [] },
    growth: growth(rate),
  } as unknown as Schemas['BucketItem'];
}

function database(name: string, index: number, now: number): Schemas['DatabaseItem'] {
  const bytes = (1 + ((index * 6007 + 600) % 900)) * 8192 * 10_000;
  const taken = now - ((index * 7) % 50) * 60_000;
  const rate = ((index * 17 + 5) % 89) * 8192 * 20_000;
  const full = index % 40 === 0 ? dayOf(now + (20 + index) * DAY) : null;
  return {
    environment: name, database: name.replaceAll('-', '_'), engine: 'postgres', total_bytes: bytes, table_bytes: bytes - 8192, system_bytes: 8192, other_bytes: 0,
    storage: { kind: 'instance', allocated_bytes: 100 * GIB, free_bytes: 40 * GIB, used_bytes: 60 * GIB, as_of: at(now), reason: null, allocated_source: 'fleet_file' },
    table_count: 40, estimated_table_count: 0, server_role: 'primary', mendix_catalogue: 'read', completeness: 'complete', scheduled_at: at(taken), taken_at: at(taken),
    age_seconds: (now - taken) / 1000, stale: false, clock_skew: false, collection: { runs_per_day: 24, run_seconds: 0.5, list_requests: 0 }, last_failure: null, modules: null, tables: [], tables_omitted: { table_count: 40, total_bytes: bytes - 8192 }, unsized_tables: [],
    trend: { from: dayOf(now - DAYS * DAY), totals: Array.from({ length: DAYS }, (_, day) => bytes - (DAYS - day) * rate), breaks: [] },
    growth: growth(rate),
    full: {
      limit_bytes: 100 * GIB, limit_source: 'fleet_file', at: full, at_earliest: full, at_latest: full && dayOf(now + (40 + index) * DAY), reason: full ? null : 'beyond_ten_years',
    },
  } as unknown as Schemas['DatabaseItem'];
}

/** Name of environment number `index`. */
export const nameOf = (index: number) => `env-${String(index).padStart(4, '0')}`;

/** Answers about a fleet of `count` environments, in pages as the API gives them. */
export function fleetAnswers(count: number, now = Date.now()): (url: URL) => unknown {
  const page = <T>(url: URL, make: (name: string, index: number) => T) => {
    const limit = Number(url.searchParams.get('limit') ?? 100);
    const first = Number(url.searchParams.get('cursor') ?? 0);
    const last = Math.min(count, first + limit);
    const items = Array.from({ length: last - first }, (_, offset) => make(nameOf(first + offset), first + offset));
    return { items, pending: [], next: last < count ? String(last) : null };
  };
  return (url) => {
    switch (url.pathname) {
      case '/bucket_size':
        return page(url, (name, index) => bucket(name, index, now));
      case '/table_size':
        return page(url, (name, index) => database(name, index, now));
      case '/users':
        return page(url, (environment) => ({ environment, counts: null, problem: { type: 'urn:mrt:problem:unreachable', title: 'Not reachable', status: 503, detail: 'refused', request_id: 'x' } }));
      case '/users/history':
        return page(url, (environment, index) => ({
          environment, production: index % 2 === 0, as_of: at(now), next_due_at: at(now + DAY), last_failure: null,
          months: [{ month: dayOf(now).slice(0, 7), days: Array.from({ length: DAYS }, (_, day) => ({ day: dayOf(now - (DAYS - 1 - day) * DAY), named_user_count: 100 + index + day })) }],
        }));
      default:
        return undefined;
    }
  };
}

/** Series of an hourly history with a rhythm, growth, a step, a gap, a break of the method and a module that is new. */
export function databaseHistory(url: URL, now = Date.now()): unknown {
  const isHourly = url.searchParams.get('step') === '1h';
  const step = isHourly ? 3_600_000 : DAY;
  const length = isHourly ? 7 * 24 : DAYS;
  const start = Math.floor(now / step) * step - (length - 1) * step;
  const inGap = (index: number) => index > length * 0.4 && index < length * 0.44;
  const value = (base: number, rate: number, index: number) => {
    const hour = new Date(start + index * step).getUTCHours();
    const jump = index > length * 0.7 ? base * 0.1 : 0;
    return inGap(index) ? null : Math.round((base + (rate * index * step) / DAY + Math.sin(hour / 4) * base * 0.004 + jump) / 8192) * 8192;
  };
  const line = (name: string, base: number, rate: number, from = 0) => ({
    name, module: name, values: Array.from({ length }, (_, index) => (index < from ? null : value(base, rate, index))), breaks: [], growth: growth(rate),
  });
  const modules = [line('Sales', 30 * GIB, GIB / 3), line('Erp', 18 * GIB, GIB / 9), line('Documents', 9 * GIB, GIB / 5), line('Audit', 2 * GIB, GIB / 12, Math.floor(length * 0.5)), line('other', 3 * GIB, 0)];
  const total = { name: 'total_bytes', breaks: [], growth: growth(GIB), values: Array.from({ length }, (_, index) => (inGap(index) ? null : GIB + modules.reduce((sum, { values }) => sum + (values[index] ?? 0), 0))) };
  const series = url.searchParams.has('group') ? modules : [total];
  return {
    from: at(start), to: at(now), step_seconds: step / 1000, available_from: at(start), next: null,
    items: [{
      environment: 'env-0000', database: 'env_0000', kind: 's3', bucket: 'env-0000-files', prefix: '', suffix: '', unit: 'bytes', start: at(start), times: null, series,
      partial: [], unsized: [], unsized_count: 0, breaks: [{ at: at(start + length * 0.2 * step), reason: 'method' }], gaps: [],
      growth: { ...growth(GIB), steps: [{ at: dayOf(start + length * 0.7 * step), bytes: 6 * GIB }] }, reason: null,
    }],
  };
}

/** Changes of a database of 40 GiB, which add up; one table was dropped and made anew under its name. */
export function databaseChanges(now = Date.now()): unknown {
  const part = (name: string, change: string, from: number | null, to: number | null) => ({
    name, change, renamed_from: null, is_probable: false, from_bytes: from, to_bytes: to, change_bytes: (to ?? 0) - (from ?? 0),
  });
  const parts = [
    part('sales$order', 'grown', 12 * GIB, 14.5 * GIB), part('documents$pdf', 'grown', 8 * GIB, 9.2 * GIB), part('audit$entry', 'new', null, 0.9 * GIB),
    part('erp$message', 'shrunk', 6 * GIB, 4.1 * GIB), part('sales$import', 'gone', 0.7 * GIB, null), part('sales$import', 'new', null, 0.2 * GIB),
  ].map((each) => ({ ...each, from_bytes: each.from_bytes && Math.round(each.from_bytes), to_bytes: each.to_bytes && Math.round(each.to_bytes), change_bytes: Math.round(each.change_bytes) }));
  const change = parts.reduce((total, each) => total + each.change_bytes, 0) + 8192;
  return {
    from: at(now - 7 * DAY), to: at(now), available_from: at(now - DAYS * DAY), next: null,
    items: [{
      environment: 'env-0000', database: 'env_0000', reason: null, gaps: [],
      changes: {
        from_taken_at: at(now - 7 * DAY), to_taken_at: at(now), from_bytes: 40 * GIB, to_bytes: 40 * GIB + change, change_bytes: change,
        parts, other_bytes: 8192, other_count: 3, unsized: [{ name: 'sales$locked', from_bytes: null, to_bytes: null }], breaks: [],
      },
    }],
  };
}
