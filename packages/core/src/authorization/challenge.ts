import type { ScopeChallenge } from './outgoing-request.js'

// A scheme, or a parameter: `name=value` with a token or a quoted string (RFC 9110 §11.6.1). Commas are optional,
// because App ID documents its challenge without them.
const part = /([!#$%&'*+.^_`|~\w-]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]*))?/g
const maxLength = 8192

/** RFC 9449 §7.1 and §9: the server rejects the proof. */
const aboutTheProof = ['use_dpop_nonce', 'invalid_dpop_proof']
/** RFC 6750 §3.1 and RFC 9470 §3: the reason is not the token, so a new token of this kind would not help. */
const notAboutTheToken = ['insufficient_scope', 'invalid_request', 'insufficient_user_authentication', ...aboutTheProof]

/**
 * Whether a response says that the server did not accept the token (RFC 9110 §15.5.2): a 401, unless the challenge of the
 * token's scheme gives another reason; a 403 only if that challenge says `invalid_token`.
 */
export function rejectsToken(status: number, challenges: readonly string[], scheme = 'bearer'): boolean {
  if (status !== 401 && status !== 403) return false
  const errors = errorsIn(challenges, scheme)
  if (errors.includes('invalid_token')) return true
  return status === 401 && !errors.some((error) => notAboutTheToken.includes(error))
}

/** The error of a response about the proof; `undefined` if it is about something else. */
export function proofErrorsIn(status: number, challenges: readonly string[]): string[] {
  return status === 401 ? errorsIn(challenges, 'dpop').filter((error) => aboutTheProof.includes(error)) : []
}

/** The challenge for more scope in a response that does not reject the token, if there is one. */
export function scopeChallengeIn(
  status: number,
  challenges: readonly string[],
  scheme: string,
): ScopeChallenge | undefined {
  if (status !== 401 && status !== 403) return undefined
  const own = challengesIn(challenges, scheme)
  const found = own.find((parameters) => parameters.get('error')?.toLowerCase() === 'insufficient_scope')
  return (
    found && {
      error: 'insufficient_scope',
      scope: found.get('scope'),
      resourceMetadata: found.get('resource_metadata'),
    }
  )
}

/**
 * The `error` of every challenge of a scheme in `WWW-Authenticate`. Lenient: any casing, quoted or not, one challenge or
 * several in one header field or several. A challenge without an error adds none.
 *
 * @param scheme - in lower case.
 */
export function errorsIn(challenges: readonly string[], scheme: string): string[] {
  return challengesIn(challenges, scheme).flatMap((parameters) => parameters.get('error')?.toLowerCase() ?? [])
}

/** The parameters of every challenge of a scheme, by their lower-case names. The first one of a name counts. */
function challengesIn(challenges: readonly string[], scheme: string): ReadonlyMap<string, string>[] {
  const found: Map<string, string>[] = []
  let current: Map<string, string> | undefined
  for (const [, name = '', value] of challenges.join(', ').slice(0, maxLength).matchAll(part)) {
    if (value === undefined) {
      current = name.toLowerCase() === scheme ? new Map() : undefined
      if (current !== undefined) found.push(current)
    } else if (current?.has(name.toLowerCase()) === false) current.set(name.toLowerCase(), unquoted(value))
  }
  return found
}

/** Without the quotes and escapes of a quoted string (RFC 9110 §5.6.4). */
function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value
}
