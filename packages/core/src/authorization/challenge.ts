// A scheme, or a parameter: `name=value` with a token or a quoted string (RFC 9110 §11.6.1). Commas are optional,
// because App ID documents its challenge without them.
const part = /([!#$%&'*+.^_`|~\w-]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]*))?/g
const maxLength = 8192

/** RFC 6750 §3.1 and RFC 9470 §3: the request lacks something else, and another token of this kind would not help. */
const notAboutTheToken = ['insufficient_scope', 'invalid_request', 'insufficient_user_authentication']

/**
 * Whether a response says that the server did not accept the token (RFC 9110 §15.5.2): a 401, unless the token's own
 * challenge gives another reason; a 403 only if that challenge says `invalid_token`.
 */
export function rejectsToken(status: number, challenges: readonly string[]): boolean {
  if (status !== 401 && status !== 403) return false
  const errors = bearerErrors(challenges)
  if (errors.includes('invalid_token')) return true
  return status === 401 && !errors.some((error) => notAboutTheToken.includes(error))
}

/**
 * The `error` of every Bearer challenge in `WWW-Authenticate`. Lenient: any casing, quoted or not, one challenge or
 * several in one header field or several. A Bearer challenge without an error adds none.
 */
export function bearerErrors(challenges: readonly string[]): string[] {
  const errors: string[] = []
  let inBearer = false
  for (const [, name = '', value] of challenges.join(', ').slice(0, maxLength).matchAll(part)) {
    if (value === undefined) inBearer = name.toLowerCase() === 'bearer'
    else if (inBearer && name.toLowerCase() === 'error') errors.push(value.replaceAll('"', '').toLowerCase())
  }
  return errors
}
