import { McaAuthError } from '../error.js'
import type { CredentialOptions } from './credential-options.js'

/** The client secret during one token request. A function is called for each attempt: the secret may be rotated. */
export class SecretReading {
  readonly #source: CredentialOptions['secret']
  /** Read ahead, for the first attempt. */
  #ahead: { readonly secret: string | undefined } | undefined
  #last: string | undefined

  constructor(source: CredentialOptions['secret']) {
    this.#source = source
    if (typeof source !== 'function') this.#last = source
  }

  /** Whether another reading may give another secret. */
  get canChange(): boolean {
    return typeof this.#source === 'function'
  }

  /** What was read last. */
  get last(): string | undefined {
    return this.#last
  }

  /** Reads the secret for whoever needs to know it before the first attempt, which then uses the same. */
  async readAhead(): Promise<string | undefined> {
    const secret = await this.#read()
    this.#ahead = { secret }
    return secret
  }

  /** The secret for the next attempt. */
  async next(): Promise<string | undefined> {
    const ahead = this.#ahead
    this.#ahead = undefined
    return ahead === undefined ? this.#read() : ahead.secret
  }

  /** @throws McaAuthError `MISSING_SECRET_ERROR`, or what the function throws. */
  async #read(): Promise<string | undefined> {
    if (typeof this.#source !== 'function') return this.#source
    const secret: unknown = await this.#source()
    if (typeof secret !== 'string' || secret === '') {
      throw new McaAuthError('MISSING_SECRET_ERROR', 'the `secret` function returned no non-empty string')
    }
    this.#last = secret
    return secret
  }
}
