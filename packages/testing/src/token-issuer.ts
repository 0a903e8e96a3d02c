import { randomUUID } from 'node:crypto'
import { decodeJwt, jwtVerify, SignJWT } from 'jose'
import type { SigningKey } from './signing-key.js'

/** The claims of a token that a resource needs. */
export interface VerifiedToken {
  /** The `aud` of the token. */
  readonly audience: readonly string[]
  /** Scopes, space-separated. */
  readonly scope: string
  /** The subject: a user, or the client itself. */
  readonly subject?: string
  /** The thumbprint of the key that it is bound to (RFC 9449 §6.1), if there is one. */
  readonly thumbprint?: string
  /** The digest of the certificate that it is bound to (`x5t#S256`, RFC 8705 §3.1), if it is. */
  readonly certificateThumbprint?: string
}

/** The key or certificate that a token is bound to (RFC 7800). */
export interface Confirmation {
  readonly jkt?: string | undefined
  readonly 'x5t#S256'?: string | undefined
}

/** Signs tokens, with the claims of App ID or MCA or with any others, and knows which of them have been revoked. */
export class TokenIssuer {
  readonly #key: SigningKey
  readonly #tenantId: string
  readonly #clientId: string
  readonly #revoked = new Set<string>()
  readonly #issued = new Set<string>()

  constructor(key: SigningKey, tenantId: string, clientId: string) {
    this.#key = key
    this.#tenantId = tenantId
    this.#clientId = clientId
  }

  get publicKey(): SigningKey['jwk'] {
    return this.#key.jwk
  }

  get keyId(): string {
    return `appId-${this.#tenantId}-2018-08-02T12:04:09.728`
  }

  signMca(scope: string, expiresAt: number, cnf?: Confirmation): Promise<string> {
    const own = { iss: 'imf-authserver', prn: this.#clientId, aud: this.#tenantId, 'imf.scope': scope }
    const claims = { ...own, ...confirmation(cnf) }
    return this.sign({ alg: 'RS256', typ: 'JWT' }, claims, expiresAt)
  }

  /** Version 3 has a bare host as issuer and a string as audience. */
  signAppId(version: 3 | 4, issuer: string, scope: string, expiresAt: number, cnf?: Confirmation): Promise<string> {
    const isV4 = version === 4
    const claims = {
      iss: isV4 ? issuer : new URL(issuer).hostname,
      aud: isV4 ? [this.#clientId] : this.#clientId,
      sub: this.#clientId,
      tenant: this.#tenantId,
      scope,
      ...confirmation(cnf),
    }
    return this.sign({ alg: 'RS256', typ: isV4 ? 'JWT' : 'JOSE', kid: this.keyId, ver: version }, claims, expiresAt)
  }

  /** A token of a user. This client may always use it, whatever its audience. */
  signUser(issuer: string, claims: object, expiresAt: number, audience: readonly string[] = []): Promise<string> {
    const all = { iss: issuer, aud: [...new Set([...audience, this.#clientId])], tenant: this.#tenantId, ...claims }
    return this.sign({ alg: 'RS256', typ: 'JWT', kid: this.keyId }, all, expiresAt)
  }

  revoke(token: string): void {
    this.#revoked.add(String(decodeJwt(token).jti))
  }

  revokeAll(): void {
    for (const id of this.#issued) this.#revoked.add(id)
    this.#issued.clear()
  }

  async verify(token: string): Promise<VerifiedToken | undefined> {
    try {
      const { payload } = await jwtVerify(token, this.#key.publicKey)
      // To the millisecond: tests use tokens that expire after a second or two.
      if ((payload.exp ?? 0) * 1000 <= Date.now() || this.#revoked.has(payload.jti ?? '')) return undefined
      const scope = payload.scope ?? payload['imf.scope']
      const { jkt, 'x5t#S256': certificate } = (payload.cnf ?? {}) as Record<string, unknown>
      return {
        audience: [payload.aud ?? []].flat(),
        scope: typeof scope === 'string' ? scope : '',
        ...(typeof payload.sub === 'string' && { subject: payload.sub }),
        ...(typeof jkt === 'string' && { thumbprint: jkt }),
        ...(typeof certificate === 'string' && { certificateThumbprint: certificate }),
      }
    } catch {
      return undefined
    }
  }

  /** Signs any claims, with the times and an id added. `expiresAt` is in ms. */
  sign(header: { alg: string; [name: string]: unknown }, claims: object, expiresAt: number): Promise<string> {
    const jti = randomUUID()
    this.#issued.add(jti)
    const times = { exp: expiresAt / 1000, iat: Math.floor(Date.now() / 1000) }
    return new SignJWT({ ...claims, ...times, jti }).setProtectedHeader(header).sign(this.#key.privateKey)
  }
}

/** RFC 9449 §6.1, RFC 8705 §3.1 */
export function confirmation(cnf: Confirmation = {}): object {
  return Object.values(cnf).every((value) => value === undefined) ? {} : { cnf }
}
