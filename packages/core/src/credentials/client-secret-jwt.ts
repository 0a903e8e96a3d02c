import { createHmac } from 'node:crypto'
import { addAssertion, assertionClaims, encodeJws } from './client-assertion-jwt.js'
import type { TokenRequestDraft } from './credential-part.js'

/** `client_secret_jwt` (OpenID Connect Core §9): an assertion with an HMAC of the client's secret. */
export function addSecretAssertion(secret: string, draft: TokenRequestDraft): void {
  const { typ, ...claims } = assertionClaims(draft, {})
  const data = encodeJws({ alg: 'HS256', typ }, claims)
  addAssertion(draft, `${data}.${createHmac('sha256', secret).update(data).digest('base64url')}`)
}
