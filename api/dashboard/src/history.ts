// History answers as chart data: cells with their times, series with their names, and what happened meanwhile.
import type { Mark, Series } from './chart';
import type { Api, Query, Schemas } from './api';
import { change, words } from './format';
import { sum, type Values } from './stack';
import type { Growth } from './trend';

/** What the answers about storage and about databases have in common. */
export interface History {
  from: string;
  to: string;
  step_seconds: number | null;
  available_from: string | null;
  items: (Schemas['BucketHistory'] | Schemas['DatabaseHistory'])[];
}

/** Loads a history of storage, all pages of it. */
export async function bucketHistory(api: Api, query: Query<'/bucket_size/history'>, asked: string[]): Promise<Schemas['BucketHistories']> {
  let whole: Schemas['BucketHistories'] | null = null;
  await api.pages('/bucket_size/history', query, (page) => {
    whole = whole ? { ...whole, items: [...whole.items, ...page.items] } : page;
  }, asked);
  return whole!;
}

/** Loads a history of databases, all pages of it. */
export async function tableHistory(api: Api, query: Query<'/table_size/history'>, asked: string[]): Promise<Schemas['DatabaseHistories']> {
  let whole: Schemas['DatabaseHistories'] | null = null;
  await api.pages('/table_size/history', query, (page) => {
    whole = whole ? { ...whole, items: [...whole.items, ...page.items] } : page;
  }, asked);
  return whole!;
}

/** Starts of the cells that are not comparable with the one before, in seconds since 1970. */
export function breaksOf(history: History, times: number[]): number[] {
  const changed = history.items.flatMap(({ breaks, series }) => [...breaks, ...(series.length === 1 ? series[0]!.breaks : [])]);
  const cells = changed.map(({ at }) => times.findLastIndex((time) => time <= Date.parse(at) / 1000));
  return [...new Set(cells)].filter((index) => index > 0).map((index) => times[index]!);
}

/** One line or area, with its growth where that is known. */
export interface Line {
  name: string;
  values: Values;
  growth: Growth | null;
}

/** Colours of the series; `other` has a grey of its own. */
const COLORS = 8;

/** Start of each cell of an answer, in seconds since 1970. */
export function timesOf(history: History): number[] {
  const item = history.items[0];
  if (!item) return [];
  if (item.times) return item.times.map((time) => Date.parse(time) / 1000);
  const start = Date.parse(item.start) / 1000;
  const length = Math.max(0, ...item.series.map(({ values }) => values.length));
  return Array.from({ length }, (_, index) => start + index * (history.step_seconds ?? 0));
}

/** Series of all targets by name; those with one name are added up. */
export function linesOf(history: History): Line[] {
  const groups = new Map<string, { values: Values[]; growths: (Growth | null)[] }>();
  for (const item of history.items) {
    for (const { name, values, growth } of item.series) {
      const group = groups.get(name) ?? { values: [], growths: [] };
      group.values.push(values);
      group.growths.push(growth);
      groups.set(name, group);
    }
  }
  return [...groups].map(([name, { values, growths }]) => ({
    name,
    values: values.length === 1 ? values[0]! : sum(values),
    growth: growths.length === 1 ? growths[0]! : null,
  }));
}

/** Sum of one series of each target: of a total. */
export function totalOf(history: History): Values {
  return sum(history.items.map(({ series }) => series[0]?.values ?? []));
}

/** Areas with colours: the largest at the bottom, as they come; `other` on top. */
export function colored(lines: Line[]): Series[] {
  const named = lines.filter(({ name }) => name !== 'other');
  const other = lines.filter(({ name }) => name === 'other');
  return [
    ...named.map(({ name, values }, index) => ({ name, values, color: `--c${(index % COLORS) + 1}` })),
    ...other.map(({ name, values }) => ({ name, values, color: '--c0' })),
  ];
}

/** What happened in the range: one-off steps, changes of how it is measured, and failures. */
export function marksOf(history: History, failures: Schemas['Failure'][]): Mark[] {
  const marks: Mark[] = [];
  const seconds = (time: string) => Date.parse(time) / 1000;
  for (const { breaks, growth, series } of history.items) {
    for (const { at, reason } of series.length === 1 ? series[0]!.breaks : []) marks.push({ at: seconds(at), text: `another table under the same name from here on: ${words(reason)}` });
    for (const { at, reason } of breaks) marks.push({ at: seconds(at), text: `measured in another way from here on: ${words(reason)}` });
    for (const { at, bytes } of growth?.steps ?? []) marks.push({ at: seconds(at), text: `one-off step of ${change(bytes)}` });
  }
  for (const { failing_since: since, failed_at: at, reason } of failures) {
    if (since !== at) marks.push({ at: seconds(since), text: 'every run has failed from here on' });
    marks.push({ at: seconds(at), text: `failed: ${reason}` });
  }
  const [from, to] = [seconds(history.from), seconds(history.to)];
  return marks.filter(({ at }) => at >= from && at <= to).sort((a, b) => a.at - b.at);
}
