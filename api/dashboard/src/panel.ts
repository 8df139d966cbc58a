// A part of a screen with its own request: shows its loading, its numbers, or why there are none.
import { type Api, RequestFailure } from './api';
import { curl } from './curl';
import { save } from './csv';
import { announce, h, replace } from './dom';
import { moment } from './format';

export interface Content {
  body: Node[];
  /** Rows that are shown, as CSV. */
  csv?: () => string;
}

export interface PanelOptions<T> {
  /** Unique on the screen; the CSV file is named by it. */
  id: string;
  title: string;
  /** What the numbers mean, in a sentence. */
  note?: string;
  /** Loads the numbers; adds each address that it asks to `asked`. */
  load: (api: Api, asked: string[]) => Promise<T>;
  /** Shows them. */
  show: (value: T) => Content;
  class?: string;
}

/** A panel of any kind, as a screen knows it. */
export interface Refreshable {
  readonly element: HTMLElement;
  refresh: () => Promise<void>;
}

export class Panel<T> implements Refreshable {
  readonly element: HTMLElement;
  private readonly body = h('div', { class: 'body' });
  private readonly actions = h('div', { class: 'actions' });
  private readonly notice = h('p', { class: 'notice', hidden: true });
  private asked: string[] = [];
  private shown: string | null = null;
  private shownAt = 0;
  private content: Content | null = null;

  constructor(
    private readonly api: Api,
    private readonly options: PanelOptions<T>,
  ) {
    const { id, title, note } = options;
    const head = h('header', {}, h('h2', { id: `${id}-title` }, title), this.actions);
    this.element = h(
      'section',
      { id, class: `panel ${options.class ?? ''}`, 'aria-labelledby': `${id}-title`, 'aria-busy': 'true' },
      head, note ? h('p', { class: 'note' }, note) : null, this.notice, this.body,
    );
    this.body.append(skeleton());
  }

  /** Loads the numbers, again where they are shown already; shows them if they changed. */
  async refresh(): Promise<void> {
    const asked: string[] = [];
    try {
      const value = await this.options.load(this.api, asked);
      // Ages change all the time; the page counts them itself.
      const text = JSON.stringify(value, (name, each: unknown) => (name === 'age_seconds' ? undefined : each));
      this.asked = asked;
      this.notice.hidden = true;
      if (text !== this.shown) {
        this.content = this.options.show(value);
        replace(this.body, ...this.content.body);
        this.showActions();
      }
      this.shown = text;
      this.shownAt = Date.now();
    } catch (error) {
      this.fail(error, asked);
    }
    this.element.removeAttribute('aria-busy');
  }

  private fail(error: unknown, asked: string[]): void {
    const failure = error instanceof RequestFailure
      ? error
      : new RequestFailure('problem', `This page could not show the answer: ${String(error)}`);
    if (this.shown !== null && failure.kind !== 'forbidden') {
      // Numbers that were right are not taken away; their time is said.
      this.notice.textContent = `${failure.detail} These are the numbers of ${moment(this.shownAt)}.`;
      this.notice.hidden = false;
      return;
    }
    this.shown = null;
    this.asked = asked;
    replace(this.body, problem(failure, () => void this.retry()));
    this.content = null;
    this.showActions();
  }

  private async retry(): Promise<void> {
    replace(this.body, skeleton());
    this.element.setAttribute('aria-busy', 'true');
    await this.refresh();
  }

  private showActions(): void {
    const { id, title } = this.options;
    const { content, asked } = this;
    const table = content?.csv;
    const download = table && h('button', { type: 'button', id: `${id}-csv`, click: () => save(`${id}.csv`, table()) },
      'CSV', h('span', { class: 'hidden' }, ` of ${title}`));
    const copy = asked.length > 0 && h('button', { type: 'button', id: `${id}-curl`, click: () => void this.copy() },
      'Copy as curl', h('span', { class: 'hidden' }, ` for ${title}`));
    replace(this.actions, ...[download, copy].filter((each) => each instanceof Node));
  }

  private async copy(): Promise<void> {
    const text = this.asked.map(curl).join('\n');
    try {
      await navigator.clipboard.writeText(text);
      announce(`Copied. Set TOKEN before you run it.`);
      flash(this.actions, 'Copied');
    } catch {
      // Without the right to the clipboard, people copy by hand.
      this.notice.textContent = text;
      this.notice.hidden = false;
    }
  }
}

function flash(parent: HTMLElement, text: string): void {
  const note = h('span', { class: 'flash', 'aria-hidden': 'true' }, text);
  parent.prepend(note);
  setTimeout(() => note.remove(), 2000);
}

function skeleton(): HTMLElement {
  return h('div', { class: 'skeleton' }, h('span', { class: 'hidden' }, 'Loading…'));
}

/** What people read and can do when there are no numbers. */
export function problem(failure: RequestFailure, retry: () => void): HTMLElement {
  const titles = {
    forbidden: 'Your token may not read this',
    expired: 'Your login has ended',
    offline: 'The server does not answer',
    problem: String(failure.problem.title ?? 'No numbers'),
  };
  const { statements, request_id: id } = failure.problem as { statements?: unknown; request_id?: string };
  const canRetry = failure.kind === 'problem' || failure.kind === 'offline';
  return h(
    'div',
    { class: `problem ${failure.kind}`, role: 'note' },
    h('strong', {}, titles[failure.kind]),
    h('p', {}, failure.detail),
    Array.isArray(statements) ? h('pre', { tabindex: 0 }, statements.join('\n')) : null,
    id ? h('p', { class: 'faint' }, `Request ${id}`) : null,
    canRetry ? h('button', { type: 'button', click: retry }, 'Try again') : null,
  );
}
