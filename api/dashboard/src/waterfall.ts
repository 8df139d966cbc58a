// A waterfall: from one total to another, with a bar for each part that changed. The table beside it has the numbers.
import { svg } from './dom';
import { bytes, change } from './format';

export interface Bar {
  name: string;
  /** Bytes that it adds; negative where it takes away. */
  change: number;
}

const WIDTH = 720;
const ROW = 24;
const NAME = 220;
const VALUE = 100;

interface Placed extends Bar {
  from: number;
  to: number;
  kind: 'total' | 'up' | 'down';
}

/** Positions of all bars: totals start at zero, changes where the bar above ended. */
export function place(from: number, bars: Bar[], to: number): Placed[] {
  let level = from;
  return [
    { name: 'Before', change: from, from: 0, to: from, kind: 'total' },
    ...bars.map((bar): Placed => {
      const start = level;
      level += bar.change;
      return { ...bar, from: start, to: level, kind: bar.change < 0 ? 'down' : 'up' };
    }),
    { name: 'After', change: to, from: 0, to, kind: 'total' },
  ];
}

/** Draws a waterfall. The axis starts where the changes are, so that they can be seen; totals that are cut have a torn edge. */
export function waterfall(from: number, bars: Bar[], to: number): SVGElement {
  const rows = place(from, bars, to);
  const levels = rows.flatMap((row) => (row.kind === 'total' ? [row.to] : [row.from, row.to]));
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  // Room below the lowest level for the rest of the totals, but not below zero.
  const start = Math.max(0, low - (high - low || high) * 0.25);
  const scale = (value: number) => NAME + ((Math.max(start, value) - start) / (high - start || 1)) * (WIDTH - NAME - VALUE);
  const height = rows.length * ROW + 4;
  const label = `From ${bytes(from)} to ${bytes(to)}: ${bars.map(({ name, change: by }) => `${name} ${change(by)}`).join(', ')}`;
  return svg('svg', { class: 'waterfall', viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': label },
    rows.flatMap((row, index) => {
      const y = index * ROW + 4;
      const [left, right] = [Math.min(scale(row.from), scale(row.to)), Math.max(scale(row.from), scale(row.to))];
      const width = Math.max(1, right - left);
      const isTorn = row.kind === 'total' && start > 0;
      return [
        svg('text', { x: NAME - 8, y: y + 14, 'text-anchor': 'end' }, short(row.name)),
        svg('rect', { x: left, y, width, height: ROW - 8, class: row.kind }),
        isTorn && svg('path', { class: 'tear', d: `M${NAME + 8} ${y - 1}l4 6l-4 6l4 6` }),
        index < rows.length - 1 && svg('path', { class: 'step', d: `M${scale(row.to)} ${y + ROW - 8}v8` }),
        svg('text', { x: right + 6, y: y + 14 }, row.kind === 'total' ? bytes(row.change) : change(row.change)),
      ];
    }));
}

function short(name: string): string {
  return name.length > 30 ? `${name.slice(0, 29)}…` : name;
}
