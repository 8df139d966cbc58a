// A small line of daily totals. A day without a number is a gap in the line.
import { h, svg } from './dom';
import { bytes } from './format';

const WIDTH = 96;
const HEIGHT = 24;
const EDGE = 2;

/** Path through all values; null and each position in `breaks` lift the pen, and a value between two gaps is a dot. */
export function path(values: (number | null)[], breaks: number[] = [], width = WIDTH, height = HEIGHT): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return '';
  const low = Math.min(...known);
  const range = Math.max(...known) - low;
  const step = values.length > 1 ? (width - 2 * EDGE) / (values.length - 1) : 0;
  // A line that hardly moves is drawn in the middle, not blown up to full height.
  const isFlat = range <= Math.max(...known) * 1e-6;
  let text = '';
  let isDown = false;
  values.forEach((value, index) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const x = (EDGE + index * step).toFixed(1);
    const y = (isFlat ? height / 2 : height - EDGE - ((value - low) / range) * (height - 2 * EDGE)).toFixed(1);
    if (breaks.includes(index)) isDown = false;
    const isAlone = !isDown && ((values[index + 1] ?? null) === null || breaks.includes(index + 1));
    text += isAlone ? `M${x} ${y}h.1` : `${isDown ? 'L' : 'M'}${x} ${y}`;
    isDown = true;
  });
  return text;
}

/** Draws daily totals and says them in words; without any, says so. */
export function sparkline(values: (number | null)[], breaks: number[] = [], format = bytes): Element {
  const known = values.filter((value) => value !== null);
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) return h('span', { class: 'faint' }, 'no history');
  const gaps = values.length - known.length;
  const label = `${values.length} days: from ${format(first)} to ${format(last)}${gaps ? `, ${gaps} without a number` : ''}${breaks.length ? ', measured in another way since' : ''}`;
  return svg(
    'svg',
    { class: 'sparkline', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: 'img', 'aria-label': label },
    svg('path', { d: path(values, breaks) }),
  );
}
