// The page's settings: who logs people in, as the deployment says in `dashboard.json`.

export interface Settings {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  end_session_endpoint: string;
  client_id: string;
  scopes: string[];
  /** Where a login and a log-out return to, relative to the page. */
  redirect_path: string;
}

/** Folder of the page, with a slash at its end: all routes are below it. */
export const BASE = location.origin + (location.pathname.endsWith('/') ? location.pathname : `${location.pathname}/`);

/** Loads the settings. */
export async function loadSettings(): Promise<Settings> {
  const response = await fetch(new URL('dashboard.json', BASE));
  if (!response.ok) throw new Error(`dashboard.json: status ${response.status}`);
  return (await response.json()) as Settings;
}
