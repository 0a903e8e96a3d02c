// A scheme, or a parameter: `name=value` with a token or a quoted string (RFC 9110 §11.6.1). Commas are optional,
// because App ID documents its challenge without them.
const part = /([!#$%&'*+.^_`|~\w-]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]*))?/g
const maxLength = 8192

/** RFC 9449 §7.1 and §9: the server objects to the proof. */
const aboutTheProof = ['use_dpop_nonce', 'invalid_dpop_proof']
/** RFC 6750 §3.1 and RFC 9470 §3: the request lacks something else, and another token of this kind would not help. */
const notAboutTheToken = ['insufficient_scope', 'invalid_request', 'insufficient_user_authentication', ...aboutTheProof]

/**
 * Whether a response says that the server did not accept the token (RFC 9110 §15.5.2): a 401, unless the token's own
 * challenge, that of its scheme, gives another reason; a 403 only if that challenge says `invalid_token`.
 */
export function rejectsToken(status: number, challenges: readonly string[], scheme = 'bearer'): boolean {
  if (status !== 401 && status !== 403) return false
  const errors = errorsIn(challenges, scheme)
  if (errors.includes('invalid_token')) return true
  return status === 401 && !errors.some((error) => notAboutTheToken.includes(error))
}

/** What a response objects to in the proof: none if it is about something else. */
export function proofErrorsIn(status: number, challenges: readonly string[]): string[] {
  return status === 401 ? errorsIn(challenges, 'dpop').filter((error) => aboutTheProof.includes(error)) : []
}

/**
 * The `error` of every challenge of a scheme in `WWW-Authenticate`. Lenient: any casing, quoted or not, one challenge or
 * several in one header field or several. A challenge without an error adds none.
 *
 * @param scheme - in lower case.
 */
export function errorsIn(challenges: readonly string[], scheme: string): string[] {
  const errors: string[] = []
  let isIts = false
  for (const [, name = '', value] of challenges.join(', ').slice(0, maxLength).matchAll(part)) {
    if (value === undefined) isIts = name.toLowerCase() === scheme
    else if (isIts && name.toLowerCase() === 'error') errors.push(value.replaceAll('"', '').toLowerCase())
  }
  return errors
}
