// Sums of series for charts. A value that is not known is null, and a sum with such a value is null too.

export type Values = (number | null)[];

/** Upper edges of stacked areas, in the order of the series. Where a series has no value, its area has a gap, and the
 *  areas above it rest on the one below. */
export function stack(series: Values[]): Values[] {
  const length = Math.max(0, ...series.map((values) => values.length));
  const base = new Array<number>(length).fill(0);
  return series.map((values) => base.map((below, index) => {
    const value = values[index] ?? null;
    if (value === null) return null;
    base[index] = below + value;
    return below + value;
  }));
}

/** Sum of series, cell by cell; null where one of them is. */
export function sum(series: Values[]): Values {
  const length = Math.max(0, ...series.map((values) => values.length));
  return Array.from({ length }, (_, index) => {
    let total = 0;
    for (const values of series) {
      const value = values[index] ?? null;
      if (value === null) return null;
      total += value;
    }
    return total;
  });
}

/** Stretches without a value, as first and last position. */
export function gaps(values: Values): [number, number][] {
  const found: [number, number][] = [];
  values.forEach((value, index) => {
    if (value !== null) return;
    const last = found.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else found.push([index, index]);
  });
  return found;
}

/** Positions of values between two gaps: a line through them has no length, so they are drawn as dots. */
export function lonely(values: Values): number[] {
  const found: number[] = [];
  values.forEach((value, index) => {
    if (value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null) found.push(index);
  });
  return found;
}

/** First and last value of a series; null for each that there is none of. */
export function ends(values: Values): [number | null, number | null] {
  const known = values.filter((value) => value !== null);
  return [known[0] ?? null, known.at(-1) ?? null];
}
