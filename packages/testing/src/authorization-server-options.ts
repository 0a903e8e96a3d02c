import type { ServerTls } from './server-tls.js'

/** Settings of `startAuthorizationServer()`. */
export interface AuthorizationServerOptions {
  /** The tenant of App ID and MCA. @default a random UUID */
  readonly tenantId?: string
  /** The client that may request tokens. @default 'test-client' */
  readonly clientId?: string
  /** Its secret. @default 'not-a-real-secret' */
  readonly secret?: string
  /** App ID's token version: 3 has a bare host as issuer and a string audience. @default 4 */
  readonly version?: 3 | 4
  /** Lifetime of tokens, in seconds. @default 3600 */
  readonly lifetimeSeconds?: number
  /** App ID documents `expires_in` as a string and sends a number. @default 'number' */
  readonly expiresInAs?: 'number' | 'string'
  /**
   * Speaks https and requests a client certificate, which authenticates the client (RFC 8705 §2) and to which its tokens are
   * bound (§3).
   * @default plain HTTP
   */
  readonly tls?: ServerTls
}
