import { randomBytes } from 'node:crypto'
import type { TokenRequestDraft } from './credential-part.js'

/** How long an assertion is valid. It is sent at once. */
const lifetimeSeconds = 60

/** What of an assertion can be chosen. */
export interface AssertionSettings {
  readonly audience?: string | undefined
  readonly typ?: string | undefined
}

/**
 * Claims of a client's assertion (RFC 7523 §3), and its `typ`. Its audience is the issuer, and the type says what it is
 * for, so that no server can use it at another (rfc7523bis §4). Without a known issuer it is the token endpoint, which most
 * servers still take. There is no `nbf`: a clock that is fast would make the assertion invalid.
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

/** RFC 7521 §4.2. The id is optional there; servers that look a client up by it need it. */
export function addAssertion({ body, clientId }: TokenRequestDraft, assertion: string, type = 'jwt-bearer'): void {
  if (clientId !== undefined) body.set('client_id', clientId)
  body.set('client_assertion_type', `urn:ietf:params:oauth:client-assertion-type:${type}`)
  body.set('client_assertion', assertion)
}
