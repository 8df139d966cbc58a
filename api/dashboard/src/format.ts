// Numbers and times as people read them. Null is never a zero: it is a dash, with the reason in words beside it.

export const UNKNOWN = '–';
const MINUS = '\u2212';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

type Maybe<T> = T | null | undefined;

/** Three significant digits with a unit of 1,024s, as `mrt` prints them; a negative number has a minus sign. */
export function bytes(value: Maybe<number>): string {
  if (value === null || value === undefined) return UNKNOWN;
  let size = Math.abs(value);
  let unit = 0;
  // 1,023.995 and more would be shown as 1,024.
  while (unit < UNITS.length - 1 && size >= 1023.995) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return `${value < 0 ? MINUS : ''}${size.toFixed(digits)} ${UNITS[unit]}`;
}

/** Like `bytes`, with a plus sign for a positive number. */
export function change(value: Maybe<number>): string {
  return value && value > 0 ? `+${bytes(value)}` : bytes(value);
}

/** Whole number with separators between thousands. */
export function count(value: Maybe<number>): string {
  if (value === null || value === undefined) return UNKNOWN;
  return (value < 0 ? MINUS : '') + Math.abs(Math.round(value)).toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** The exact number of bytes in words. */
export function exact(value: Maybe<number>): string {
  return value === null || value === undefined ? 'not known' : `${count(value)} bytes`;
}

/** A share of `whole` in per cent; unknown when there is no whole. */
export function share(part: Maybe<number>, whole: Maybe<number>): string {
  if (part === null || part === undefined || !whole) return UNKNOWN;
  const percent = Math.abs((100 * part) / whole);
  const text = percent > 0 && percent < 0.1 ? '< 0.1 %' : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
  return part / whole < 0 ? `${MINUS}${text}` : text;
}

/** Money with its currency: cents below 100, fractions of a cent said as such. */
export function money(value: Maybe<number>, currency: string): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (value > 0 && value < 0.01) return `< 0.01 ${currency}`;
  return `${value < 100 ? value.toFixed(2) : count(value)} ${currency}`;
}

/** Number of seconds as a length of time, in its largest unit. */
export function duration(seconds: number): string {
  const units: [number, string][] = [[86_400, 'd'], [3600, 'h'], [60, 'min']];
  for (const [size, unit] of units) {
    if (seconds >= 2 * size || (size === 60 && seconds >= 60)) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

/** How long ago a time was, or how far ahead. */
export function ago(time: Maybe<string>, now: number): string {
  const at = milliseconds(time);
  if (at === null) return UNKNOWN;
  const seconds = (now - at) / 1000;
  return seconds < -1 ? `in ${duration(-seconds)}` : seconds < 2 ? 'now' : `${duration(seconds)} ago`;
}

/** Milliseconds since 1970 of an RFC 3339 time or a date; null when it is neither. */
export function milliseconds(time: Maybe<string>): number | null {
  const at = time ? Date.parse(time) : NaN;
  return Number.isNaN(at) ? null : at;
}

/** UTC day, such as 28 Nov 2026. */
export function day(time: Maybe<string | number>): string {
  const at = typeof time === 'number' ? time : milliseconds(time);
  if (at === null) return UNKNOWN;
  const date = new Date(at);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** UTC day and minute. */
export function moment(time: Maybe<string | number>): string {
  const at = typeof time === 'number' ? time : milliseconds(time);
  if (at === null) return UNKNOWN;
  return `${day(at)} ${new Date(at).toISOString().slice(11, 16)} UTC`;
}

/** A word of the API as text: `no_metrics` is "no metrics". */
export function words(code: Maybe<string>): string {
  return code ? code.replaceAll('_', ' ') : UNKNOWN;
}

/** A number with its noun, in the singular for one. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}
