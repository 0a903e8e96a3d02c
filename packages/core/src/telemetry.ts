import { channel } from 'node:diagnostics_channel'
import { McaAuthError, type McaAuthErrorCode } from './error.js'

/** The token that a message is about. No message contains a secret or a token. */
export interface TokenSubject {
  /** Origin and path of the token endpoint; of the issuer while the endpoint is not known; `source` for a function. */
  readonly tokenEndpoint: string
  /** `undefined` for a grant without a client, such as that of IBM Cloud IAM. */
  readonly clientId: string | undefined
  /** Scopes that are requested, space-separated. */
  readonly scope: string | undefined
}

/** How a token request failed. */
export interface TokenFailure extends TokenSubject {
  /** The code of the error that the callers get. */
  readonly code: McaAuthErrorCode
  /** HTTP status of the token response. */
  readonly status: number | undefined
  /** OAuth error code (RFC 6749 §5.2). */
  readonly error: string | undefined
  /** When the next token request may be made, in ms since the epoch. */
  readonly retryAt: number | undefined
}

/** Why a request went without a token of ours. */
export type SkipReason =
  | 'origin-not-listed'
  | 'origin-left'
  | 'own-authorization'
  | 'token-request'
  | 'no-incoming-token'
  | 'token-endpoint'

/** A request that went without a token of ours. */
export interface SkippedRequest {
  /** The adapter: `axios`, `got`, `undici` or `fetch`. */
  readonly client: string
  /** Where the request went; never its path or query. */
  readonly origin: string
  /** Why it has no token. */
  readonly reason: SkipReason
}

/** A challenge for a nonce in the proof of a token that is bound to a key (RFC 9449 §8, §9). */
export interface NonceChallenge {
  /** The origin of the token endpoint or of the resource; never a path, a nonce or a token. */
  readonly origin: string
  /** The status of the response: mostly 400 from a token endpoint, 401 from a resource. */
  readonly status: number
}

/** A client certificate that is not used, e.g. because it does not belong to its key. */
export interface IgnoredCertificate {
  /** Names the file, without showing its content. */
  readonly reason: string
  /** When the certificate in use expires, in ms since the epoch. */
  readonly expiresAt: number
}

/** A failure of the shared cache, which is ignored. */
export interface SharedCacheFailure {
  /** The message of the cache's own error, or that it did not respond in time. */
  readonly reason: string
}

/** The channels of `node:diagnostics_channel` to which providers publish, and the messages on each. */
export interface McaAuthChannels {
  /** A token request is about to be sent; `attempt` counts from 1. */
  'mca-auth:token:requested': TokenSubject & { readonly attempt: number }
  /** A new token is available: issued, or found in the shared cache. `durationMs` counts from the first caller's wait. */
  'mca-auth:token:refreshed': TokenSubject & {
    readonly durationMs: number
    readonly expiresAt: number
    readonly fromSharedCache: boolean
  }
  /** The callers that wait for a token get this error. */
  'mca-auth:token:failed': TokenFailure & { readonly durationMs: number }
  /** A resource rejected the token, which is dropped. */
  'mca-auth:token:refused': TokenSubject & { readonly origin: string }
  /** A token was served in the last part of its lifetime; a refresh runs in the background. */
  'mca-auth:token:stale': TokenSubject & { readonly expiresAt: number }
  /** No token request is made until `retryAt`. */
  'mca-auth:cooldown:entered': TokenFailure
  /** A token was issued again after a failure. */
  'mca-auth:cooldown:left': TokenSubject
  /** A server demands a nonce, or a new one, in the proof of a bound token: the request is sent again, if possible. */
  'mca-auth:dpop:nonce': NonceChallenge
  /** The files of a client certificate have changed, and cannot be used. The previous certificate is used until it expires. */
  'mca-auth:certificate:ignored': IgnoredCertificate
  /** The shared cache failed, and why. Each process then uses its own cache. Also logged with `NODE_DEBUG=mca-auth`. */
  'mca-auth:shared-cache:failed': SharedCacheFailure
  /** A request went without a token of ours, and why. Also logged with `NODE_DEBUG=mca-auth`. */
  'mca-auth:request:skipped': SkippedRequest
}

const channels = {
  requested: channel('mca-auth:token:requested'),
  refreshed: channel('mca-auth:token:refreshed'),
  failed: channel('mca-auth:token:failed'),
  refused: channel('mca-auth:token:refused'),
  stale: channel('mca-auth:token:stale'),
  entered: channel('mca-auth:cooldown:entered'),
  left: channel('mca-auth:cooldown:left'),
  nonce: channel('mca-auth:dpop:nonce'),
}

export function reportNonceChallenge(origin: string, status: number): void {
  if (channels.nonce.hasSubscribers) channels.nonce.publish({ origin, status } satisfies NonceChallenge)
}

/** The details of a token for messages. */
interface Subject {
  /** The form of its token request. */
  readonly key: string
  readonly expiresAt: number
}

/** Publishes the events of one provider. Costs nothing without subscribers: no message is made. */
export class Telemetry {
  readonly #tokenEndpoint: () => string
  readonly #clientId: string | undefined

  /** `tokenEndpoint`: the URL of token requests, which may become known only later. */
  constructor(tokenEndpoint: () => string, clientId: string | undefined) {
    this.#tokenEndpoint = tokenEndpoint
    this.#clientId = clientId
  }

  requested(key: string, attempt: number): void {
    if (channels.requested.hasSubscribers) channels.requested.publish({ ...this.#subject(key), attempt })
  }

  refreshed({ key, expiresAt }: Subject, durationMs: number, fromSharedCache: boolean): void {
    if (!channels.refreshed.hasSubscribers) return
    channels.refreshed.publish({ ...this.#subject(key), durationMs, expiresAt, fromSharedCache })
  }

  failed(key: string, failure: unknown, durationMs: number): void {
    if (!channels.failed.hasSubscribers || !(failure instanceof McaAuthError)) return
    channels.failed.publish({ ...this.#failure(key, failure), durationMs })
  }

  rejected({ key }: Subject, origin: string): void {
    if (channels.refused.hasSubscribers) channels.refused.publish({ ...this.#subject(key), origin })
  }

  stale({ key, expiresAt }: Subject): void {
    if (channels.stale.hasSubscribers) channels.stale.publish({ ...this.#subject(key), expiresAt })
  }

  coolDownEntered(key: string, failure: McaAuthError): void {
    if (channels.entered.hasSubscribers) channels.entered.publish(this.#failure(key, failure))
  }

  coolDownLeft(key: string): void {
    if (channels.left.hasSubscribers) channels.left.publish(this.#subject(key))
  }

  /** The key is the form of the token request, of which only the scope is published. */
  #subject(key: string): TokenSubject {
    const scope = new URLSearchParams(key).get('scope') ?? undefined
    return { tokenEndpoint: this.#tokenEndpoint(), clientId: this.#clientId, scope }
  }

  #failure(key: string, { code, status, error, retryAt }: McaAuthError): TokenFailure {
    return { ...this.#subject(key), code, status, error, retryAt }
  }
}
