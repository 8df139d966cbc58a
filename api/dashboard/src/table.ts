// A table that sorts by any column. Of a long one, only the rows near the window are in the document, because a browser
// takes 50 ms to remove 1,000 rows and 300 ms to lay them out.
import { type Cell, csv } from './csv';
import { announce, type Child, h } from './dom';
import { UNKNOWN } from './format';

/** Up to this many rows are all in the document. */
const WHOLE = 120;
/** Rows above and below the window that are in the document, so that scrolling and the next Tab find them. */
const BEYOND = 15;
/** Height of a row before any was laid out, in pixels. */
const ROW_HEIGHT = 44;

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
  private readonly table: HTMLTableElement;
  /** Take the place of rows that are not in the document. */
  private readonly above = h('tr', { class: 'space', 'aria-hidden': 'true' }, h('td'));
  private readonly below = h('tr', { class: 'space', 'aria-hidden': 'true' }, h('td'));
  private shown: Row[] = [];
  private rowHeight = ROW_HEIGHT;
  private isPrinting = false;

  constructor(private readonly options: TableOptions<Row>) {
    this.sort = options.sort;
    this.filter = options.filter?.toLowerCase() ?? '';
    this.empty = h('p', { class: 'empty' }, options.empty);
    const head = h('tr', {}, options.columns.map((column) => this.header(column)));
    this.table = h(
      'table',
      { class: options.class, id: options.id },
      h('caption', { class: 'hidden' }, options.caption),
      h('thead', {}, head),
      this.body,
    );
    // Keyboards scroll what has the focus.
    const scroll = h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': options.caption }, this.table);
    this.element = h('div', { class: 'table' }, scroll, this.empty);
    this.show();
    if (options.rows.length > WHOLE) this.follow();
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

  /** Draws rows anew whose values have changed, in a new order if they are sorted by one of these columns. */
  renew(keys: string[], columns: string[]): void {
    for (const key of keys) {
      const old = this.drawn.get(key);
      this.drawn.delete(key);
      const row = old?.isConnected && this.options.rows.find((each) => this.options.key(each) === key);
      if (!old || !row) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement?.id : '';
      old.replaceWith(this.row(row));
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    }
    if (columns.includes(this.sort?.key ?? '')) this.show();
    else this.draw();
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
    this.table.setAttribute('aria-rowcount', `${this.shown.length + 1}`);
    this.draw();
  }

  /** Draws what comes near the window when the page scrolls, and everything for print. */
  private follow(): void {
    let isAsked = false;
    const listeners = new AbortController();
    const draw = (isPrinting = this.isPrinting) => {
      isAsked = false;
      // The panel may have another table by now.
      if (!this.element.isConnected) return listeners.abort();
      this.isPrinting = isPrinting;
      this.draw();
    };
    const ask = () => {
      if (!isAsked) requestAnimationFrame(() => draw());
      isAsked = true;
    };
    const options = { signal: listeners.signal, passive: true };
    for (const event of ['scroll', 'resize']) window.addEventListener(event, ask, options);
    window.addEventListener('beforeprint', () => draw(true), options);
    window.addEventListener('afterprint', () => draw(false), options);
  }

  /** Puts the rows near the window into the document, and space in place of the others. */
  private draw(): void {
    const [from, to] = this.window();
    const { length } = this.shown;
    const rows = this.shown.slice(from, to).map((row) => this.row(row));
    rows.forEach((row, index) => row.setAttribute('aria-rowindex', `${from + index + 2}`));
    const above = from > 0 ? [space(this.above, from * this.rowHeight)] : [];
    const below = to < length ? [space(this.below, (length - to) * this.rowHeight)] : [];
    const wanted = [...above, ...rows, ...below];
    const kept = new Set<Element>(wanted);
    for (const row of [...this.body.children]) if (!kept.has(row)) row.remove();
    // A row that stays where it is keeps its focus.
    let next = this.body.firstElementChild;
    for (const row of wanted) {
      if (row === next) next = next.nextElementSibling;
      else this.body.insertBefore(row, next);
    }
  }

  /** Positions of the first row that is drawn, and of the row after the last. */
  private window(): [number, number] {
    const { length } = this.shown;
    if (length <= WHOLE || this.isPrinting) return [0, length];
    const rows = ([...this.body.children] as HTMLElement[]).filter((row) => row !== this.above && row !== this.below);
    const height = rows.reduce((sum, { offsetHeight }) => sum + offsetHeight, 0);
    if (height) this.rowHeight = height / rows.length;
    const top = Math.floor(Math.max(0, -this.body.getBoundingClientRect().top) / this.rowHeight);
    const first = Math.min(top, length - 1);
    return [Math.max(0, first - BEYOND), Math.min(length, first + Math.ceil(window.innerHeight / this.rowHeight) + BEYOND)];
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

function space(row: HTMLTableRowElement, height: number): HTMLTableRowElement {
  row.style.height = `${height}px`;
  return row;
}
