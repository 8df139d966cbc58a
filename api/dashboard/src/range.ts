// The range of time that charts show, as it is in the address: `35d`, or two UTC days.
import { milliseconds } from './format';

export interface Range {
  /** As the API takes it: RFC 3339, or before now such as `-35d`. */
  from: string;
  /** Null is now. */
  to: string | null;
  /** Cells of the charts: hours up to a week, else UTC days. Few targets are measured each hour. */
  step: '1h' | '1d';
}

/** Ranges to pick from, with their names. */
export const RANGES: [string, string][] = [['1d', '1 day'], ['7d', '7 days'], ['35d', '35 days'], ['1y', '1 year']];
export const DEFAULT_RANGE = '35d';
const DAYS: Record<string, number> = { '1d': 1, '7d': 7, '35d': 35, '1y': 365 };
const DAY = 86_400_000;
/** Longest range that is shown by the hour. */
const HOURLY_DAYS = 7;

/** The range of an address; the default where it names none that is valid. */
export function rangeOf(query: Record<string, string>): Range {
  const [from, to] = [dayStart(query.from), dayStart(query.to)];
  // The last day is included.
  if (from !== null && to !== null && from <= to) {
    return { from: instant(from), to: instant(to + DAY), step: stepOf((to - from) / DAY + 1) };
  }
  const days = DAYS[query.range ?? ''] ?? DAYS[DEFAULT_RANGE]!;
  return { from: `-${days}d`, to: null, step: stepOf(days) };
}

/** What the API is asked for a range. */
export function asked({ from, to, step }: Range): { from: string; to?: string; step: '1h' | '1d' } {
  return { from, step, ...(to === null ? {} : { to }) };
}

/** What the address of a range has: `range`, or `from` and `to`. */
export function rangeQuery(query: Record<string, string>): Record<string, string | null> {
  if (rangeOf(query).to !== null) return { range: null, from: query.from ?? null, to: query.to ?? null };
  return { range: DAYS[query.range ?? ''] ? query.range! : null, from: null, to: null };
}

/** Name of the picked range; null for two days of one's own. */
export function picked(query: Record<string, string>): string | null {
  if (rangeOf(query).to !== null) return null;
  return DAYS[query.range ?? ''] ? query.range! : DEFAULT_RANGE;
}

/** First and last day of a range at `now`, as `2026-11-28`. */
export function daysOf(range: Range, now: number): [string, string] {
  const days = /^-(\d+)d$/.exec(range.from);
  const from = days ? now - Number(days[1]) * DAY : (milliseconds(range.from) ?? now);
  const to = range.to === null ? now : (milliseconds(range.to) ?? now) - 1;
  return [date(from), date(to)];
}

/** UTC day of a time, as `2026-11-28`. */
export function date(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** RFC 3339 of a time, in whole seconds. */
export function instant(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}

function stepOf(days: number): '1h' | '1d' {
  return days <= HOURLY_DAYS ? '1h' : '1d';
}

function dayStart(text: string | undefined): number | null {
  return text && /^\d{4}-\d{2}-\d{2}$/.test(text) ? milliseconds(text) : null;
}
