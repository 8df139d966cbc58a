// The state of what is measured, with its reason in words.
import type { Schemas } from './api';
import { h } from './dom';
import { duration, words } from './format';

export const STATES = ['failing', 'stale', 'partial', 'pending', 'fresh'] as const;
export type State = (typeof STATES)[number];

export interface Condition {
  state: State;
  /** A sentence for each thing that is wrong; empty when all is well. */
  reasons: string[];
}

interface Measured {
  last_failure: Schemas['Failure'] | null;
  stale: boolean;
  age_seconds: number;
  completeness: Schemas['Completeness'];
}

/** Begins a sentence about a target that has to be named. */
const about = (name: string | null, text: string) => (name ? `${name}: ${text}` : text);

/** Condition of one measured target; `name` begins its sentences, if it has to be named. */
export function ofMeasured(name: string | null, item: Measured, missing: string[]): Condition {
  const found: [State, string][] = [];
  const { last_failure: failure } = item;
  if (failure) found.push(['failing', about(name, failure.reason)]);
  if (item.stale) found.push(['stale', about(name, `last measured ${duration(item.age_seconds)} ago, a measurement was missed`)]);
  if (item.completeness === 'partial') found.push(['partial', about(name, missing.join('; ') || 'not everything could be measured')]);
  return worst(found);
}

/** Condition of a target without any number. */
export function ofPending(name: string | null, failure: Schemas['Failure'] | null): Condition {
  return failure
    ? { state: 'failing', reasons: [about(name, failure.reason)] }
    : { state: 'pending', reasons: [about(name, 'not measured yet')] };
}

/** Parts of storage that were not measured, in words. */
export function unmeasured(item: Schemas['BucketItem']): string[] {
  return item.unmeasured.map(({ part, reason }) => `${words(part)}: ${reason}`);
}

/** Tables that were not sized, in words. */
export function unsized(item: Schemas['DatabaseItem']): string[] {
  return item.unsized_tables.slice(0, 3).map(({ schema, table, reason }) => `${schema}.${table}: ${words(reason)}`);
}

/** All conditions together: the worst state, and every reason, the worst first. */
export function together(conditions: Condition[]): Condition {
  return worst(conditions.flatMap(({ state, reasons }) => reasons.map((reason) => [state, reason] as [State, string])));
}

function worst(found: [State, string][]): Condition {
  const ordered = [...found].sort(([a], [b]) => rank(a) - rank(b));
  return { state: ordered[0]?.[0] ?? 'fresh', reasons: ordered.map(([, reason]) => reason) };
}

/** Position of a state, problems first. */
export function rank(state: State): number {
  return STATES.indexOf(state);
}

/** The state as a mark of its own shape and a word. */
export function mark(state: State): HTMLElement {
  return h('span', { class: `state ${state}` }, state);
}
