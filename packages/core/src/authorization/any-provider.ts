import { McaAuthError } from '../error.js'
import { onAbort } from '../provider/abort-listener.js'
import type { ProvidedToken, ProviderInternals } from '../provider/provider-internals.js'
import type { TokenProvider } from '../provider/token-provider.js'
import { type PreparedTokenRequest, prepareTokenRequest, type TokenRequest } from '../token-endpoint/token-request.js'
import { fitsHeader } from '../token-endpoint/token-syntax.js'

interface AnyTokenRequest extends PreparedTokenRequest {
  readonly request: TokenRequest | undefined
}

const invalidateTimeoutMs = 1_000
const adapted = new WeakMap<TokenProvider, AnyProvider>()

/** One for each provider, however many clients share it. */
export function anyProvider(provider: TokenProvider): ProviderInternals {
  const known = adapted.get(provider) ?? new AnyProvider(provider)
  adapted.set(provider, known)
  return known
}

/**
 * Adapts a provider that core did not create: a stub in a test, a wrapper around another vendor's credential. It does its
 * own caching, so it is called for every request.
 */
class AnyProvider implements ProviderInternals {
  readonly rules = {}
  readonly #provider: TokenProvider
  /** The last rejected token, by key: many late rejections of one token count once. */
  readonly #rejected = new Map<string, string>()
  /** Settles when the provider has been notified of every rejection. */
  #invalidated: Promise<unknown> = Promise.resolve()

  constructor(provider: TokenProvider) {
    this.#provider = provider
  }

  prepare(request?: TokenRequest): AnyTokenRequest {
    return { ...prepareTokenRequest(request ?? {}), request }
  }

  take(): undefined {
    return undefined
  }

  async acquire(prepared: PreparedTokenRequest, signal: AbortSignal | undefined): Promise<ProvidedToken> {
    await untilAborted(signal, this.#invalidated)
    const { request } = prepared as AnyTokenRequest
    let given: unknown
    try {
      given = await untilAborted(signal, this.#provider.getToken({ ...request, ...(signal && { signal }) }))
    } catch (error) {
      if (error instanceof McaAuthError || signal?.aborted) throw error
      // Not as `cause`: the error of another vendor's client may quote its request.
      throw new McaAuthError('TOKEN_REQUEST_FAILED', `the token provider failed: ${nameOf(error)}`)
    }
    return new GivenToken(prepared.key, given)
  }

  isCurrent(token: ProvidedToken): boolean {
    return this.#rejected.get(token.key) !== token.accessToken
  }

  reject(token: ProvidedToken): void {
    if (this.#rejected.size >= 1000) this.#rejected.clear()
    this.#rejected.set(token.key, token.accessToken)
    const invalidate = async () => this.#provider.invalidate?.(token.accessToken)
    // Its errors are ignored: they must end neither the process nor this request.
    this.#invalidated = Promise.all([this.#invalidated, withinReason(invalidate().catch(() => {}))]).then(() => {})
  }
}

/** A token from such a provider; redacted when logged. */
class GivenToken implements ProvidedToken {
  readonly key: string
  readonly #accessToken: string

  constructor(key: string, given: unknown) {
    const { accessToken, tokenType = 'Bearer' } = (given ?? {}) as { accessToken?: unknown; tokenType?: unknown }
    if (!fitsHeader(accessToken)) {
      throw new McaAuthError('TOKEN_RESPONSE_INVALID', 'the token provider returned no usable `accessToken`')
    }
    if (typeof tokenType !== 'string' || tokenType.toLowerCase() !== 'bearer') {
      throw new McaAuthError('TOKEN_RESPONSE_INVALID', 'the token provider returned a token whose type is not Bearer')
    }
    this.key = key
    this.#accessToken = accessToken
  }

  get accessToken(): string {
    return this.#accessToken
  }

  get header(): string {
    return `Bearer ${this.#accessToken}`
  }

  toJSON(): string {
    return '[AccessToken: redacted]'
  }
}

/** An abort ends the wait, even if the provider ignores the signal. */
async function untilAborted<T>(signal: AbortSignal | undefined, work: Promise<T> | T): Promise<T> {
  if (signal === undefined) return work
  if (signal.aborted) throw signal.reason
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = onAbort(signal, () => reject(signal.reason))
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    stop()
  }
}

/** A provider that never settles a notification must not delay later requests. */
function withinReason(work: Promise<unknown>): Promise<unknown> {
  const timeout = new Promise((resolve) => setTimeout(resolve, invalidateTimeoutMs).unref())
  return Promise.race([work, timeout])
}

/** Code or name of a foreign error, which may be any value. */
function nameOf(error: unknown): string {
  try {
    const { name, code } = error as { name?: unknown; code?: unknown }
    return String(code ?? name ?? 'unknown error').slice(0, 100)
  } catch {
    return 'unknown error'
  }
}
