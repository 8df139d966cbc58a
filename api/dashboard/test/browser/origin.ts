// An origin of our own: the built page under its content policy, an issuer that logs everybody in, and answers that a
// test decides. For what a real server does not do on command: expire tokens, disappear, have 1,000 environments.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const PAGE = new URL('../../dist/index.html', import.meta.url);

export interface Options {
  /** Answers a route, now or later; undefined is a 404. */
  answer: (url: URL) => unknown;
  /** Scopes of the tokens. */
  scopes?: string[];
  /** Lifetime of a token in seconds. */
  lifetime?: number;
  /** Passes data requests on to this server, with this token. */
  upstream?: { url: string; token: string };
}

const ALL = ['bucket_size', 'table_size', 'users', 'constants'].map((name) => `mrt/${name}.read`);

export class Origin {
  url = '';
  /** Whether tokens are refused and not renewed. */
  isExpired = false;
  /** Requests for data that were answered. */
  requests: string[] = [];
  private server: Server | null = null;

  constructor(readonly options: Options) {}

  /** Starts listening, on the earlier port if there was one. */
  async start(): Promise<void> {
    const port = this.url ? Number(new URL(this.url).port) : 0;
    this.server = createServer((request, response) => void this.serve(request, response));
    await new Promise<void>((ready) => this.server!.listen(port, '127.0.0.1', ready));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((done) => this.server?.close(done));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const json = (status: number, body: unknown) => {
      response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      response.end(JSON.stringify(body));
    };
    const redirect = (target: URL) => response.writeHead(302, { Location: target.href }).end();
    switch (url.pathname) {
      case '/':
        return this.page(response);
      case '/dashboard.json':
        return json(200, {
          issuer: this.url.slice(0, -1), authorization_endpoint: `${this.url}oauth2/authorize`,
          token_endpoint: `${this.url}oauth2/token`, end_session_endpoint: `${this.url}logout`,
          client_id: 'page', scopes: this.options.scopes ?? ALL, redirect_path: './',
        });
      case '/oauth2/authorize': {
        const target = new URL(url.searchParams.get('redirect_uri') ?? '');
        target.searchParams.set('code', 'once');
        target.searchParams.set('state', url.searchParams.get('state') ?? '');
        redirect(target);
        return;
      }
      case '/logout':
        redirect(new URL(url.searchParams.get('logout_uri') ?? ''));
        return;
      case '/oauth2/token':
        if (this.isExpired) return json(400, { error: 'invalid_grant' });
        return json(200, { access_token: this.token(), token_type: 'Bearer', expires_in: this.options.lifetime ?? 3600, refresh_token: 'refresh' });
      default:
        return this.data(url, request, response, json);
    }
  }

  private token(): string {
    const claims = { scope: (this.options.scopes ?? ALL).join(' '), username: 'tester', exp: 0 };
    return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
  }

  private async data(url: URL, request: IncomingMessage, response: ServerResponse, json: (status: number, body: unknown) => void): Promise<void> {
    if (this.isExpired || !request.headers.authorization) return json(401, { title: 'No valid access token', status: 401 });
    this.requests.push(url.pathname + url.search);
    const { upstream } = this.options;
    const body = await this.options.answer(url);
    if (body !== undefined || !upstream) return json(body === undefined ? 404 : 200, body ?? { type: 'urn:mrt:problem:not_found', title: 'Not found', status: 404, detail: 'there is no such path' });
    const answer = await fetch(upstream.url + url.pathname + url.search, { headers: { Authorization: `Bearer ${upstream.token}` } });
    response.writeHead(answer.status, { 'Content-Type': answer.headers.get('Content-Type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  }

  /** The page under the policy that the server sends. */
  private page(response: ServerResponse): void {
    const page = readFileSync(PAGE, 'utf8');
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const script = /<script type="module">(.*?)<\/script>/s.exec(page)?.[1] ?? '';
    const style = /<style>(.*?)<\/style>/s.exec(page)?.[1] ?? '';
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; connect-src 'self'; img-src data:; `
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
      'Referrer-Policy': 'no-referrer',
    });
    response.end(page);
  }
}
