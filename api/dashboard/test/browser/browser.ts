// Drives Debian's Chromium, and notes everything that a browser complains about.
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
let browser: Browser | null = null;

export interface VisitOptions {
  width?: number;
  colorScheme?: 'light' | 'dark';
  /** Lets axe run, which is a script that the page's policy does not know. */
  bypassCSP?: boolean;
}

/** A tab, what the API answered to it, and what the browser complained about. */
export class Visit {
  readonly complaints: string[] = [];
  /** Newest answer of each address, from its path on. */
  readonly answers = new Map<string, unknown>();
  /** Answers that the page has, and of which this process has not read the body. */
  private readonly pending = new Set<Promise<void>>();
  /** Tokens that the issuer gave. */
  readonly tokens: string[] = [];
  /** Complaints that the test provokes: a browser reports each failed request. */
  expected: RegExp | null = null;

  private constructor(readonly page: Page, readonly context: BrowserContext) {}

  static async start(options: VisitOptions = {}): Promise<Visit> {
    browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    const { width = 1280, colorScheme = 'light', bypassCSP = false } = options;
    const context = await browser.newContext({
      viewport: { width, height: 900 }, colorScheme, bypassCSP, permissions: ['clipboard-read', 'clipboard-write'], acceptDownloads: true,
    });
    const visit = new Visit(await context.newPage(), context);
    visit.listen();
    return visit;
  }

  private listen(): void {
    const { page } = this;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('response', (response) => {
      if (!response.headers()['content-type']?.includes('json')) return;
      const url = new URL(response.url());
      const answer = response.json().then((body: { access_token?: string; refresh_token?: string }) => {
        this.answers.set(url.pathname + url.search, body);
        for (const token of [body.access_token, body.refresh_token]) if (token) this.tokens.push(token);
      }).catch(() => {});
      this.pending.add(answer);
      void answer.then(() => this.pending.delete(answer));
    });
  }

  /** Answer to this address, or else the newest one to an address that begins like this. */
  async answer<T>(start: string): Promise<T> {
    await Promise.all(this.pending);
    if (this.answers.has(start)) return this.answers.get(start) as T;
    const found = [...this.answers].findLast(([address]) => address.startsWith(start));
    if (!found) throw new Error(`the page did not ask ${start}, but ${[...this.answers.keys()].join(' ')}`);
    return found[1] as T;
  }

  /** Opens a screen and logs in; `account` is the button of the issuer's page, where it has one. */
  async login(url: string, account?: string): Promise<void> {
    await this.page.goto(url);
    await this.page.click('#login');
    if (account) await this.page.click(`button[value="${account}"]`);
    await this.ready();
  }

  /** Shows another screen. */
  async show(fragment: string): Promise<void> {
    await this.page.evaluate((hash) => {
      location.hash = hash;
    }, fragment);
    await this.ready();
  }

  /** Waits until all panels have their numbers, or say why not. */
  async ready(): Promise<void> {
    await this.page.waitForSelector('.panel');
    await this.page.waitForFunction(() => !document.querySelector('[aria-busy]'));
  }

  /** Texts of the cells of a column, from the top. */
  column(table: string, header: string): Promise<string[]> {
    return this.page.evaluate(([id, title]) => {
      const element = document.getElementById(id!)!;
      const titles = [...element.querySelectorAll('thead th')].map((cell) => cell.textContent?.replace(/[↑↓↕]/g, '').trim());
      const index = titles.indexOf(title);
      return [...element.querySelectorAll('tbody tr:not(.space)')].map((row) => row.children[index]?.textContent ?? '(no such column)');
    }, [table, header] as const);
  }

  /** Saves what the CSV button of a panel gives, as rows of fields. */
  async csv(panel: string): Promise<Record<string, string>[]> {
    const [download] = await Promise.all([this.page.waitForEvent('download'), this.page.click(`#${panel}-csv`)]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    const [header = [], ...rows] = parseCsv(Buffer.concat(chunks).toString('utf8'));
    return rows.map((row) => Object.fromEntries(header.map((name, index) => [name, row[index] ?? ''])));
  }

  /** Fails on anything that the browser complained about, on a token in an address, and on one in the storage. */
  async finish(): Promise<void> {
    const url = this.page.url();
    const stored = await this.page.evaluate(() => JSON.stringify(localStorage)).catch(() => '');
    await this.context.close();
    for (const token of this.tokens) expect(url + stored).not.toContain(token);
    expect(this.complaints.filter((text) => !this.expected?.test(text))).toEqual([]);
  }

  /** Everything that axe finds, by the rules of WCAG 2.2 AA and its best practices. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    return this.page.evaluate(async () => {
      const runner = (window as unknown as { axe: typeof axe }).axe;
      const { violations } = await runner.run(document, { resultTypes: ['violations'] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(' | ')}`);
    });
  }
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = null;
}

/** Fields of RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === ',') continue;
    if (end === '\r\n') rows.push(row);
    row = [];
  }
  return rows;
}
