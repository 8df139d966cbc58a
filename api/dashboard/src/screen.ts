// What every screen gets, and what it gives.
import type { Api } from './api';
import type { Refreshable } from './panel';

export interface Context {
  api: Api;
  /** Values of the address. */
  query: Record<string, string>;
}

export interface Screen {
  /** Title of the document and of the page. */
  title: string;
  /** Shown between title and panels. */
  head?: Node[];
  panels: Refreshable[];
  /** Called once, when the panels have loaded. */
  loaded?: () => Promise<void>;
}
