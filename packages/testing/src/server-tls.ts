import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** The certificate of a server. With it, the server speaks https and requests a certificate of each client. */
export interface ServerTls {
  /** As PEM, for `127.0.0.1` or `localhost`. */
  readonly cert: string
  /** Its private key, as PEM. */
  readonly key: string
  /**
   * Certificate authorities as PEM: a client is authenticated only by a certificate that one of them issued.
   * @default any certificate authenticates, even a self-signed one
   */
  readonly ca?: string
}

/** The digest of the client's certificate in the form of tokens (`x5t#S256`, RFC 8705 §3.1), if the client has sent one. */
export function clientThumbprint({ socket }: IncomingMessage): string | undefined {
  const certificate = (socket as Partial<TLSSocket>).getPeerX509Certificate?.()
  return certificate && createHash('sha256').update(certificate.raw).digest('base64url')
}

/** The client certificates of an authorization server. */
export class ClientCertificates {
  /** The digest (`x5t#S256`) of each token request's certificate, oldest first; `undefined` if there was none. */
  readonly seen: (string | undefined)[] = []
  /** Digests of certificates that no longer authenticate a client. */
  readonly revoked: Set<string> = new Set<string>()
  readonly #tls: ServerTls | undefined

  constructor(tls: ServerTls | undefined) {
    this.#tls = tls
  }

  /** RFC 8705 §2: whether the connection authenticates the client, whose id is in the form. */
  authenticate(request: IncomingMessage, body: URLSearchParams, clientId: string): boolean {
    const thumbprint = clientThumbprint(request)
    if (thumbprint === undefined || this.revoked.has(thumbprint)) return false
    const isIssued = this.#tls?.ca === undefined || (request.socket as TLSSocket).authorized
    const isAlone = request.headers.authorization === undefined && !body.has('client_secret')
    return isIssued && isAlone && body.get('client_id') === clientId
  }
}
