// A table that sorts by any column, in chunks, so that 1,000 rows are quick: the first rows are on screen at once and
// the rest follow while the browser is idle.
import { type Cell, csv } from './csv';
import { announce, type Child, h } from './dom';
import { UNKNOWN } from './format';

/** Rows that are drawn before the browser may do anything else: more than a screen has. */
const FIRST = 30;
/** Rows of each later chunk. */
const CHUNK = 60;

export type Direction = 'ascending' | 'descending';

export interface Column<Row> {
  key: string;
  title: string;
  /** Explains the column. */
  help?: string;
  /** Numbers are aligned to the right, and sort from the largest first. */
  isNumber?: boolean;
  /** What the column sorts by, and what CSV has; null sorts last in both directions. */
  value: (row: Row) => Cell;
  /** What CSV has, where it is not `value`. */
  csv?: (row: Row) => Cell;
  /** What is shown; without it the value. */
  cell?: (row: Row) => Child | Child[];
  /** Whether the column has no meaningful order. */
  isUnsortable?: boolean;
  /** Whether the column names the row. */
  isHeader?: boolean;
  class?: string;
}

export interface Sort {
  key: string;
  direction: Direction;
}

export interface TableOptions<Row> {
  /** Unique on the page. */
  id: string;
  /** Says what the table has; read out, not shown. */
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  key: (row: Row) => string;
  /** Order at first; null keeps the order of `rows`. */
  sort: Sort | null;
  onSort?: (sort: Sort) => void;
  /** Text that the filter searches. */
  search?: (row: Row) => string;
  filter?: string;
  /** Shown in place of no rows. */
  empty: string;
  class?: string;
}

export class Table<Row> {
  readonly element: HTMLElement;
  private readonly body = h('tbody');
  private readonly headers = new Map<string, HTMLTableCellElement>();
  private readonly drawn = new Map<string, HTMLTableRowElement>();
  private readonly searchText = new Map<string, string>();
  private readonly empty: HTMLElement;
  private sort: Sort | null;
  private filter: string;
  private shown: Row[] = [];
  private pending = 0;

  constructor(private readonly options: TableOptions<Row>) {
    this.sort = options.sort;
    this.filter = options.filter?.toLowerCase() ?? '';
    this.empty = h('p', { class: 'empty' }, options.empty);
    const head = h('tr', {}, options.columns.map((column) => this.header(column)));
    const table = h(
      'table',
      { class: options.class, id: options.id, 'aria-rowcount': options.rows.length + 1 },
      h('caption', { class: 'hidden' }, options.caption),
      h('thead', {}, head),
      this.body,
    );
    // Keyboards scroll what has the focus.
    const scroll = h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': options.caption }, table);
    this.element = h('div', { class: 'table' }, scroll, this.empty);
    this.show();
  }

  /** Number of rows that the filter leaves. */
  get count(): number {
    return this.shown.length;
  }

  /** Shows only rows with this text. */
  search(text: string): void {
    this.filter = text.trim().toLowerCase();
    this.show();
  }

  /** What is shown, in its order, as CSV. */
  csv(): string {
    const { columns } = this.options;
    return csv(
      columns.map(({ key }) => key),
      this.shown.map((row) => columns.map((column) => (column.csv ?? column.value)(row))),
    );
  }

  private header(column: Column<Row>): HTMLElement {
    const attributes = { scope: 'col', class: classes(column), title: column.help };
    if (column.isUnsortable) return h('th', attributes, column.title);
    const button = h('button', { type: 'button', id: `${this.options.id}-${column.key}`, click: () => this.sortBy(column) },
      column.title, h('span', { class: 'arrow', 'aria-hidden': 'true' }));
    const header = h('th', attributes, button);
    this.headers.set(column.key, header);
    return header;
  }

  private sortBy(column: Column<Row>): void {
    const first: Direction = column.isNumber ? 'descending' : 'ascending';
    const second: Direction = column.isNumber ? 'ascending' : 'descending';
    const isFirst = this.sort?.key === column.key && this.sort.direction === first;
    this.sort = { key: column.key, direction: isFirst ? second : first };
    this.show();
    this.options.onSort?.(this.sort);
    announce(`Sorted by ${column.title}, ${this.sort.direction}`);
  }

  private show(): void {
    const { columns, rows, search, key } = this.options;
    const column = columns.find((each) => each.key === this.sort?.key);
    for (const [name, header] of this.headers) {
      if (name === this.sort?.key) header.setAttribute('aria-sort', this.sort.direction);
      else header.removeAttribute('aria-sort');
    }
    const words = this.filter.split(/\s+/).filter(Boolean);
    const matches = (row: Row) => {
      let text = this.searchText.get(key(row));
      if (text === undefined) {
        text = (search?.(row) ?? '').toLowerCase();
        this.searchText.set(key(row), text);
      }
      return words.every((word) => text.includes(word));
    };
    const kept = words.length ? rows.filter(matches) : rows;
    this.shown = column && this.sort ? sorted(kept, column.value, this.sort.direction) : kept;
    this.empty.hidden = this.shown.length > 0;
    this.draw();
  }

  /**
   * Draws the first rows now and the others in chunks: the browser lays out what is there, and 1,000 rows take longer than
   * people wait for. The table keeps its height meanwhile, so that the page does not jump.
   */
  private draw(): void {
    cancelIdle(this.pending);
    const rows = this.shown;
    const { style, offsetHeight } = this.element;
    style.minHeight = rows.length > FIRST ? `${offsetHeight}px` : '';
    this.body.replaceChildren();
    let next = 0;
    const more = () => {
      const last = next === 0 ? FIRST : next + CHUNK;
      this.body.append(...rows.slice(next, last).map((row) => this.row(row)));
      next = last;
      if (next < rows.length) this.pending = whenIdle(more);
      else style.minHeight = '';
    };
    more();
  }

  private row(row: Row): HTMLTableRowElement {
    const key = this.options.key(row);
    let element = this.drawn.get(key);
    if (!element) {
      element = h('tr', {}, this.options.columns.map((column) => cell(column, row)));
      this.drawn.set(key, element);
    }
    return element;
  }
}

function cell<Row>(column: Column<Row>, row: Row): HTMLElement {
  const content = column.cell ? column.cell(row) : String(column.value(row) ?? UNKNOWN);
  // The title is what a narrow screen shows beside the value.
  const attributes = { class: classes(column), 'data-title': column.title };
  return column.isHeader
    ? h('th', { ...attributes, scope: 'row' }, content)
    : h('td', attributes, content);
}

function classes<Row>({ isNumber, class: own }: Column<Row>): string | null {
  return [isNumber ? 'number' : '', own ?? ''].filter(Boolean).join(' ') || null;
}

/** Rows in the order of a value, equals in their own order; null last, in both directions. */
export function sorted<Row>(rows: Row[], value: (row: Row) => Cell, direction: Direction): Row[] {
  const sign = direction === 'ascending' ? 1 : -1;
  const keyed = rows.map((row, index) => {
    const key = value(row);
    return { row, index, key: typeof key === 'string' ? key.toLowerCase() : key };
  });
  keyed.sort((a, b) => {
    if (a.key === b.key) return a.index - b.index;
    const hasA = a.key !== null && a.key !== undefined;
    const hasB = b.key !== null && b.key !== undefined;
    if (!hasA || !hasB) return hasA === hasB ? a.index - b.index : hasA ? -1 : 1;
    return a.key! < b.key! ? -sign : a.key! > b.key! ? sign : a.index - b.index;
  });
  return keyed.map(({ row }) => row);
}

const whenIdle = (run: () => void): number =>
  typeof requestIdleCallback === 'function' ? requestIdleCallback(run, { timeout: 200 }) : window.setTimeout(run, 16);
const cancelIdle = (id: number): void =>
  typeof cancelIdleCallback === 'function' ? cancelIdleCallback(id) : window.clearTimeout(id);
