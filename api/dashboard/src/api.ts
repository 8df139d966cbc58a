// Requests to the API, typed by its own OpenAPI document.
import type { components, paths } from './openapi';
import type { Session } from './session';
import { BASE } from './settings';

export type Schemas = components['schemas'];

/** Routes that answer from data. */
export type DataPath = Exclude<keyof paths, '/' | '/health' | '/openapi.json' | '/dashboard.json'>;
export type Query<P extends DataPath> = NonNullable<paths[P]['get']['parameters']['query']>;
export type Body<P extends DataPath> =
  paths[P]['get']['responses'][200]['content'] extends { 'application/json': infer Json } ? Json : never;

/** The scope that a route needs. */
const SCOPES: Record<string, string> = {
  bucket_size: 'mrt/bucket_size.read',
  table_size: 'mrt/table_size.read',
  users: 'mrt/users.read',
  micro_flow_constants: 'mrt/constants.read',
};

/** Most pages that one list is followed for: 1,000 environments are 50 pages of the smallest kind. */
const PAGES = 200;

/** Why a request gave no numbers. */
export type FailureKind = 'forbidden' | 'expired' | 'offline' | 'problem';

/** A request that gave no numbers. `detail` is for people. */
export class RequestFailure extends Error {
  constructor(
    readonly kind: FailureKind,
    readonly detail: string,
    readonly problem: Partial<Schemas['Problem']> & Record<string, unknown> = {},
  ) {
    super(detail);
  }

  /** The stable word of the problem, such as `not_configured`. */
  get code(): string {
    return String(this.problem.type ?? '').replace('urn:mrt:problem:', '');
  }
}

/** Address of a route with its query; several words of one parameter are separated by commas. */
export function address(path: string, query: Record<string, string | number | string[] | undefined>): string {
  const url = new URL(path.slice(1), BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  }
  return url.href;
}

export class Api {
  /** Called with whether the server was reached, after each request. */
  onReached: (isReached: boolean) => void = () => {};
  /** Called when a new login is needed. */
  onExpired: () => void = () => {};

  constructor(private readonly session: Session) {}

  /** The scope of a route that the token does not have; null when it may read it. */
  missingScope(path: DataPath): string | null {
    const scope = SCOPES[path.split('/')[1] ?? ''];
    return scope && this.session.isOpen && !this.session.claims.scopes.includes(scope) ? scope : null;
  }

  /** One answer. Addresses that were asked are added to `asked`. */
  async get<P extends DataPath>(path: P, query: Query<P>, asked: string[] = []): Promise<Body<P>> {
    const url = address(path, query as Record<string, string | number | string[] | undefined>);
    asked.push(url);
    const missing = this.missingScope(path);
    if (missing) throw forbidden(missing);
    const response = (await this.send(url)) ?? (await this.send(url));
    if (!response) {
      this.onExpired();
      throw new RequestFailure('expired', 'Your login has ended.');
    }
    if (response.ok) return (await response.json()) as Body<P>;
    const problem = (await response.json().catch(() => ({}))) as Partial<Schemas['Problem']>;
    if (response.status === 403) throw forbidden(String((problem as { scope?: string }).scope ?? ''));
    throw new RequestFailure('problem', problem.detail ?? `The API answered with status ${response.status}.`, {
      status: response.status,
      ...problem,
    });
  }

  /** All pages of a list; `take` gets each as it arrives. */
  async pages<P extends DataPath>(
    path: P,
    query: Query<P>,
    take: (page: Body<P>) => void,
    asked: string[] = [],
  ): Promise<void> {
    let cursor: string | null | undefined;
    for (let page = 0; page < PAGES; page += 1) {
      const values = cursor ? { ...query, cursor } : query;
      const body = await this.get(path, values, page === 0 ? asked : []);
      take(body);
      cursor = (body as { next?: string | null }).next;
      if (!cursor) return;
    }
    throw new RequestFailure('problem', `The list has more than ${PAGES} pages; this page does not show all of it.`);
  }

  /** Sends a request; null when the token was refused. */
  private async send(url: string): Promise<Response | null> {
    try {
      const token = await this.session.accessToken();
      if (!token) return null;
      const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
      this.onReached(true);
      if (response.status !== 401) return response;
      this.session.refuse(token);
      return null;
    } catch {
      this.onReached(false);
      throw new RequestFailure('offline', 'The server does not answer.');
    }
  }
}

function forbidden(scope: string): RequestFailure {
  return new RequestFailure('forbidden', `Your token may not read this: it has no scope ${scope}.`, { scope });
}
