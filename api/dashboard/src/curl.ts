// A request as a command that another person can run. The token is always the variable, never its value.

/** Quotes a text for a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command that repeats a request. */
export function curl(url: string): string {
  return `curl -s -H "Authorization: Bearer $TOKEN" ${quote(url)}`;
}
