// Verifies the proofs of bound tokens (RFC 9449 §4.3), synchronously: a mock cannot wait for a promise.
import { createHash, createPublicKey, verify } from 'node:crypto'

/** No clock is wrong here, but a machine may be busy. */
const toleranceSeconds = 120

/**
 * The fault of a proof, or `undefined`. The caller must check whether the proof was used before.
 *
 * @param {string | undefined} proof
 * @param {{ method: string, url: string, token: string }} request `url` without a query
 */
export function problemOf(proof, { method, url, token }) {
  if (proof === undefined) return 'no proof'
  try {
    const { typ, alg, jwk } = partOf(proof, 0)
    const { jti, htm, htu, ath, iat } = partOf(proof, 1)
    const [data, signature] = [proof.slice(0, proof.lastIndexOf('.')), proof.slice(proof.lastIndexOf('.') + 1)]
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const isSigned = verify(
      'sha256',
      Buffer.from(data),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    )
    if (typ !== 'dpop+jwt' || alg !== 'ES256' || !isSigned || typeof jti !== 'string') return 'an invalid proof'
    if (htm !== method) return `a proof for ${htm}`
    if (htu !== url) return `a proof for ${htu}`
    if (ath !== createHash('sha256').update(token).digest('base64url')) return 'a proof for another token'
    return Math.abs(iat - Date.now() / 1000) > toleranceSeconds ? 'a proof of another time' : undefined
  } catch (error) {
    return `a proof that cannot be read: ${error}`
  }
}

/** @returns {any} the claims of a proof */
export const claimsOf = (/** @type {string} */ proof) => partOf(proof, 1)

function partOf(/** @type {string} */ proof, /** @type {number} */ index) {
  return JSON.parse(Buffer.from(proof.split('.')[index] ?? '', 'base64url').toString('utf8'))
}
