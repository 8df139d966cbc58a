// Daily totals and growth, as `include=trend` gives them.
import type { Schemas } from './api';

export type Growth = Schemas['Growth'];
export type Full = Schemas['Full'];

/** Daily totals of several targets, added up by day. A day that one of them has no total of is a gap. */
export interface Daily {
  /** First UTC day. */
  from: string | null;
  totals: (number | null)[];
  /** Days whose total is not comparable with the one before. */
  breaks: string[];
}

const DAY = 86_400_000;

/** Adds daily totals up; days that are not in every series are gaps. */
export function addDaily(series: Daily[]): Daily {
  const starts = series.map(({ from }) => (from === null ? NaN : Date.parse(from)));
  if (starts.length === 0 || starts.some(Number.isNaN)) return { from: null, totals: [], breaks: [] };
  const start = Math.min(...starts);
  const end = Math.max(...series.map(({ totals }, index) => starts[index]! + totals.length * DAY));
  const totals: (number | null)[] = [];
  for (let day = start; day < end; day += DAY) {
    let sum: number | null = 0;
    series.forEach((each, index) => {
      const value = each.totals[Math.round((day - starts[index]!) / DAY)] ?? null;
      sum = sum === null || value === null ? null : sum + value;
    });
    totals.push(sum);
  }
  return { from: new Date(start).toISOString().slice(0, 10), totals, breaks: [...new Set(series.flatMap(({ breaks }) => breaks))].sort() };
}

/** Growth of several targets together; null when the growth of one is not known. */
export function addGrowth(growths: (Growth | null)[]): number | null {
  let sum = 0;
  for (const growth of growths) {
    if (growth?.bytes_per_day === null || growth?.bytes_per_day === undefined) return null;
    sum += growth.bytes_per_day;
  }
  return growths.length ? sum : null;
}
