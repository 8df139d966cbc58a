// What an access token says about itself. Only to explain what it may read: the API alone decides.

export interface Claims {
  scopes: string[];
  /** The account's name, for people. */
  name: string | null;
  /** Names of the environments that it is limited to; null when it is not. */
  environments: string[] | null;
}

/** Prefix of the groups that name environments; `all` names all. */
const GROUP = 'mrt-environment-';

/** Reads a token without proving it. A text that is no token has no scopes. */
export function readClaims(token: string): Claims {
  let claims: Record<string, unknown> = {};
  try {
    const part = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const octets = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    claims = JSON.parse(new TextDecoder().decode(octets)) as Record<string, unknown>;
  } catch {
    // Below, as a token without claims.
  }
  const text = (name: string) => (typeof claims[name] === 'string' ? (claims[name] as string) : null);
  const list = (value: string | null) => value?.split(/[\s,]+/).filter(Boolean) ?? null;
  const groups = Array.isArray(claims['cognito:groups']) ? claims['cognito:groups'].map(String) : [];
  const named = groups.filter((group) => group.startsWith(GROUP)).map((group) => group.slice(GROUP.length));
  const claimed = list(text('mrt_environments')) ?? [];
  const isLimited = claimed.length + named.length > 0 && !claimed.includes('*') && !named.includes('all');
  return {
    scopes: list(text('scope')) ?? [],
    name: text('username') ?? text('sub'),
    environments: isLimited ? [...new Set([...claimed, ...named])] : null,
  };
}
