import { AsyncLocalStorage } from 'node:async_hooks'

/** The part of an incoming request that is read. */
export interface IncomingRequest {
  readonly headers: { readonly authorization?: string | undefined }
}

/** The token of an incoming request, as its own bearer: never cached, never renewed. */
export class ForwardedToken {
  readonly #header: string

  constructor(header: string) {
    this.#header = header
  }

  get header(): string {
    return this.#header
  }

  toJSON(): string {
    return '[ForwardedToken: redacted]'
  }

  static {
    const inspectCustom = Symbol.for('nodejs.util.inspect.custom')
    Object.defineProperty(ForwardedToken.prototype, inspectCustom, { value: ForwardedToken.prototype.toJSON })
  }
}

/** `undefined` outside of an incoming request; `none` within one that came without a token. */
const current = new AsyncLocalStorage<ForwardedToken | 'none'>()

/**
 * Runs a function, and all that it starts, on behalf of an incoming request: clients whose `mcaAuth()` has
 * `incoming: 'forward'` send that request's own token, and none where it had none, to their `origins` only.
 *
 * @param request - an `http.IncomingMessage`, or what has its `headers`. Only a Bearer token is passed on.
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
  const authorization: unknown = request?.headers?.authorization
  const isBearer = typeof authorization === 'string' && /^Bearer [\x21-\x7e]+$/i.test(authorization)
  return current.run(isBearer ? new ForwardedToken(authorization) : 'none', run)
}

/** What the request that is being served brought along. */
export function incomingToken(): ForwardedToken | 'none' | undefined {
  return current.getStore()
}
