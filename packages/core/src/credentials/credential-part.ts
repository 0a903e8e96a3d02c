import type { Agent } from 'node:https'
import type { SecureContext, SecureContextOptions } from 'node:tls'

/** Metadata of an authorization server, as far as they are of use (RFC 8414 §2). */
export interface ServerMetadata {
  /** The issuer, or the token endpoint if the issuer is not known. */
  readonly issuer: string
  readonly token_endpoint: string
  readonly token_endpoint_auth_methods_supported?: readonly string[]
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[]
  readonly dpop_signing_alg_values_supported?: readonly string[]
  readonly mtls_endpoint_aliases?: Readonly<Record<string, unknown>>
}

/** A token request under construction. */
export interface TokenRequestDraft {
  readonly server: ServerMetadata
  /** Whether `server.issuer` is the issuer. */
  readonly issuerIsKnown: boolean
  readonly clientId: string | undefined
  readonly body: URLSearchParams
  readonly headers: Headers
  /** The time by the server's clock, in ms since the epoch. */
  readonly now: number
  /** What to try if the request is denied, to be added to the message. */
  readonly hints: string[]
}

/** What a part of a token request presents, as it was read for one attempt. It holds secrets. */
export interface Reading {
  /** Differs if another reading gave something else: then a denial is worth another token request. */
  readonly text: string
  /**
   * Identifies the client or subject in the same way in every process. Used for a shared cache, which sees only a keyed
   * digest of it.
   */
  readonly owner: string
  /** Whether `owner` identifies it fully. Functions and keys that cannot be exported cannot be compared. */
  readonly isShareable: boolean
  /** Secrets to mask in messages, in addition to what is sent. */
  readonly secrets: readonly string[]
  /** What the connection of the token request must have, and those of all requests with the token. */
  readonly certificate?: ConnectionCertificate
  /** What may name the subject, to mask in messages as well. Called if there is a message. */
  readonly names?: () => readonly string[]
  write(draft: TokenRequestDraft): void | Promise<void>
}

/** A client certificate as it was read once (RFC 8705). */
export interface ConnectionCertificate {
  /** `x5t#S256` of a token that is bound to it. */
  readonly thumbprint: string
  /** Whether it has been neither replaced nor expired: then no resource accepts a token that is bound to it. */
  readonly isCurrent: boolean
  /** Makes its connections. `undefined` if the process has an agent of another kind for all requests. */
  readonly agent: Agent | undefined
  /** Sends token requests over its connections. */
  readonly fetch: typeof globalThis.fetch
  /** Options of `tls.connect()` for a connection with it, in addition to those that are given. */
  tlsOptions(given: SecureContextOptions): TlsOptions
}

export interface TlsOptions {
  readonly secureContext: SecureContext
  /** Without a meaning for clients; pools that go by their connections' options tell certificates apart by it. */
  readonly sessionIdContext: string
}

/** How a grant sends that has no token request of OAuth's form. */
export interface OwnSending {
  readonly scope: string | undefined
  readonly resource: readonly string[] | undefined
  readonly parameters: Readonly<Record<string, string>> | undefined
  readonly signal: AbortSignal
  readonly hints: string[]
  /** With the option `fetch`, as all token requests. What is sent is masked in messages. */
  fetch(url: URL, init: { method: string; headers: Readonly<Record<string, string>>; body?: string }): Promise<Response>
  /** The `access_token` of a response, read as that of a token endpoint. */
  tokenIn(response: Response): Promise<string>
}

/**
 * One part of a token request: the grant, or the client's authentication. What `ibmIam()`, `privateKeyJwt()` and the
 * like return is a function that carries one.
 */
export interface CredentialPart {
  /** What it is, without any secret. */
  readonly name: string
  /** Of what a helper returns: the option that it is for. */
  readonly option?: 'grant' | 'clientAuth'
  /** Its settings, comparable within this process, as `canonical()` does it. They may hold secrets. */
  readonly settings: readonly unknown[]
  /** What of the settings other processes can compare, and that holds no secret. */
  readonly sharedSettings: readonly unknown[]
  /** Whether other processes can have the same identity. If `true`, a reading may still turn out not to be shareable. */
  readonly isShareable: boolean
  /** Whether another reading may give something else. */
  readonly canChange: boolean
  /** A static secret, from which keys of a shared cache can be derived. */
  readonly sealingSecret?: string | undefined
  /** The server that it is for, if it is for one only. */
  readonly server?: { readonly kind: 'iam' | 'vpc'; readonly url: URL; readonly further?: readonly URL[] } | undefined
  /** Whether a client can authenticate by it without a `clientId`. */
  readonly needsNoClient?: boolean
  /** In place of OAuth's token request: a response with the token, or the fields that one would have. */
  readonly send?: (sending: OwnSending) => Promise<Response | Readonly<Record<string, unknown>>>
  /**
   * Of a grant that presents the token of an incoming request: the same part with this token. Whose token it is belongs
   * into the key of the token request: `owner` says who asks, which is the same for all of them.
   */
  readonly forSubject?: (subjectToken: string) => CredentialPart
  /** Sends with what it presents in the TLS connection, unless the option `fetch` is given. */
  readonly fetch?: typeof globalThis.fetch
  /** The client certificate that the connections need. */
  readonly certificate?: () => Promise<ConnectionCertificate>
  /** What to look at if nothing answers. */
  readonly silenceHint?: string
  /** @throws McaAuthError, or what a function of the user's threw, marked by `callFunction()`. */
  read(): Reading | Promise<Reading>
}

/** Copies of core know each other's by it. */
const brand = Symbol.for('mca-auth.credential-part.1')

/** Attaches a part to the function that represents it. Stored behind a closure, so that `inspect()` never shows it. */
export function withPart<F extends (...parts: never[]) => unknown>(write: F, part: CredentialPart): F {
  return Object.defineProperty(write, brand, { value: () => part })
}

/** The part that is attached to a function; `undefined` for any other value. */
export function partOf(value: unknown): CredentialPart | undefined {
  return typeof value === 'function' ? (value as { readonly [brand]?: () => CredentialPart })[brand]?.() : undefined
}
