import type { AuthorizationServer } from 'oauth4webapi'

/** A token request that is being written. */
export interface TokenRequestDraft {
  /** Metadata of the server, as far as they are known (RFC 8414). */
  readonly server: AuthorizationServer
  /** Whether `server.issuer` is the issuer; otherwise it is not known, and the token endpoint stands there. */
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
   * Names whoever presents it, in every process. For a shared cache: only a keyed digest of it leaves this one.
   * `undefined`: nothing of it can be compared.
   */
  readonly owner: string | undefined
  /** What a response must not show, in any encoding, beyond what was written. */
  readonly secrets: readonly string[]
  write(draft: TokenRequestDraft): void | Promise<void>
}

/**
 * One part of a token request: the grant, or the client's authentication. What `ibmIam()`, `privateKeyJwt()` and the
 * like return is a function that carries one.
 */
export interface CredentialPart {
  /** What it is, without any secret. */
  readonly name: string
  /** Its settings, comparable within this process, as `canonical()` does it. They may hold secrets. */
  readonly settings: readonly unknown[]
  /** What of the settings other processes can compare, and that holds no secret. `undefined`: nothing. */
  readonly sharedSettings: readonly unknown[] | undefined
  /** Whether another reading may give something else. */
  readonly canChange: boolean
  /** A static secret, from which keys of a shared cache can be derived. */
  readonly sealingSecret?: string | undefined
  /** The server that it is for, if it is for one only. Then no client is needed either. */
  readonly server?: { readonly kind: 'iam' | 'vpc'; readonly url: URL } | undefined
  /** Whether it works without a `clientId`. */
  readonly needsNoClient?: boolean
  /** @throws McaAuthError, or what a function of the user's threw, marked by `callFunction()`. */
  read(): Reading | Promise<Reading>
}

/** Copies of core know each other's by it. */
const brand = Symbol.for('mca-auth.credential-part.1')

/** A function with the part that it stands for. Not enumerable: nothing of it is shown. */
export function withPart<F extends (...parts: never[]) => unknown>(write: F, part: CredentialPart): F {
  return Object.defineProperty(write, brand, { value: part })
}

/** The part that a function of ours stands for; `undefined` for any other value. */
export function partOf(value: unknown): CredentialPart | undefined {
  return typeof value === 'function' ? (value as { readonly [brand]?: CredentialPart })[brand] : undefined
}
