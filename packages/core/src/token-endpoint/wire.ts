import type { ServerClock } from '../credentials/server-clock.js'
import { McaAuthError } from '../error.js'
import { certificateHint } from './error-codes.js'
import { FailedAttempt, ownErrorIn } from './failed-attempt.js'
import { safeCause } from './safe-cause.js'
import type { SecretMask } from './secret-mask.js'

/** The requests of one attempt over the network. */
export class Wire {
  /** The secrets that were sent. */
  readonly mask: SecretMask
  readonly #fetch: typeof globalThis.fetch
  readonly #clock: ServerClock | undefined
  readonly #signal: AbortSignal

  constructor(fetch: typeof globalThis.fetch, clock: ServerClock | undefined, mask: SecretMask, signal: AbortSignal) {
    this.mask = mask
    this.#fetch = fetch
    this.#clock = clock
    this.#signal = signal
  }

  async send(
    url: string,
    method: string,
    headers: Readonly<Record<string, string>>,
    body: URLSearchParams | string | undefined,
  ): Promise<Response> {
    this.mask.addRequest(body instanceof URLSearchParams ? body : new URLSearchParams(), headers)
    const [text, signal] = [body === undefined ? undefined : String(body), this.#signal]
    // Never from a cache that a framework may have put into the global fetch.
    const init = { method, headers, body: text, redirect: 'manual', cache: 'no-store', signal } as const
    const { fetch } = { fetch: this.#fetch }
    const sentAt = Date.now()
    const response = await this.#response(() => fetch(url, init as RequestInit))
    this.#clock?.observe(response.headers, sentAt, Date.now())
    return response
  }

  async #response(send: () => Promise<Response>): Promise<Response> {
    try {
      return await send()
    } catch (error) {
      return responseIn(error)
    }
  }

  /** @param what - e.g. `the token request to https://idp.example.com`. */
  failure(what: string, error: unknown): FailedAttempt {
    if (error instanceof FailedAttempt) return error
    const own = ownErrorIn(error)
    const cause = safeCause(error, this.mask)
    const message = `${what} failed${own === undefined ? certificateHint(cause) : `: ${own.message}`}`
    const failure = new McaAuthError('TOKEN_REQUEST_FAILED', message, { cause })
    return new FailedAttempt(own === undefined ? 'transient' : 'bad', failure)
  }
}

/** Whether it is a response of any `fetch`: undici's and node-fetch's have their own classes. */
export function isResponse(value: unknown): value is Response {
  const { status, headers } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Response>
  return typeof status === 'number' && typeof headers?.get === 'function'
}

/** Some clients (ky) throw an error that contains the response, unless its status is a success. */
function responseIn(error: unknown): Response {
  const { response } = (typeof error === 'object' && error !== null ? error : {}) as { response?: unknown }
  if (isResponse(response) && !response.bodyUsed) return response
  throw error
}
