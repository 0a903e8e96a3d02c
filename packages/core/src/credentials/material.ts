import type { ConnectionCertificate, CredentialPart, Reading, TokenRequestDraft } from './credential-part.js'
import { canonical } from './identity.js'

/** The credentials of one attempt of a token request: the grant and the client's authentication, as read for it. */
export interface Material {
  /** Differs if any of it has changed. Secret. */
  readonly text: string
  /** Identifies the client or subject, for a shared cache. Secret. */
  readonly owner: string
  /** Whether `owner` identifies it fully. */
  readonly isShareable: boolean
  readonly secrets: readonly string[]
  /** The certificate that the connection must have. */
  readonly certificate: ConnectionCertificate | undefined
  /** Texts that may name the subject. */
  readonly names: () => readonly string[]
  readonly write: (draft: TokenRequestDraft) => Promise<void>
}

/** The material during one token request. Anything that can change is read again for each attempt, as it may be rotated. */
export class MaterialReader {
  readonly #parts: readonly CredentialPart[]
  /** Read ahead, for the first attempt. */
  #ahead: Material | undefined
  #last: Material | undefined

  /** The parts write in this order. */
  constructor(parts: readonly CredentialPart[]) {
    this.#parts = parts
  }

  /** Whether a later reading may differ. */
  get canChange(): boolean {
    return this.#parts.some((part) => part.canChange)
  }

  /** The last reading. */
  get last(): Material | undefined {
    return this.#last
  }

  /** Reads the material before the first attempt, which then uses the same reading. */
  async readAhead(): Promise<Material> {
    this.#ahead = await this.#read()
    return this.#ahead
  }

  /**
   * The material for the next attempt.
   *
   * @throws McaAuthError, or the error of a function of the user's.
   */
  async next(): Promise<Material> {
    const ahead = this.#ahead
    this.#ahead = undefined
    return ahead ?? this.#read()
  }

  async #read(): Promise<Material> {
    const readings: Reading[] = []
    for (const part of this.#parts) readings.push(await part.read())
    this.#last = {
      text: canonical(readings.map(({ text }) => text)),
      owner: canonical(readings.map(({ owner }) => owner)),
      isShareable: readings.every(({ isShareable }) => isShareable),
      secrets: readings.flatMap(({ secrets }) => secrets),
      certificate: readings.find(({ certificate }) => certificate !== undefined)?.certificate,
      names: () => readings.flatMap(({ names }) => names?.() ?? []),
      write: async (draft) => {
        for (const reading of readings) await reading.write(draft)
      },
    }
    return this.#last
  }
}
