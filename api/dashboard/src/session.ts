// The login: authorization code with PKCE (S256), no secret. The access token is in memory only; the refresh token is
// in the tab's own storage, so that a reload needs no new login.
import * as oauth from 'oauth4webapi';
import { BASE, type Settings } from './settings';
import { type Claims, readClaims } from './token';

const LOGIN_KEY = 'mrt.login';
const REFRESH_KEY = 'mrt.refresh';
/** How long before its end a token is renewed. */
const RENEW_SECONDS = 60;
/** A token lives this long when the issuer does not say. */
const DEFAULT_SECONDS = 300;

/** What has to be remembered while the person is at the issuer. */
interface Login {
  verifier: string;
  state: string;
  fragment: string;
}

export class Session {
  private token: string | null = null;
  private endsAt = 0;
  private renewal: Promise<void> | null = null;
  private readonly server: oauth.AuthorizationServer;
  private readonly client: oauth.Client;
  /** Where a login and a log-out return to; registered with the issuer to the letter. */
  private readonly home: string;
  private readonly options: { [oauth.allowInsecureRequests]: boolean };

  constructor(private readonly settings: Settings) {
    const { issuer, authorization_endpoint, token_endpoint, end_session_endpoint } = settings;
    this.server = { issuer, authorization_endpoint, token_endpoint, end_session_endpoint };
    this.home = new URL(settings.redirect_path, BASE).href;
    this.client = { client_id: settings.client_id };
    // Plain HTTP is for the issuer on this machine.
    const { protocol, hostname } = new URL(token_endpoint);
    const isLocal = protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
    this.options = { [oauth.allowInsecureRequests]: isLocal };
  }

  /** Finishes a login that the address carries, or continues the tab's. Throws what the issuer refused. */
  async start(): Promise<void> {
    const url = new URL(location.href);
    if (url.searchParams.has('code') || url.searchParams.has('error')) await this.finish(url);
    else if (sessionStorage.getItem(REFRESH_KEY)) await this.renew().catch(() => {});
  }

  get isOpen(): boolean {
    return this.token !== null;
  }

  get claims(): Claims {
    return readClaims(this.token ?? '');
  }

  /** Returns a token that is valid for a while; null when a new login is needed. */
  async accessToken(): Promise<string | null> {
    const mustRenew = Date.now() > this.endsAt - RENEW_SECONDS * 1000;
    if (mustRenew && sessionStorage.getItem(REFRESH_KEY)) {
      // Without an answer of the issuer, the token that there is may still do.
      await this.renew().catch((error: unknown) => {
        if (Date.now() > this.endsAt) throw error;
      });
    } else if (Date.now() > this.endsAt) this.token = null;
    return this.token;
  }

  /** Forgets a token that the API refused; the next request renews it, if that is possible. */
  refuse(token: string): void {
    if (this.token === token) this.endsAt = 0;
  }

  /** Leaves the page for the issuer's login. */
  async login(): Promise<void> {
    const login: Login = {
      verifier: oauth.generateRandomCodeVerifier(),
      state: oauth.generateRandomState(),
      fragment: location.hash,
    };
    sessionStorage.setItem(LOGIN_KEY, JSON.stringify(login));
    const url = new URL(this.settings.authorization_endpoint);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: this.settings.client_id,
      redirect_uri: this.home,
      scope: this.settings.scopes.join(' '),
      state: login.state,
      code_challenge: await oauth.calculatePKCECodeChallenge(login.verifier),
      code_challenge_method: 'S256',
    }).toString();
    location.assign(url);
  }

  /** Forgets all tokens and leaves the page for the issuer's log-out. */
  logout(): void {
    this.token = null;
    sessionStorage.removeItem(REFRESH_KEY);
    const url = new URL(this.settings.end_session_endpoint);
    // Cognito's names, and the one of OpenID Connect.
    url.searchParams.set('client_id', this.settings.client_id);
    url.searchParams.set('logout_uri', this.home);
    url.searchParams.set('post_logout_redirect_uri', this.home);
    location.assign(url);
  }

  private async finish(url: URL): Promise<void> {
    const login = JSON.parse(sessionStorage.getItem(LOGIN_KEY) ?? 'null') as Login | null;
    sessionStorage.removeItem(LOGIN_KEY);
    // Out of the address and the history before anything else.
    history.replaceState(null, '', BASE + (login?.fragment ?? ''));
    if (!login) throw new Error('this tab did not start that login');
    const parameters = oauth.validateAuthResponse(this.server, this.client, url, login.state);
    const response = await oauth.authorizationCodeGrantRequest(
      this.server, this.client, oauth.None(), parameters, this.home, login.verifier, this.options);
    this.keep(await oauth.processAuthorizationCodeResponse(this.server, this.client, response));
  }

  /** Renews the token; simultaneous callers share one request. */
  private renew(): Promise<void> {
    this.renewal ??= this.requestRenewal().finally(() => {
      this.renewal = null;
    });
    return this.renewal;
  }

  private async requestRenewal(): Promise<void> {
    const refresh = sessionStorage.getItem(REFRESH_KEY) ?? '';
    try {
      const response = await oauth.refreshTokenGrantRequest(
        this.server, this.client, oauth.None(), refresh, this.options);
      this.keep(await oauth.processRefreshTokenResponse(this.server, this.client, response));
    } catch (error) {
      if (!(error instanceof oauth.ResponseBodyError)) throw error;
      // The issuer refused it: only a new login helps.
      sessionStorage.removeItem(REFRESH_KEY);
      this.token = null;
    }
  }

  private keep(answer: oauth.TokenEndpointResponse): void {
    this.token = answer.access_token;
    this.endsAt = Date.now() + (answer.expires_in ?? DEFAULT_SECONDS) * 1000;
    if (answer.refresh_token) sessionStorage.setItem(REFRESH_KEY, answer.refresh_token);
  }
}
