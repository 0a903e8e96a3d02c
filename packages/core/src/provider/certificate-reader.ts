import type { ConnectionCertificate } from '../credentials/credential-part.js'

/** The client certificate for requests whose token is not ours, but a forwarded one of a caller. */
export class CertificateReader {
  readonly #read: () => Promise<ConnectionCertificate>
  #last: ConnectionCertificate | undefined

  constructor(read: () => Promise<ConnectionCertificate>) {
    this.#read = read
  }

  /** The last reading. */
  get last(): ConnectionCertificate | undefined {
    return this.#last
  }

  /** Whether the last reading can be used for a new connection. */
  get isReady(): boolean {
    return this.#last?.isCurrent === true
  }

  /** @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` */
  async read(): Promise<void> {
    this.#last = await this.#read()
  }
}
