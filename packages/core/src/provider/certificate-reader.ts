import type { ConnectionCertificate } from '../credentials/credential-part.js'

/** The client certificate for connections of requests whose token is not ours: a caller's, that is passed on. */
export class CertificateReader {
  readonly #read: () => Promise<ConnectionCertificate>
  #last: ConnectionCertificate | undefined

  constructor(read: () => Promise<ConnectionCertificate>) {
    this.#read = read
  }

  /** What was read last. */
  get last(): ConnectionCertificate | undefined {
    return this.#last
  }

  /** Whether that can be used for a new connection. */
  get isReady(): boolean {
    return this.#last?.isCurrent === true
  }

  /** @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` */
  async read(): Promise<void> {
    this.#last = await this.#read()
  }
}
