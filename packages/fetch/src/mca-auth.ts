import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { Attachment, type CarriedToken, originOf, type PreparedTokenRequest } from '@mca-auth/core/adapter'

export type Fetch = typeof globalThis.fetch
type Input = Parameters<Fetch>[0]
type Init = NonNullable<Parameters<Fetch>[1]>

/** One call of a fetch. */
interface Call {
  readonly input: Input
  readonly init: Init | undefined
  /** As fetch has them: those of the call replace those of a `Request`. Read once, for they may be an iterator. */
  readonly headers: Headers
}

/** One request that carries a token. */
interface Exchange {
  readonly call: Call
  readonly request: PreparedTokenRequest
  readonly origin: string
}

/**
 * A `fetch` that attaches a cached access token to every request, and sends a request whose token was refused once more.
 * For whatever takes a fetch: ky, ofetch, openapi-fetch, SDKs.
 *
 * @param optionsOrProvider - options as for `createTokenProvider()`, or a provider that several clients share.
 * @param over - `fetch`: what sends the requests; the global fetch of this moment where it is left out.
 * @throws TypeError for a bad option; McaAuthError where credentials are missing. Calls reject with McaAuthError where no
 *   token can be had, and are not sent.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/fetch'
 *
 * const fetch = mcaAuth({ origins: ['https://orders.example.com'] })
 * await fetch('https://orders.example.com/orders')
 * ```
 */
export function mcaAuth(
  optionsOrProvider?: McaAuthOptions | TokenProvider,
  { fetch = globalThis.fetch, ...unknown }: { readonly fetch?: Fetch | undefined } = {},
): Fetch {
  const [name] = Object.keys(unknown)
  if (name !== undefined)
    throw new TypeError(`unknown option \`${name}\` in the second argument, which takes \`fetch\``)
  if (typeof fetch !== 'function') throw new TypeError('`fetch` must be a function')
  const attachment = new Attachment<Call>(optionsOrProvider, (call) => ({
    url: new URL(urlOf(call.input)),
    method: methodOf(call),
  }))

  return async (input, init) => {
    const origin = originOf(urlOf(input))
    // fetch itself says what is wrong with a URL that has none.
    if (origin === undefined) return fetch(input, init)
    const call = callOf(input, init)
    const request = attachment.claim(origin, call, call.headers.has('authorization'))
    if (request === undefined) return fetch(call.input, asRead(call))
    const token = attachment.take(request) ?? (await attachment.acquire(request, signalOf(call)))
    return exchange({ call, request, origin }, token)
  }

  async function exchange({ call, request, origin }: Exchange, token: CarriedToken): Promise<Response> {
    const again = spareOf(call)
    const response = await fetch(call.input, withToken(call, token))
    const isOurs = response.status === 401 && (!response.redirected || originOf(response.url) === origin)
    if (!isOurs) {
      discard(again)
      return response
    }
    const challenge = response.headers.get('www-authenticate')
    const method = methodOf(call)
    const mayReplay = attachment.refused(token, origin, method, challenge, again !== undefined)
    const another = mayReplay ? await attachment.renew(token, request, signalOf(call)) : undefined
    if (again === undefined || another === undefined) {
      discard(again)
      return response
    }
    response.body?.cancel().catch(() => {})
    const replayed = await fetch(again.input, withToken(again, another))
    attachment.replayed(another, origin, replayed.status)
    return replayed
  }
}

/** By what it has: another copy of fetch has a `Request` of its own. */
function isRequest(input: Input): input is Request {
  return typeof (input as Request).clone === 'function' && typeof (input as Request).url === 'string'
}

function urlOf(input: Input): string {
  return isRequest(input) ? input.url : String(input)
}

function methodOf({ input, init }: Call): string {
  return (init?.method ?? (isRequest(input) ? input.method : 'GET')).toUpperCase()
}

function signalOf({ input, init }: Call): AbortSignal | undefined {
  return init?.signal ?? (isRequest(input) ? input.signal : undefined)
}

function callOf(input: Input, init: Init | undefined): Call {
  // `fetch(url, request)` is allowed, and the fields of a `Request` are none that a copy would have.
  if (init !== undefined && isRequest(init as Request)) {
    return callOf(new (init.constructor as typeof Request)(input, init), undefined)
  }
  return { input, init, headers: new Headers(init?.headers ?? (isRequest(input) ? input.headers : undefined)) }
}

function asRead({ init, headers }: Call): Init | undefined {
  return init?.headers === undefined ? init : { ...init, headers }
}

function withToken({ init, headers }: Call, token: CarriedToken): Init {
  headers.set('authorization', token.header)
  return { ...init, headers }
}

/** The call once more, where its body can be had a second time. A `Request` has a stream, which is read here twice. */
function spareOf(call: Call): Call | undefined {
  const { input, init } = call
  if (init?.body != null) return canResend(init.body) ? call : undefined
  return isRequest(input) && input.body !== null ? { ...call, input: input.clone() } : call
}

/** Lets go of a body that was kept for nothing. */
function discard(spare: Call | undefined): void {
  if (spare !== undefined && isRequest(spare.input) && spare.init?.body == null)
    spare.input.body?.cancel().catch(() => {})
}

function canResend(body: unknown): boolean {
  if (typeof body === 'string' || body instanceof URLSearchParams || body instanceof Blob) return true
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true
  return Object.prototype.toString.call(body) === '[object FormData]'
}
