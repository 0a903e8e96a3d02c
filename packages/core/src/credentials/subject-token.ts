import { claimsOf } from './jwt-claims.js'

/**
 * The token of an incoming request's caller, to be exchanged (RFC 8693 §1.1): a user's credential. Neither it nor its
 * digest is shown by `inspect` or JSON.
 */
export class SubjectToken {
  readonly #text: string
  readonly #digest: string
  readonly #expiresAt: number | undefined

  constructor(text: string) {
    this.#text = text
    // Not imported, so that an application without exchanges does not pay for it at start.
    const { createHash } = process.getBuiltinModule('node:crypto')
    this.#digest = createHash('sha256').update(text).digest('base64url')
    const exp = claimsOf(text)?.exp
    this.#expiresAt = typeof exp === 'number' ? exp * 1000 : undefined
  }

  get text(): string {
    return this.#text
  }

  /** Equal only for equal tokens. Two tokens of one user may have different rights, so they are two subjects. */
  get digest(): string {
    return this.#digest
  }

  /** Its expiry by the issuer's clock, in ms since the epoch; `undefined` if unknown. Not verified. */
  get expiresAt(): number | undefined {
    return this.#expiresAt
  }

  toJSON(): string {
    return '[SubjectToken: redacted]'
  }

  toString(): string {
    return '[SubjectToken: redacted]'
  }

  static {
    const inspectCustom = Symbol.for('nodejs.util.inspect.custom')
    Object.defineProperty(SubjectToken.prototype, inspectCustom, { value: SubjectToken.prototype.toJSON })
  }
}
