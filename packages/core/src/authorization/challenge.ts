/** What a 401 says about the token: `none` has no challenge, `other` has only challenges of other schemes. */
export type Verdict = 'bearer' | 'insufficient_scope' | 'other' | 'none'

// A scheme, or a parameter: `name=value` with a token or a quoted string (RFC 9110 §11.6.1). Commas are optional,
// because App ID documents its challenge without them.
const part = /([!#$%&'*+.^_`|~\w-]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]*))?/g

/** Reads `WWW-Authenticate`, leniently: any casing, quoted or not, several challenges in one header or several. */
export function readChallenge(header: string | readonly string[] | null | undefined): Verdict {
  const text = (Array.isArray(header) ? header.join(', ') : ((header as string | null | undefined) ?? '')).slice(
    0,
    8192,
  )
  let verdict: Verdict = 'none'
  let inBearer = false
  for (const [, name = '', value] of text.matchAll(part)) {
    if (value === undefined) {
      inBearer = name.toLowerCase() === 'bearer'
      if (inBearer) verdict = 'bearer'
      else if (verdict === 'none') verdict = 'other'
    } else if (inBearer && name.toLowerCase() === 'error') {
      if (value.replaceAll('"', '').toLowerCase() === 'insufficient_scope') verdict = 'insufficient_scope'
    }
  }
  return verdict
}
