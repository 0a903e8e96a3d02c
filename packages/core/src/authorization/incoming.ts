import { AsyncLocalStorage } from 'node:async_hooks'

/** The part of an incoming request that is read. */
export interface IncomingRequest {
  /** A record with lower-case names, or `Headers`. */
  readonly headers: { readonly authorization?: string | undefined } | { get(name: string): string | null }
}

/** The token of an incoming request: neither cached nor refreshed, and redacted when logged. */
export class IncomingToken {
  readonly #header: string
  /** Whether it is bound to the caller's key (RFC 9449): it can be exchanged, but not forwarded without a proof of ours. */
  readonly isBound: boolean

  constructor(header: string, isBound: boolean) {
    this.#header = header
    this.isBound = isBound
  }

  get header(): string {
    return this.#header
  }

  toJSON(): string {
    return '[IncomingToken: redacted]'
  }

  static {
    const inspectCustom = Symbol.for('nodejs.util.inspect.custom')
    Object.defineProperty(IncomingToken.prototype, inspectCustom, { value: IncomingToken.prototype.toJSON })
  }
}

/** `'none'` within an incoming request without a token; `undefined` outside of any. */
export type Incoming = IncomingToken | 'none' | undefined

// Shared by all copies of this package: an application and an adapter may use different ones.
const shared = globalThis as { [key: symbol]: AsyncLocalStorage<Incoming> | undefined }
const name = Symbol.for('mca-auth.incoming.1')
shared[name] ??= new AsyncLocalStorage<Incoming>()
const current: AsyncLocalStorage<Incoming> = shared[name]

/**
 * Runs a function on behalf of an incoming request. Within it, and in everything that it starts, clients whose
 * `mcaAuth()` has `incoming: 'forward'` send that request's own token to their `origins`, or no token if it had none.
 * With `incoming: 'exchange'` they send a token that they request in exchange for it, and fail if there is none.
 *
 * The token is not checked here: authenticate the caller before. Only a Bearer token is forwarded; one that is bound to the
 * caller's key (DPoP) can only be exchanged. If the header is App ID's `Bearer <access token> <identity token>`, only the
 * access token is used.
 *
 * @param request - an `http.IncomingMessage`, a `Request`, or any object with the same `headers`.
 * @returns what the function returns.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { forwardIncoming } from '@mca-auth/core'
 * import { mcaAuth } from '@mca-auth/axios'
 * import axios from 'axios'
 *
 * const orders = axios.create({ baseURL: 'https://orders.example.com' })
 * orders.interceptors.request.use(mcaAuth({ origins: 'https://orders.example.com', incoming: 'forward' }))
 * createServer((request, response) =>
 *   forwardIncoming(request, async () => response.end((await orders.get('/mine')).data)),
 * )
 * ```
 */
export function forwardIncoming<T>(request: IncomingRequest, run: () => T): T {
  const headers = request?.headers as { authorization?: unknown; get?: unknown } | undefined
  const value: unknown =
    typeof headers?.get === 'function' ? headers.get.call(headers, 'authorization') : headers?.authorization
  return current.run(typeof value === 'string' ? tokenIn(value) : 'none', run)
}

/** Two headers joined by a comma count as no token, since the caller would be ambiguous. */
function tokenIn(authorization: string): IncomingToken | 'none' {
  const [, bearer] = /^\s*Bearer\s+([!-+\--~]+)(?:\s+[!-+\--~]+)*\s*$/i.exec(authorization) ?? []
  if (bearer !== undefined) return new IncomingToken(`Bearer ${bearer}`, false)
  const [, bound] = /^\s*DPoP\s+([!-+\--~]+)\s*$/i.exec(authorization) ?? []
  return bound === undefined ? 'none' : new IncomingToken(`DPoP ${bound}`, true)
}

/** The token of the current incoming request. */
export function incomingToken(): Incoming {
  return current.getStore()
}
