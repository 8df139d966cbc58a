// The storage of the database's server: what is used, free and allocated, and when it is full.
import type { Api } from '../api';
import { age } from '../clock';
import { Chart } from '../chart';
import { h } from '../dom';
import { type Database, loadFleet } from '../fleet';
import { bytes, day, exact, share, UNKNOWN, words } from '../format';
import { Panel, type Refreshable } from '../panel';
import { growthText } from '../series_panel';

const DAY = 86_400;
/** Days that the forecast is drawn for when there is no date. */
const AHEAD_DAYS = 90;
/** Most days that it is drawn for. */
const MOST_DAYS = 730;
const POINTS = 24;
/** Points of the chart for one row of its table. */
const EVERY = 4;

export function storagePanel(api: Api, name: string): Refreshable {
  return new Panel(api, {
    id: 'storage',
    title: 'Storage of the database server',
    note: 'The whole server, with everything else that is on it. The forecast assumes that the database goes on as in the last five weeks.',
    load: async (api, asked) => (await loadFleet(api, name, asked, 'tables')).tables?.items ?? [],
    show: (databases) => ({
      body: databases.length ? databases.flatMap(one) : [h('p', { class: 'empty' }, 'No database is measured here.')],
    }),
  });
}

function one(database: Database): Node[] {
  const { storage, growth, full } = database;
  const { used_bytes: used, free_bytes: free, allocated_bytes: allocated } = storage;
  const rows: [string, number | null][] = [['Used', used], ['Free', free], ['Allocated', allocated]];
  const table = h('table', { class: 'compact' },
    h('caption', { class: 'hidden' }, 'Storage of the database server'),
    h('tbody', {}, rows.map(([title, value]) => h('tr', {}, h('th', { scope: 'row' }, title),
      h('td', { class: 'number', title: exact(value) }, bytes(value)), h('td', { class: 'number' }, share(value, allocated)))),
    h('tr', {}, h('th', { scope: 'row' }, 'Full on'), h('td', { class: 'number', colspan: 2 },
      full?.at ? day(full.at) : `${UNKNOWN} ${full?.reason ? words(full.reason) : ''}`)),
    full?.at ? h('tr', {}, h('th', { scope: 'row' }, 'Between'), h('td', { class: 'number', colspan: 2 },
      `${day(full.at_earliest)} and ${full.at_latest ? day(full.at_latest) : 'more than ten years'}`)) : null));
  const source = storage.allocated_source ? `Allocated by the ${words(storage.allocated_source)}, which may be outdated. ` : '';
  const reason = storage.reason ? `Not everything is known: ${words(storage.reason)}. ` : '';
  const text = h('p', { class: 'faint' }, `${source}${reason}`, storage.as_of ? 'Free bytes by CloudWatch, ' : '', age(storage.as_of));
  const chart = forecast(database);
  const bar = meter(used, free, allocated);
  return [h('div', { class: bar || chart ? 'beside' : null },
    bar || chart ? h('div', {}, bar, chart) : null,
    h('div', {}, h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Used, free and allocated storage' }, table), text, growthText(growth ?? null)))];
}

/** Used and free as a bar; nothing where one of them is not known. */
function meter(used: number | null, free: number | null, allocated: number | null): HTMLElement | null {
  if (used === null || free === null || !allocated) return null;
  const fill = h('span');
  fill.style.width = `${Math.min(100, (100 * used) / allocated)}%`;
  return h('div', { class: 'meter', role: 'img', 'aria-label': `${share(used, allocated)} of ${bytes(allocated)} used, ${bytes(free)} free` }, fill);
}

/** How the used bytes go on, from now to the day on which nothing is free. */
function forecast({ storage, growth, full }: Database): HTMLElement | null {
  const used = storage.used_bytes;
  const rate = growth?.bytes_per_day ?? null;
  if (used === null || rate === null || growth?.low === null || growth?.high === null || !growth) return null;
  const now = Math.floor(Date.parse(storage.as_of ?? '') / 1000);
  if (Number.isNaN(now)) return null;
  const until = full?.at ? (Date.parse(full.at) / 1000 - now) / DAY : AHEAD_DAYS;
  const days = Math.min(MOST_DAYS, Math.max(14, until * 1.3));
  const times = Array.from({ length: POINTS }, (_, index) => now + ((index + 1) * days * DAY) / POINTS);
  const at = (perDay: number) => times.map((time) => Math.max(0, used + (perDay * (time - now)) / DAY));
  const chart = new Chart({
    label: `Forecast of used storage${full?.at ? `, full on ${day(full.at)}` : ''}`,
    times: [now], step: 0, series: [], total: [used],
    marks: full?.at ? [{ at: Date.parse(full.at) / 1000, text: 'full' }] : [],
    forecast: { times, low: at(growth.low), middle: at(rate), high: at(growth.high) },
    limit: full?.limit_bytes ?? null,
  });
  const legend = [
    full?.at ? h('li', {}, h('b', {}, '1'), ` full on ${day(full.at)}, between ${day(full.at_earliest)} and ${full.at_latest ? day(full.at_latest) : 'later than in ten years'}`) : null,
    h('li', {}, h('b', {}, '┄'), ' used bytes, in the band of the growth that was seen', full?.limit_bytes ? `; the line across is the limit of ${bytes(full.limit_bytes)}` : ''),
    h('li', {}, 'The scale does not begin at zero.'),
  ];
  return h('div', {}, chart.element, h('ul', { class: 'marks' }, legend), forecastTable(times, at, growth.low, rate, growth.high));
}

/** The forecast in numbers: every fourth point of the chart, of which the last is its right edge. */
function forecastTable(times: number[], at: (perDay: number) => number[], low: number, middle: number, high: number): HTMLElement {
  const columns: [string, number[]][] = [['At least', at(low)], ['Expected', at(middle)], ['At most', at(high)]];
  const rows = times.flatMap((time, index) => (index % EVERY === EVERY - 1 ? [{ time, values: columns.map(([, values]) => values[index]!) }] : []));
  return h('details', {}, h('summary', {}, 'Forecast in numbers'),
    h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Forecast of used storage' },
      h('table', { class: 'compact' },
        h('caption', { class: 'hidden' }, 'Forecast of used storage'),
        h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Day'), columns.map(([title]) => h('th', { scope: 'col', class: 'number' }, title)))),
        h('tbody', {}, rows.map(({ time, values }) => h('tr', {}, h('th', { scope: 'row' }, day(time * 1000)),
          values.map((value) => h('td', { class: 'number', title: exact(Math.round(value)) }, bytes(value)))))))));
}
