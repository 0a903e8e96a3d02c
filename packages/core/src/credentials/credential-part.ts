import type { Agent } from 'node:https'
import type { SecureContext, SecureContextOptions } from 'node:tls'

/** The relevant metadata of an authorization server (RFC 8414 §2). */
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
  /** Advice for a denied request, added to the message. */
  readonly hints: string[]
}

/** The credential that a part of a token request presents, as read for one attempt. Contains secrets. */
export interface Reading {
  /** Differs if a new reading differs: then a denied token request is worth repeating. */
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
  /** The client certificate for the connection of the token request, and of all requests with the token. */
  readonly certificate?: ConnectionCertificate
  /** Texts that may name the subject, which are also masked in messages. Called if there is a message. */
  readonly names?: () => readonly string[]
  write(draft: TokenRequestDraft): void | Promise<void>
}

/** One reading of a client certificate (RFC 8705). */
export interface ConnectionCertificate {
  /** `x5t#S256` of a token that is bound to it. */
  readonly thumbprint: string
  /** False once it has been replaced or has expired: then no resource accepts a token that is bound to it. */
  readonly isCurrent: boolean
  /** Makes its connections. `undefined` if the process has a custom agent for all requests. */
  readonly agent: Agent | undefined
  /** The same, for connections without the proxy that Node.js takes from the environment (`NODE_USE_ENV_PROXY`). */
  readonly directAgent: Agent | undefined
  /** Sends token requests over its connections. */
  readonly fetch: typeof globalThis.fetch
  /** Options of `tls.connect()` for a connection with it, in addition to those that are given. */
  tlsOptions(given: SecureContextOptions): TlsOptions
}

export interface TlsOptions {
  readonly secureContext: SecureContext
  /** Without a meaning for clients. It distinguishes certificates in pools that compare connection options. */
  readonly sessionIdContext: string
}

/** How a grant sends if its token request does not have OAuth's form. */
export interface OwnSending {
  readonly scope: string | undefined
  readonly resource: readonly string[] | undefined
  readonly parameters: Readonly<Record<string, string>> | undefined
  readonly signal: AbortSignal
  readonly hints: string[]
  /** Sends with the option `fetch`, like all token requests. Secrets in the request are masked in messages. */
  fetch(url: URL, init: { method: string; headers: Readonly<Record<string, string>>; body?: string }): Promise<Response>
  /** The `access_token` of a response, read like a response of a token endpoint. */
  tokenIn(response: Response): Promise<string>
}

/**
 * One part of a token request: the grant, or the client's authentication. `ibmIam()`, `privateKeyJwt()` and the like return
 * a function that carries one.
 */
export interface CredentialPart {
  /** A description without any secret. */
  readonly name: string
  /** The option that it is for, if a helper returned it. */
  readonly option?: 'grant' | 'clientAuth'
  /** Its settings, comparable within this process by `canonical()`. They may contain secrets. */
  readonly settings: readonly unknown[]
  /** The settings that other processes can compare, without secrets. */
  readonly sharedSettings: readonly unknown[]
  /** Whether other processes can have the same identity. Even if `true`, a reading may turn out not to be shareable. */
  readonly isShareable: boolean
  /** Whether a later reading may differ. */
  readonly canChange: boolean
  /** A static secret, from which keys of a shared cache can be derived. */
  readonly sealingSecret?: string | undefined
  /** The only server that it is for, if there is one. */
  readonly server?: { readonly kind: 'iam' | 'vpc'; readonly url: URL; readonly further?: readonly URL[] } | undefined
  /** Whether a client can authenticate with it without a `clientId`. */
  readonly needsNoClient?: boolean
  /** Replaces OAuth's token request: returns a response with the token, or the fields of such a response. */
  readonly send?: (sending: OwnSending) => Promise<Response | Readonly<Record<string, unknown>>>
  /**
   * For a grant that presents the token of an incoming request: returns the same part with this token. The subject is in
   * the key of the token request, since `owner` identifies the client, which is the same for all of them.
   */
  readonly forSubject?: (subjectToken: string) => CredentialPart
  /** Sends over a TLS connection with the certificate, unless the option `fetch` is given. */
  readonly fetch?: typeof globalThis.fetch
  /** The client certificate that the connections need. */
  readonly certificate?: () => Promise<ConnectionCertificate>
  /** Advice for the case that the server does not respond. */
  readonly silenceHint?: string
  /** @throws McaAuthError, or the error of a function of the user's, marked by `callFunction()`. */
  read(): Reading | Promise<Reading>
}

/** Copies of core recognise each other's parts by it. */
const brand = Symbol.for('mca-auth.credential-part.1')

/** Attaches a part to the function that represents it. Stored behind a closure, so that `inspect()` never shows it. */
export function withPart<F extends (...parts: never[]) => unknown>(write: F, part: CredentialPart): F {
  return Object.defineProperty(write, brand, { value: () => part })
}

/** The part that is attached to a function; `undefined` for any other value. */
export function partOf(value: unknown): CredentialPart | undefined {
  return typeof value === 'function' ? (value as { readonly [brand]?: () => CredentialPart })[brand]?.() : undefined
}
