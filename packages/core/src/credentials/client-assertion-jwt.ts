import { randomBytes } from 'node:crypto'
import type { TokenRequestDraft } from './credential-part.js'

/** How long an assertion is valid. It is sent at once. */
const lifetimeSeconds = 60

/** The settings of an assertion. */
export interface AssertionSettings {
  readonly audience?: string | undefined
  readonly typ?: string | undefined
}

/**
 * Claims of a client's assertion (RFC 7523 §3), and its `typ`. Its audience is the issuer, and the type states its purpose,
 * so that no server can use it at another (rfc7523bis §4). If the issuer is unknown, the audience is the token endpoint,
 * which most servers still accept. There is no `nbf`: with a fast clock, it would make the assertion invalid.
 */
export function assertionClaims(
  { server, issuerIsKnown, clientId, now }: TokenRequestDraft,
  settings: AssertionSettings,
): { readonly typ: string; readonly [claim: string]: unknown } {
  const iat = Math.floor(now / 1000)
  return {
    typ: settings.typ ?? (issuerIsKnown ? 'client-authentication+jwt' : 'JWT'),
    iss: clientId,
    sub: clientId,
    aud: settings.audience ?? server.issuer,
    jti: randomBytes(32).toString('base64url'),
    iat,
    exp: iat + lifetimeSeconds,
  }
}

/** Header and payload of a JWS (RFC 7515 §7.1), without the signature. */
export function encodeJws(header: object, payload: object): string {
  return [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
}
