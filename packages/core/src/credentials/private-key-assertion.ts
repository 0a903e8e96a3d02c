import { createHash, X509Certificate } from 'node:crypto'
import { addAssertion, assertionClaims, encodeJws } from './client-assertion-jwt.js'
import type { TokenRequestDraft } from './credential-part.js'
import type { PrivateKeyJwtSettings, SigningKey } from './private-key.js'
import { signJws } from './private-key-signature.js'

/** Adds an assertion signed with the client's private key (RFC 7523 §2.2). */
export async function addPrivateKeyAssertion(
  key: SigningKey,
  settings: PrivateKeyJwtSettings,
  draft: TokenRequestDraft,
): Promise<void> {
  const { typ, ...claims } = assertionClaims(draft, settings)
  const alg = settings.alg ?? key.alg ?? listedAlgorithm(key, draft)
  const header = { alg, typ, kid: settings.kid ?? key.kid, 'x5t#S256': thumbprint(settings.certificate) }
  const data = encodeJws(header, claims)
  addAssertion(draft, `${data}.${await signJws(key, alg, data)}`)
}

/** The first algorithm of the key that the server lists (RFC 8414 §2), or simply the first. */
function listedAlgorithm({ algorithms }: SigningKey, { server }: TokenRequestDraft): string {
  const listed = server.token_endpoint_auth_signing_alg_values_supported
  return algorithms.find((alg) => listed?.includes(alg)) ?? (algorithms[0] as string)
}

/** RFC 7515 §4.1.8. */
function thumbprint(certificate: string | Uint8Array | undefined): string | undefined {
  if (certificate === undefined) return undefined
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url')
}
