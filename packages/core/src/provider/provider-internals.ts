import type { ConnectionCertificate } from '../credentials/credential-part.js'
import type { SubjectToken } from '../credentials/subject-token.js'
import type { PreparedTokenRequest, TokenRequest } from '../token-endpoint/token-request.js'
import type { CertificateReader } from './certificate-reader.js'

/** The options of `authorization/` as given to the provider; declared here, so that no import runs backwards. */
export interface AuthorizationOptionsAsGiven {
  readonly origins?: string | readonly string[] | undefined
  readonly incoming?: 'forward' | 'ignore' | 'exchange' | undefined
  readonly tokenRequest?:
    | ((outgoing: { readonly url: URL; readonly method: string }) => TokenRequest | false | undefined)
    | undefined
  readonly allowInsecureRequests?: boolean | undefined
}

/** A proof for one sending, and the nonce in it. */
export interface Proof {
  readonly proof: string
  readonly nonce: string | undefined
}

/** Proves, with each sending, the possession of the key that a token is bound to (RFC 9449). */
export interface TokenBinding {
  /**
   * @param origin - the origin whose nonce to use.
   * @throws McaAuthError if the URL is not known.
   */
  prove(url: string | URL | undefined, method: string, origin: string): Proof
  /** Records the `DPoP-Nonce` of a response from `origin`. Returns whether it is a nonce. */
  learnNonce(origin: string, nonce: string | undefined): boolean
}

/** A token of a provider, ready for a request; redacted when logged. */
export interface ProvidedToken {
  /** Key of its token request; unique within one provider. */
  readonly key: string
  /** `Bearer …`, or `DPoP …` */
  readonly header: string
  readonly accessToken: string
  /** `undefined` for a Bearer token. */
  readonly binding?: TokenBinding | undefined
  /** The client certificate for the connection, if the token is bound to it (RFC 8705 §3). */
  readonly certificate?: ConnectionCertificate | undefined
}

/**
 * The interface of our providers for `authorization/`, beyond the public one. Copies of core share it by name: a
 * provider is recognised by its `[providerInternals]`, never by `instanceof`.
 */
export interface ProviderInternals {
  readonly rules: AuthorizationOptionsAsGiven
  /** `undefined` if connections need no client certificate. */
  readonly certificates?: CertificateReader | undefined
  /** @throws TypeError for anything that is not a token request. */
  prepare(request?: TokenRequest): PreparedTokenRequest
  /** The hot path: the token while fresh or stale. A stale one is refreshed in the background. */
  take(request: PreparedTokenRequest): ProvidedToken | undefined
  /** The token, after a wait if none is cached. An abort ends only this caller's wait. */
  acquire(request: PreparedTokenRequest, signal: AbortSignal | undefined): Promise<ProvidedToken>
  /** Whether this is the token that the cache would serve now. */
  isCurrent(token: ProvidedToken): boolean
  /** A resource at `origin` rejected it: drops it if it is current, here and in the shared cache. */
  reject(token: ProvidedToken, origin: string): void
  /**
   * Exchanges the tokens of incoming requests. `undefined` if the provider cannot, missing if it is not ours or of an older
   * copy.
   */
  readonly exchanging?: ExchangingProvider | undefined
}

/** The same for tokens on behalf of others: it accepts only token requests with a subject. */
export interface ExchangingProvider extends ProviderInternals {
  onBehalfOf(request: PreparedTokenRequest, subject: SubjectToken): PreparedTokenRequest
}

export const providerInternals: unique symbol = Symbol.for('mca-auth.provider.1')

/** `undefined` for anything but a provider that some copy of core created. */
export function internalsOf(provider: unknown): ProviderInternals | undefined {
  // Not inherited: an object that overrides a method of ours is a custom provider.
  if (typeof provider !== 'object' || provider === null || !Object.hasOwn(provider, providerInternals)) return undefined
  return (provider as { readonly [providerInternals]?: ProviderInternals })[providerInternals]
}
