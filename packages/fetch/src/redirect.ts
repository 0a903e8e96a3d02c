// HTTP-redirect fetch, of the Fetch standard (§4.4), for a fetch that was told not to follow.
import { originOf, parseUrl } from '@mca-auth/core/adapter'
import { type Hop, membersOfHop } from './call.js'
import { noBody } from './call-body.js'
import { withoutHeaders } from './call-headers.js'

const statuses = [301, 302, 303, 307, 308]
const maxRedirects = 20
const bodyHeaders = ['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']
/** The last three are undici's own addition to the standard. */
const originHeaders = ['authorization', 'proxy-authorization', 'cookie', 'host']

export function isRedirect({ status, headers }: Response): boolean {
  return statuses.includes(status) && locationOf(headers) !== null
}

/** Like in browsers: neither the status nor the target is visible. */
export function hidesRedirect(response: Response): boolean {
  return response?.type === 'opaqueredirect' && response.status === 0
}

/**
 * The hop that a redirect leads to.
 *
 * @throws TypeError if the standard does not follow it.
 */
export function nextHop(hop: Hop, response: Response, redirects: number): Hop {
  const url = parseUrl(decoded(locationOf(response.headers) ?? ''), hop.url)
  if (url === undefined) throw networkError('the URL of the redirect is invalid')
  if (originOf(url) === undefined) throw networkError('a redirect must lead to an HTTP(S) URL')
  if (redirects > maxRedirects) throw networkError('redirect count exceeded')
  if (url.username !== '' || url.password !== '') throw networkError('the URL of the redirect includes credentials')
  const { status } = response
  // A stream has been consumed by the first sending. A recorded body of a Request can still be sent.
  if (status !== 303 && hop.body !== noBody && (hop.body.isStream || !hop.body.isReplayable)) {
    throw networkError('the body of the request cannot be sent again')
  }
  const { body: _body, headers: _headers, method: _method, ...members } = membersOfHop(hop)
  const isGet = hop.method === 'GET' || hop.method === 'HEAD'
  const becomesGet = status === 303 ? !isGet : status <= 302 && hop.method === 'POST'
  const method = becomesGet ? 'GET' : hop.method
  const dropped = [...(becomesGet ? bodyHeaders : []), ...(originOf(url) === originOf(hop.url) ? [] : originHeaders)]
  return {
    input: url.href,
    members: { ...members, method },
    url: url.href,
    method,
    headers: withoutHeaders(hop.headers, dropped),
    body: becomesGet ? noBody : hop.body,
  }
}

/** The error of fetch for a network failure. */
export function networkError(reason: string): TypeError {
  return new TypeError('fetch failed', { cause: new Error(reason) })
}

function locationOf(headers: Response['headers'] | undefined): string | null {
  return headers?.get?.('location') ?? null
}

/** Headers come as bytes; servers write UTF-8 (Fetch standard §2.2.6, "location URL"). */
function decoded(location: string): string {
  const bytes = Buffer.from(location, 'latin1')
  const text = bytes.toString('utf8')
  return bytes.toString('latin1') !== location || text.includes('\ufffd') ? location : text
}
