// A chart with its table beside it: the series with their values at the cursor, their change and growth, what happened,
// and every value of every cell.
import { Chart, type ChartOptions, type Series, timeOf } from './chart';
import { csv } from './csv';
import { h, replace } from './dom';
import { bytes, change, exact, moment, plural, words } from './format';
import type { Content } from './panel';
import { instant } from './range';
import { ends, gaps, type Values } from './stack';
import { addGrowth, type Growth } from './trend';

const WEEK = 7;
/** Rows of the table of all values; CSV has the others. */
const MOST_ROWS = 400;

export interface SeriesContent extends ChartOptions {
  /** Growth of the whole; null where it is that of `targets`. */
  growth: Growth | null;
  /** What is added up, with its growth, where that is more than one target. */
  targets: { name: string; growth: Growth | null }[];
  /** Growth of each series, by its name. */
  growths: Map<string, Growth | null>;
  /** Said below the chart, such as that the range was cut. */
  notes: string[];
}

/** Shows series over time. */
export function showSeries(content: SeriesContent): Content {
  const { times, series, total } = content;
  if (times.length === 0) return { body: [h('p', { class: 'empty' }, 'No history in this range yet. It begins with the first measurement.')] };
  const table = new SeriesTable(content);
  const chart = new Chart({ ...content, onCursor: (index) => table.show(index) });
  const text = () => csv(
    ['time', 'total_bytes', ...series.map(({ name }) => name)],
    times.map((time, index) => [instant(time * 1000), total[index], ...series.map(({ values }) => values[index])]),
  );
  return {
    body: [
      h('div', { class: 'beside' }, h('div', {}, chart.element, marks(content)), h('div', {}, table.element, content.targets.length ? growthsText(content.targets) : growthText(content.growth))),
      h('div', { class: 'below' }, content.notes.map((note) => h('p', { class: 'faint' }, note)), allValues(content)),
    ],
    csv: text,
  };
}

/** The legend, which has the values too. */
class SeriesTable {
  readonly element: HTMLElement;
  private readonly time = h('th', { scope: 'col', class: 'number' });
  private readonly cells: { cell: HTMLElement; values: Values }[] = [];

  constructor(private readonly content: SeriesContent) {
    const { series, total, growth, growths, targets } = content;
    const rows = [...series].reverse().map((each) => this.row(each, perWeek(growths.get(each.name))));
    const all = this.row({ name: 'Total', values: total, color: '--ink' }, targets.length ? together(targets) : perWeek(growth));
    all.className = 'sum';
    this.element = h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `${content.label}: series` },
      h('table', { class: 'compact' },
        h('caption', { class: 'hidden' }, `${content.label}: series`),
        h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Series'), this.time,
          h('th', { scope: 'col', class: 'number' }, 'Change'), h('th', { scope: 'col', class: 'number' }, 'a week'))),
        h('tbody', {}, rows, all)));
    this.show(null);
  }

  /** Shows the values of a cell; null for the newest ones. */
  show(index: number | null): void {
    const { times, step } = this.content;
    const at = index ?? times.length - 1;
    this.time.textContent = timeOf(times[at] ?? 0, step);
    for (const { cell, values } of this.cells) {
      const value = values[at] ?? null;
      cell.textContent = bytes(value);
      cell.title = exact(value);
    }
  }

  private row({ name, values, color }: Series, week: number | null): HTMLElement {
    const swatch = h('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.background = `var(${color})`;
    const cell = h('td', { class: 'number' });
    this.cells.push({ cell, values });
    const [first, last] = ends(values);
    const difference = first === null || last === null ? null : last - first;
    return h('tr', {},
      h('th', { scope: 'row' }, swatch, name === 'no_module' ? words(name) : name), cell,
      h('td', { class: 'number', title: exact(difference) }, change(difference)),
      h('td', { class: 'number' }, change(week)));
  }
}

/** Bytes a week of a rate a day. */
export function perWeek(growth: Growth | null | undefined): number | null {
  const rate = growth?.bytes_per_day ?? null;
  return rate === null ? null : rate * WEEK;
}

/** Bytes a week of several targets together; null when the growth of one is not known. */
function together(targets: SeriesContent['targets']): number | null {
  const rate = addGrowth(targets.map(({ growth }) => growth));
  return rate === null ? null : rate * WEEK;
}

/** Growth of several targets: a sum of rates has no range, so each has its own line. */
function growthsText(targets: SeriesContent['targets']): HTMLElement {
  const week = together(targets);
  return h('div', { class: 'growths' },
    h('p', { class: 'faint' }, week === null ? 'No growth rate of all together: one of them has none.' : `Growth: ${change(week)} a week together.`),
    h('ul', {}, targets.map(({ name, growth }) => h('li', {}, h('b', {}, name), growthText(growth)))));
}

/** Growth in words, with its range, its window and how far it can be trusted. */
export function growthText(growth: Growth | null): HTMLElement | null {
  if (!growth) return null;
  if (growth.bytes_per_day === null) return h('p', { class: 'faint' }, `No growth rate: ${words(growth.reason)}.`);
  const range = `${change((growth.low ?? 0) * WEEK)} to ${change((growth.high ?? 0) * WEEK)}`;
  return h('p', { class: 'faint' }, `Growth: ${words(growth.trend)}, ${change(perWeek(growth))} a week (${range}), `
    + `from ${plural(growth.points, 'day')} of ${growth.window_days + 1}; ${words(growth.confidence)}.`);
}

function marks({ marks: list, times, total, step }: SeriesContent): HTMLElement | null {
  const empty = gaps(total).map(([first, last]) => {
    const [from, to] = [timeOf(times[first]!, step), timeOf(times[last]!, step)];
    return h('li', { class: 'gap' }, first === last ? `No number: ${from}` : `No number: ${from} to ${to}`);
  });
  if (list.length + empty.length === 0) return null;
  return h('ul', { class: 'marks' },
    list.map(({ at, text }, index) => h('li', {}, h('b', {}, String(index + 1)), ` ${timeOf(at, step)}: ${text}`)),
    empty.slice(0, 3), empty.length > 3 ? h('li', { class: 'gap' }, `and ${plural(empty.length - 3, 'more gap')}`) : null);
}

/** All values, made when they are opened. */
function allValues({ label, times, series, total, step }: SeriesContent): HTMLElement {
  const body = h('div');
  const details = h('details', {}, h('summary', {}, `All ${plural(times.length, 'value')}`), body);
  details.addEventListener('toggle', () => {
    if (!details.open || body.hasChildNodes()) return;
    const order = times.map((_, index) => index).reverse().slice(0, MOST_ROWS);
    const number = (value: number | null | undefined) => h('td', { class: 'number', title: exact(value) }, bytes(value));
    const cut = times.length > MOST_ROWS ? h('p', { class: 'faint' }, `The newest ${MOST_ROWS} of ${times.length}; CSV has all.`) : null;
    replace(body, h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `${label}: all values` },
      h('table', { class: 'compact' },
        h('caption', { class: 'hidden' }, `${label}: all values`),
        h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Time'), h('th', { scope: 'col', class: 'number' }, 'Total'),
          series.map(({ name }) => h('th', { scope: 'col', class: 'number' }, name)))),
        h('tbody', {}, order.map((index) => h('tr', {}, h('th', { scope: 'row' }, timeOf(times[index]!, step)),
          number(total[index]), series.map(({ values }) => number(values[index]))))))), ...(cut ? [cut] : []));
  });
  return details;
}

/** Says that an answer begins later than was asked. */
export function cutNote(asked: number, from: string, available: string | null): string[] {
  const begins = Date.parse(from);
  return available && begins > asked + 36 * 3_600_000 ? [`History begins on ${moment(available)}; the range is cut to it.`] : [];
}
