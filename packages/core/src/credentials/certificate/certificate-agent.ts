import { Agent, type AgentOptions, type RequestOptions } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import type { TlsOptions } from '../credential-part.js'

/**
 * An agent whose connections have a client certificate. Its `options` do not contain it, since others copy them (axios for an
 * agent of a proxy, which would then present the certificate to any server).
 */
export class CertificateAgent extends Agent {
  readonly #tlsOptions: (given: SecureContextOptions) => TlsOptions

  constructor(options: AgentOptions, tlsOptions: (given: SecureContextOptions) => TlsOptions) {
    super({ ...options, keepAlive: options.keepAlive ?? true })
    this.#tlsOptions = tlsOptions
  }

  override createConnection(
    options: RequestOptions,
    callback?: Parameters<Agent['createConnection']>[1],
  ): ReturnType<Agent['createConnection']> {
    return super.createConnection({ ...options, ...this.#tlsOptions(options) }, callback)
  }

  /** Stops keeping connections alive. Those in use end with the response. */
  retire(): void {
    ;(this as { keepAlive?: boolean }).keepAlive = false
    for (const sockets of Object.values(this.freeSockets)) for (const socket of [...(sockets ?? [])]) socket.destroy()
  }
}
