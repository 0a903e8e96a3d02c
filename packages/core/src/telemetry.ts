import { channel } from 'node:diagnostics_channel'
import type { Credentials } from './credentials/credentials.js'
import { McaAuthError, type McaAuthErrorCode } from './error.js'
import type { CachedToken } from './provider/access-token.js'
import type { PreparedTokenRequest } from './token-endpoint/token-request.js'

/** Whose token it is about. No message holds a secret or a token. */
export interface TokenSubject {
  /** Origin and path of the token endpoint. */
  readonly tokenEndpoint: string
  readonly clientId: string
  /** Scopes that are asked for, space-separated. */
  readonly scope: string | undefined
}

/** How a token request failed. */
export interface TokenFailure extends TokenSubject {
  readonly code: McaAuthErrorCode
  /** HTTP status of the token response. */
  readonly status: number | undefined
  /** OAuth error code (RFC 6749 §5.2). */
  readonly error: string | undefined
  /** When the next token request may be made, in ms since the epoch. */
  readonly retryAt: number | undefined
}

/** The channels of `node:diagnostics_channel` on which providers tell what they do, and the messages on each. */
export interface McaAuthChannels {
  /** A token request is about to be sent; `attempt` counts from 1. */
  'mca-auth:token:requested': TokenSubject & { readonly attempt: number }
  /** A token is there: issued, or taken from the shared cache. `durationMs`: from the first caller's wait on. */
  'mca-auth:token:refreshed': TokenSubject & {
    readonly durationMs: number
    readonly expiresAt: number
    readonly fromSharedCache: boolean
  }
  /** Those who wait for a token get this error. */
  'mca-auth:token:failed': TokenFailure & { readonly durationMs: number }
  /** A resource refused the token, which is dropped. */
  'mca-auth:token:refused': TokenSubject & { readonly origin: string }
  /** A token was served in the last part of its life; a refresh runs behind its caller. */
  'mca-auth:token:stale': TokenSubject & { readonly expiresAt: number }
  /** No token request is made until `retryAt`. */
  'mca-auth:cooldown:entered': TokenFailure
  /** A token was issued again after a failure. */
  'mca-auth:cooldown:left': TokenSubject
}

const channels = {
  requested: channel('mca-auth:token:requested'),
  refreshed: channel('mca-auth:token:refreshed'),
  failed: channel('mca-auth:token:failed'),
  refused: channel('mca-auth:token:refused'),
  stale: channel('mca-auth:token:stale'),
  entered: channel('mca-auth:cooldown:entered'),
  left: channel('mca-auth:cooldown:left'),
}

/** What one provider tells. Costs nothing while nobody listens: a message is made when somebody does. */
export class Telemetry {
  readonly #tokenEndpoint: string
  readonly #clientId: string

  constructor({ tokenEndpoint, clientId }: Credentials) {
    this.#tokenEndpoint = `${tokenEndpoint.origin}${tokenEndpoint.pathname}`
    this.#clientId = clientId
  }

  requested(request: PreparedTokenRequest, attempt: number): void {
    if (channels.requested.hasSubscribers) channels.requested.publish({ ...this.#subject(request.key), attempt })
  }

  refreshed(token: CachedToken, durationMs: number, fromSharedCache: boolean): void {
    if (!channels.refreshed.hasSubscribers) return
    const { key, expiresAt } = token
    channels.refreshed.publish({ ...this.#subject(key), durationMs, expiresAt, fromSharedCache })
  }

  failed(request: PreparedTokenRequest, failure: unknown, durationMs: number): void {
    if (!channels.failed.hasSubscribers || !(failure instanceof McaAuthError)) return
    channels.failed.publish({ ...this.#failure(request.key, failure), durationMs })
  }

  refused({ key }: CachedToken, origin: string): void {
    if (channels.refused.hasSubscribers) channels.refused.publish({ ...this.#subject(key), origin })
  }

  stale({ key, expiresAt }: CachedToken): void {
    if (channels.stale.hasSubscribers) channels.stale.publish({ ...this.#subject(key), expiresAt })
  }

  coolDownEntered(request: PreparedTokenRequest, failure: McaAuthError): void {
    if (channels.entered.hasSubscribers) channels.entered.publish(this.#failure(request.key, failure))
  }

  coolDownLeft(request: PreparedTokenRequest): void {
    if (channels.left.hasSubscribers) channels.left.publish(this.#subject(request.key))
  }

  /** The key is the form of the token request; of it only the scope is told. */
  #subject(key: string): TokenSubject {
    const scope = new URLSearchParams(key).get('scope') ?? undefined
    return { tokenEndpoint: this.#tokenEndpoint, clientId: this.#clientId, scope }
  }

  #failure(key: string, { code, status, error, retryAt }: McaAuthError): TokenFailure {
    return { ...this.#subject(key), code, status, error, retryAt }
  }
}
