import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type CachingTokenProvider, McaAuthError, type SkippedRequest, type SkipReason } from '@mca-auth/core'
import {
  type AuthorizationHeaders,
  createRequestAuthorizer,
  parseUrl,
  type RequestAuthorization,
} from '@mca-auth/core/adapter'
import { problemOf } from './problem.js'
import { type Report, withoutQuery } from './report.js'
import { assess, type RequestProblem, sendRequest } from './send-request.js'
import { skipReasons } from './skip-reasons.js'

/** A request that the doctor should examine. */
export interface RequestToCheck {
  readonly url: URL
  /** The option `origins` of the program that sends it. */
  readonly origins: readonly string[] | undefined
  /** Whether to send it. */
  readonly send: boolean
}

/**
 * Shows whether a request would carry the token, as every adapter decides it, and with `send` whether the resource
 * accepts it.
 *
 * @returns the problem, if there is one; a McaAuthError if the request would fail without being sent.
 * @throws TypeError for an invalid origin.
 */
export async function checkRequest(
  report: Report,
  provider: CachingTokenProvider,
  { url, origins, send }: RequestToCheck,
  timeoutMs = 10_000,
): Promise<McaAuthError | RequestProblem | undefined> {
  const authorizer = createRequestAuthorizer('doctor', provider, { origins })
  report.heading('Request')
  report.line('plain', 'url', withoutQuery(url))
  report.line('plain', 'origins', origins?.join(', ') ?? 'not given: the token goes to the origin of the URL')
  const sending = { url, method: 'GET' }
  const begun = withSkipReason(() => authorizer.begin(sending))
  const authorization = begun.result
  if (authorization === undefined) return showSkipped(report, begun.reason, url)
  const decided = withSkipReason(() => authorization.headersFor(sending))
  if (decided.reason !== undefined) return showSkipped(report, decided.reason, url)
  const headers = await Promise.resolve(decided.result).catch(problemOf)
  if (headers instanceof McaAuthError) return headers
  report.line('good', 'token', send ? 'is sent' : 'would be sent')
  if (!send) {
    report.advice(
      'with --send the doctor sends this request, one GET, and shows whether the resource accepts the token',
    )
    return undefined
  }
  const { certificate } = authorization
  let response = await sendRequest(report, url, headers, timeoutMs, certificate?.fetch)
  if (response instanceof Response && (await wantsNonce(authorization, headers, response))) {
    const proven = await authorization.headersFor(sending)
    report.line('plain', 'nonce', 'required in the proof; sent again with it')
    response = await sendRequest(report, url, proven, timeoutMs, certificate?.fetch)
  }
  if (!(response instanceof Response)) return response
  const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
  const target = location === null ? undefined : parseUrl(location, url.href)
  return target === undefined
    ? assess(report, response, headers.dpop !== undefined)
    : checkRedirect(report, authorization, response, target)
}

/** Whether the resource demands a nonce in the proof of a bound token (RFC 9449 §9), and has sent one. */
async function wantsNonce(
  authorization: RequestAuthorization,
  { dpop }: AuthorizationHeaders,
  { status, headers }: Response,
): Promise<boolean> {
  if (dpop === undefined || status !== 401 || headers.get('dpop-nonce') === null) return false
  return (await authorization.responded(status, headers, { replayable: true })) === 'resend'
}

/** Shows whether a client that follows this redirect would also send the token to its target. */
function checkRedirect(
  report: Report,
  authorization: RequestAuthorization,
  { status, headers }: Response,
  target: URL,
): McaAuthError | RequestProblem | undefined {
  report.line('plain', 'redirect', `to ${withoutQuery(target)}`)
  authorization.responded(status, headers)
  authorization.redirected({ url: target, method: 'GET' }, { hopIsOurs: true })
  try {
    const { reason } = withSkipReason(() => authorization.headersFor({ url: target, method: 'GET' }))
    if (reason !== undefined) return showSkipped(report, reason, target)
  } catch (error) {
    return problemOf(error)
  }
  report.line('good', 'token', 'would be sent there too')
  return undefined
}

function showSkipped(report: Report, reason: SkipReason | undefined, { origin }: URL): RequestProblem {
  const [meaning, remedy = ''] = (reason && skipReasons[reason]) ?? []
  report.line('bad', 'token', `would not be sent: ${reason}`, meaning)
  const isAboutOrigin = reason === 'origin-not-listed' || reason === 'origin-left'
  report.advice(
    isAboutOrigin
      ? `list ${origin} in \`origins\` (here: --origin), but only if that server may have the token`
      : remedy,
  )
  return { headline: 'The request goes without a token', exitCode: 7, code: reason }
}

/** Calls a function, and returns its result, with the reported reason if the request goes without the token. */
function withSkipReason<T>(decide: () => T): { readonly result: T; readonly reason: SkipReason | undefined } {
  const reasons: SkipReason[] = []
  const listener = (message: unknown) => reasons.push((message as SkippedRequest).reason)
  subscribe('mca-auth:request:skipped', listener)
  try {
    const result = decide()
    return { result, reason: reasons[0] }
  } finally {
    unsubscribe('mca-auth:request:skipped', listener)
  }
}
