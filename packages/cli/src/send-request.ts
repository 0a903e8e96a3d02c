import { type AuthorizationHeaders, errorsIn } from '@mca-auth/core/adapter'
import type { ExitCode } from './exit-codes.js'
import { networkAdvice, networkErrorIn } from './network-advice.js'
import type { Report } from './report.js'

/** A problem with a request, whose details have been shown. */
export interface RequestProblem {
  readonly headline: string
  readonly exitCode: ExitCode
  /** For scripts. */
  readonly code: string | undefined
}

const rejected: RequestProblem = {
  headline: 'The resource rejects the token',
  exitCode: 7,
  code: 'resource-rejects-token',
}
const unavailable: RequestProblem = {
  headline: 'The resource is unreachable, failing, or rate-limiting',
  exitCode: 5,
  code: 'resource-unavailable',
}

/** RFC 6750 §3.1, RFC 9470 §3. */
const byError: Readonly<Record<string, string>> = {
  insufficient_scope: 'the token lacks a scope: request it with --scope (in the code: `scope`), and have it granted',
  insufficient_user_authentication: 'the resource requires a user to log in: the token of a client is not enough',
  invalid_request: 'the resource considers the request itself malformed',
  invalid_dpop_proof:
    'the resource rejects the proof: compare its clock with this one, and the URL that it receives with this one',
  use_dpop_nonce: 'the resource demands a nonce, but rejects its own: is it several servers that do not share nonces?',
  invalid_token: 'compare the claims `iss`, `aud` and `exp` above with what the resource expects',
}

/**
 * Sends one GET with the token, follows no redirect, and shows the status.
 *
 * @param send - if the connection needs a client certificate.
 */
export async function sendRequest(
  report: Report,
  url: URL,
  headers: AuthorizationHeaders,
  timeoutMs: number,
  send: typeof globalThis.fetch = fetch,
): Promise<Response | RequestProblem> {
  const start = performance.now()
  const elapsed = () => `after ${Math.round(performance.now() - start)} ms`
  try {
    const response = await send(url, {
      headers: { ...headers, 'user-agent': 'mca-auth' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    await response.body?.cancel()
    report.line(response.ok ? 'good' : 'plain', 'response', `${response.status} ${elapsed()}`)
    return response
  } catch (error) {
    report.line('bad', 'response', `none ${elapsed()}`)
    showNetworkError(report, error)
    for (const advice of networkAdvice(error)) report.advice(advice)
    return unavailable
  }
}

/**
 * Shows whether the resource accepts the token, from a response that is not a redirect.
 *
 * @param isBound - whether the token is bound to a key.
 */
export function assess(
  report: Report,
  { ok, status, headers }: Response,
  isBound: boolean,
): RequestProblem | undefined {
  if (ok) {
    report.line('good', 'token', 'the resource accepts it')
    return undefined
  }
  if (status !== 401 && status !== 403) {
    report.line('warning', 'token', `${status} does not say whether the resource accepts it`)
    return status >= 500 || status === 429 ? unavailable : undefined
  }
  const challenge = headers.get('www-authenticate')
  report.line('bad', 'challenge', challenge === null ? 'none' : report.shortened(challenge, 500))
  const errors = errorsIn(challenge === null ? [] : [challenge], isBound ? 'dpop' : 'bearer')
  report.advice(
    errors.map((error) => byError[error]).find((text) => text !== undefined) ??
      withoutError(status, challenge, isBound),
  )
  return rejected
}

function withoutError(status: number, challenge: string | null, isBound: boolean): string {
  if (!isBound && challenge !== null && /(?:^|,)\s*dpop\b/i.test(challenge)) {
    return 'the resource requires a token that is bound to a key: set `dpop: true` in the code, and try --dpop here'
  }
  if (isBound && challenge !== null && !/\bdpop\b/i.test(challenge)) {
    return 'the resource does not offer DPoP in its challenge: does it support bound tokens? Try without --dpop'
  }
  if (status === 403) return 'the resource knows the client but forbids this: check its roles and permissions there'
  if (challenge !== null && !/\b(?:bearer|dpop)\b/i.test(challenge)) {
    return 'the resource requires a scheme other than Bearer: is the URL right, and does it accept tokens of this server?'
  }
  return byError.invalid_token as string
}

/** Shows the innermost reason why a server cannot be reached. */
export function showNetworkError(report: Report, error: unknown): void {
  const { code, message } = networkErrorIn(error) ?? {}
  if (message !== undefined) report.line('plain', 'cause', report.shortened(`${code}: ${message}`.trim()))
}
