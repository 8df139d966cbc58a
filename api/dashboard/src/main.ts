// Starts the page: settings, login, then the screen that the address names.
import './style.css';
import { Api } from './api';
import { startClock } from './clock';
import { h, replace } from './dom';
import { Frame } from './frame';
import type { Refreshable } from './panel';
import { current, parse } from './route';
import type { Context, Screen } from './screen';
import { collectionScreen } from './screens/collection';
import { constantsScreen } from './screens/constants';
import { environmentScreen } from './screens/environment';
import { fleetScreen } from './screens/fleet';
import { grewScreen } from './screens/grew';
import { tableScreen, tablesScreen } from './screens/tables';
import { usersScreen } from './screens/users';
import { Session } from './session';
import { loadSettings } from './settings';

/** How often numbers are loaded again. Browsers answer from their own cache until the next collection. */
const REFRESH_MILLISECONDS = 60_000;
/** How often a server that was gone is tried. */
const RETRY_MILLISECONDS = 3_000;

const frame = new Frame();
let panels: Refreshable[] = [];
let isReached = true;
let shown = '';

async function start(): Promise<void> {
  frame.showAccount(null, () => {});
  // Browsers have no cryptography for plain HTTP from another machine, and no login without it.
  if (!crypto.subtle) return welcome('This page needs HTTPS, or an address of this machine such as 127.0.0.1.', null);
  let session: Session;
  try {
    session = new Session(await loadSettings());
  } catch {
    return welcome('The settings of the login could not be loaded. Does the server run?', {
      title: 'Try again', run: () => location.reload(),
    });
  }
  const login = { title: 'Log in', run: () => void session.login() };
  try {
    await session.start();
  } catch (error) {
    return welcome(`The login failed: ${error instanceof Error ? error.message : String(error)}.`, login);
  }
  if (!session.isOpen) return welcome('Sizes, growth, users and constants of your Mendix environments.', login);
  run(session);
}

/** The page of somebody who is not logged in. */
function welcome(text: string, action: { title: string; run: () => void } | null): void {
  document.title = 'MRT API';
  replace(frame.main, h('div', { class: 'welcome' }, h('h1', {}, 'MRT API'), h('p', {}, text),
    action && h('button', { type: 'button', id: 'login', class: 'primary', click: action.run }, action.title)));
}

function run(session: Session): void {
  const api = new Api(session);
  let isExpired = false;
  frame.showAccount(session.claims, () => session.logout());
  api.onExpired = () => {
    isExpired = true;
    frame.warn('Your login has ended. The numbers below are those that were loaded before.', {
      title: 'Log in again', run: () => void session.login(),
    });
  };
  api.onReached = (reached) => {
    if (reached !== isReached && !isExpired) {
      frame.warn(reached ? null : 'The server does not answer. The numbers below are those that were loaded before; this page tries again.');
      if (!reached) setTimeout(() => void retry(), RETRY_MILLISECONDS);
    }
    isReached = reached;
  };
  const retry = async () => {
    await refresh();
    if (!isReached) setTimeout(() => void retry(), RETRY_MILLISECONDS);
  };
  const show = () => {
    if (location.hash === shown) return;
    shown = location.hash;
    void open(api);
  };
  addEventListener('hashchange', show);
  addEventListener('online', () => void refresh());
  document.addEventListener('visibilitychange', () => document.hidden || void refresh());
  setInterval(() => document.hidden || isExpired || void refresh(), REFRESH_MILLISECONDS);
  startClock();
  shown = location.hash;
  void open(api);
}

/** Shows the screen of the address. */
async function open(api: Api): Promise<void> {
  const { query } = parse(location.hash);
  const screen = find({ api, query });
  document.title = `${screen.title} · MRT`;
  panels = screen.panels;
  const isFirst = !frame.main.hasChildNodes();
  replace(frame.main, ...(screen.head ?? [h('h1', { class: 'hidden' }, screen.title)]), ...panels.map(({ element }) => element));
  if (!isFirst) {
    // As after loading a page: at its top, with the focus before its first control.
    scrollTo(0, 0);
    frame.main.focus({ preventScroll: true });
  }
  await refresh();
  await screen.loaded?.();
}

function find(context: Context): Screen {
  const [kind, name, screen, schema, table] = current().path;
  if (kind !== 'environment' || !name) return fleetScreen(context);
  switch (screen) {
    case 'grew':
      return grewScreen(context, name);
    case 'tables':
      return schema && table ? tableScreen(context, name, schema, table) : tablesScreen(context, name);
    case 'users':
      return usersScreen(context, name);
    case 'constants':
      return constantsScreen(context, name);
    case 'collection':
      return collectionScreen(context, name);
    default:
      return environmentScreen(context, name);
  }
}

async function refresh(): Promise<void> {
  await Promise.all(panels.map((panel) => panel.refresh()));
}

void start();
