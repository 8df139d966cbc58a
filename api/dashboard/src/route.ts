// The page's address: what is shown is in the fragment, which browsers send to no server. It never holds a token.

export interface Route {
  /** Parts of the path: `environment`, name, screen, … */
  path: string[];
  query: Record<string, string>;
}

/** Reads a fragment such as `#/environment/acme-prod/tables?sort=rows`. */
export function parse(fragment: string): Route {
  const [path = '', query = ''] = fragment.replace(/^#\/?/, '').split('?', 2);
  const parts = path.split('/').filter(Boolean);
  return { path: parts.map(decode), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** Returns the fragment of a path; values that are empty are left out. */
export function href(path: string[], query: Record<string, string | null | undefined> = {}): string {
  const values = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) values.set(name, value);
  const text = values.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The route that is shown. */
export function current(): Route {
  return parse(location.hash);
}

/** Changes values of the address without showing anything anew and without an entry in the history. */
export function remember(values: Record<string, string | null>): void {
  const { path, query } = current();
  history.replaceState(null, '', href(path, { ...query, ...values }));
}

/** Shows another route. */
export function go(fragment: string): void {
  location.hash = fragment;
}
