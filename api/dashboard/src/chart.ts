// A chart of stacked sizes over time, on a canvas. Keys move its cursor and say the values; the table beside it has
// them too. A drag, or a selection with keys, asks what grew.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { h } from './dom';
import { bytes, day, moment } from './format';
import { gaps, lonely, stack, type Values } from './stack';

const HEIGHT = 260;
/** Shortest drag, in pixels: a shorter one is a click. */
const LEAST_DRAG = 8;
const DAY = 86_400;

export interface Series {
  name: string;
  values: Values;
  /** Custom property with its colour. */
  color: string;
}

/** Something that happened: drawn as a line with its number. */
export interface Mark {
  /** Seconds since 1970. */
  at: number;
  text: string;
}

/** How a size may go on, from the last value to the right edge. */
export interface Forecast {
  times: number[];
  low: number[];
  middle: number[];
  high: number[];
}

export interface ChartOptions {
  label: string;
  /** Start of each cell, seconds since 1970. */
  times: number[];
  /** Length of a cell in seconds; 0 for single moments. */
  step: number;
  /** From the bottom to the top. */
  series: Series[];
  total: Values;
  marks: Mark[];
  /** Starts of cells that no line connects with the one before: they were measured in another way. */
  breaks?: number[] | undefined;
  forecast?: Forecast | undefined;
  limit?: number | null | undefined;
  /** Called with the position of the cursor; null for none. */
  onCursor?: (index: number | null) => void;
  /** Called with the range that was asked for. */
  onAsk?: (from: number, to: number) => void;
}

export class Chart {
  readonly element: HTMLElement;
  private readonly plot: uPlot;
  private cursor: number;
  private anchor: number | null = null;

  constructor(private readonly options: ChartOptions) {
    const { label, times, series } = options;
    this.cursor = times.length - 1;
    this.element = h('div', {
      class: 'chart', role: 'slider', tabindex: 0, 'aria-label': `${label}. Arrow keys move through time`,
      'aria-valuemin': 0, 'aria-valuemax': Math.max(0, times.length - 1), 'aria-valuenow': this.cursor,
      'aria-valuetext': this.say(this.cursor), 'aria-orientation': 'horizontal',
    });
    this.element.addEventListener('keydown', (event) => this.key(event));
    this.element.addEventListener('blur', () => this.move(null));
    this.plot = new uPlot(this.settings(), this.data(series), this.element);
    const resize = new ResizeObserver(() => {
      const width = this.element.clientWidth;
      if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
    });
    resize.observe(this.element);
    const redraw = () => (this.element.isConnected ? this.recolor() : undefined);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    document.addEventListener('themechange', redraw);
  }

  /** The first series that is drawn is the topmost edge; those below cover it. */
  private data(series: Series[]): uPlot.AlignedData {
    const { times, total, forecast } = this.options;
    const edges = stack(series.map(({ values }) => values)).reverse();
    if (!forecast) return [times, ...edges, total];
    const rest = new Array<null>(times.length - 1).fill(null);
    const future = new Array<null>(forecast.times.length).fill(null);
    const last = total.at(-1) ?? null;
    const longer = (values: Values) => [...values, ...future];
    const ahead = (values: number[]) => [...rest, last, ...values];
    return [
      [...times, ...forecast.times], ...edges.map(longer), longer(total),
      ahead(forecast.high), ahead(forecast.low), ahead(forecast.middle),
    ];
  }

  private settings(): uPlot.Options {
    const { series, total, forecast, limit, marks } = this.options;
    const gaps = cuts(this.options);
    const areas = [...series].reverse().map((each): uPlot.Series => ({
      label: each.name, fill: () => paint(each.color), stroke: () => paint(each.color), width: 1, points: { show: false }, gaps,
    }));
    const line: uPlot.Series = {
      label: 'total', stroke: () => paint('--ink'), width: 1.5, gaps,
      points: { show: true, size: 4, fill: () => paint('--ink'), filter: () => lonely(total) },
    };
    const future: uPlot.Series[] = forecast ? [
      { label: 'high', width: 0, points: { show: false } },
      { label: 'low', width: 0, points: { show: false } },
      { label: 'forecast', stroke: () => paint('--ink'), dash: [4, 4], width: 1.5, points: { show: false } },
    ] : [];
    const first = areas.length + 2;
    const axis = { stroke: () => paint('--soft'), grid: { stroke: () => paint('--rule'), width: 1 }, ticks: { show: false }, font: '12px sans-serif' };
    return {
      width: 600,
      height: HEIGHT,
      padding: [14, 26, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      scales: { y: { range: (_plot, low, high) => (forecast ? near(low, Math.max(high, limit ?? 0)) : [0, Math.max(high, 1) * 1.06]) } },
      axes: [
        { ...axis, space: 70, size: 30, values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => tickOf(tick, step)) },
        {
          ...axis, size: 72, incrs: Array.from({ length: 60 }, (_, power) => 2 ** power),
          values: (_plot, ticks) => ticks.map((tick) => bytes(tick).replace(/\.0+ /, ' ')),
        },
      ],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: LEAST_DRAG } },
      bands: forecast ? [{ series: [first, first + 1], fill: () => paint('--band') }] : [],
      series: [{}, ...areas, line, ...future],
      hooks: {
        draw: [(plot) => drawGaps(plot, this.options), (plot) => drawMarks(plot, marks, limit ?? null)],
        setCursor: [(plot) => {
          const index = plot.cursor.idx ?? null;
          this.options.onCursor?.(index !== null && index < this.options.times.length ? index : null);
        }],
        setSelect: [(plot) => {
          const { left, width } = plot.select;
          if (width < LEAST_DRAG) return;
          const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          this.options.onAsk?.(from, to);
        }],
      },
    };
  }

  /** Colours depend on the theme, which the canvas does not follow. */
  private recolor(): void {
    this.plot.redraw(false, true);
  }

  private key(event: KeyboardEvent): void {
    const last = this.options.times.length - 1;
    const page = Math.max(1, Math.round(last / 10));
    const steps: Record<string, number> = {
      ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: page, PageDown: -page, Home: -last, End: last,
    };
    if (event.key === 'Enter' && this.anchor !== null && this.anchor !== this.cursor) {
      const [from, to] = [Math.min(this.anchor, this.cursor), Math.max(this.anchor, this.cursor)];
      this.options.onAsk?.(this.options.times[from]!, this.options.times[to]! + this.options.step);
    }
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    if (event.shiftKey) this.anchor ??= this.cursor;
    else this.anchor = null;
    this.cursor = Math.min(last, Math.max(0, this.cursor + step));
    this.move(this.cursor);
  }

  /** Shows the cursor at a position, and the selection that ends there. */
  private move(index: number | null): void {
    const { times } = this.options;
    const left = (position: number) => this.plot.valToPos(times[position]!, 'x');
    if (index === null) {
      this.anchor = null;
      this.plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      this.plot.setCursor({ left: -10, top: -10 });
      return;
    }
    this.plot.setCursor({ left: left(index), top: HEIGHT / 2 });
    const from = Math.min(left(this.anchor ?? index), left(index));
    const width = Math.abs(left(index) - left(this.anchor ?? index));
    this.plot.setSelect({ left: from, top: 0, width, height: this.plot.bbox.height / devicePixelRatio }, false);
    this.element.setAttribute('aria-valuenow', String(index));
    const asking = this.anchor === null ? '' : `. Selected from ${this.time(this.anchor)}; Enter asks what grew`;
    this.element.setAttribute('aria-valuetext', this.say(index) + asking);
    this.options.onCursor?.(index);
  }

  private say(index: number): string {
    const { total, series } = this.options;
    if (index < 0) return 'No values';
    const value = total[index] ?? null;
    const parts = series.map(({ name, values }) => `${name} ${bytes(values[index] ?? null)}`);
    return `${this.time(index)}: ${value === null ? 'no number' : bytes(value)}${parts.length > 1 ? `; ${parts.join(', ')}` : ''}`;
  }

  private time(index: number): string {
    return timeOf(this.options.times[index] ?? 0, this.options.step);
  }
}

/** A cell's time in words: a day, or a minute. */
export function timeOf(seconds: number, step: number): string {
  return step >= DAY ? day(seconds * 1000) : moment(seconds * 1000);
}

/** Text of a tick of the time axis: a day, or a time on a day. */
function tickOf(seconds: number, step: number): string {
  const [date = '', month = '', year = ''] = day(seconds * 1000).split(' ');
  if (step >= 365 * DAY) return year;
  const time = new Date(seconds * 1000).toISOString().slice(11, 16);
  if (step < DAY && time !== '00:00') return time;
  return month === 'Jan' && date === '1' ? `1 Jan ${year}` : `${date} ${month}`;
}

/** A scale around what may come, because its band is too thin to be seen on one from zero. */
function near(low: number, high: number): [number, number] {
  const margin = Math.max(high - low, high * 0.01, 1) * 0.25;
  return [Math.max(0, low - margin), high + margin];
}

/** Resolves a custom property in the page's theme. */
function paint(property: string): string {
  const probe = h('span', { hidden: true });
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Cuts lines and areas before each break, in addition to where there is no number. */
function cuts({ times, breaks }: ChartOptions): uPlot.Series.GapsRefiner {
  return (plot, _series, _first, _last, gaps) => {
    const x = (seconds: number) => plot.valToPos(seconds, 'x', true);
    const more = (breaks ?? []).map((time): uPlot.Series.Gap => [x(times[times.indexOf(time) - 1] ?? time), x(time)]);
    return [...gaps, ...more].sort(([a], [b]) => a - b);
  };
}

/** Fills the stretches without a number, which no line crosses. */
function drawGaps(plot: uPlot, { times, total, step }: ChartOptions): void {
  const { ctx, bbox } = plot;
  const at = (index: number, after: number) => plot.valToPos((times[index] ?? 0) + after, 'x', true);
  ctx.save();
  ctx.fillStyle = paint('--gap');
  for (const [first, last] of gaps(total)) {
    const left = Math.max(bbox.left, first > 0 ? at(first - 1, 0) : at(first, 0));
    const right = Math.min(bbox.left + bbox.width, last < times.length - 1 ? at(last + 1, 0) : at(last, step));
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

function drawMarks(plot: uPlot, marks: Mark[], limit: number | null): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.font = `${11 * devicePixelRatio}px sans-serif`;
  ctx.textAlign = 'center';
  ctx.strokeStyle = ctx.fillStyle = paint('--warn');
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  const line = (x1: number, y1: number, x2: number, y2: number) => {
    ctx.beginPath();
    ctx.moveTo(x1, y1);
    ctx.lineTo(x2, y2);
    ctx.stroke();
  };
  marks.forEach(({ at }, index) => {
    const x = plot.valToPos(at, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    line(x, bbox.top, x, bbox.top + bbox.height);
    ctx.fillText(String(index + 1), x, bbox.top - 3 * devicePixelRatio);
  });
  if (limit !== null) {
    ctx.strokeStyle = paint('--bad');
    const y = plot.valToPos(limit, 'y', true);
    line(bbox.left, y, bbox.left + bbox.width, y);
  }
  ctx.restore();
}
