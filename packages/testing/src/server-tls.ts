import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** The certificate of a server. With it the server speaks https, and asks each client for a certificate too. */
export interface ServerTls {
  /** As PEM, for `127.0.0.1` or `localhost`. */
  readonly cert: string
  /** Its private key, as PEM. */
  readonly key: string
  /**
   * Certificate authorities as PEM: a client is authenticated only by a certificate that one of them issued.
   * @default any certificate authenticates, also a self-signed one
   */
  readonly ca?: string
}

/** The digest of the client's certificate as tokens name it (`x5t#S256`, RFC 8705 §3.1), if the client has shown one. */
export function clientThumbprint({ socket }: IncomingMessage): string | undefined {
  const certificate = (socket as Partial<TLSSocket>).getPeerX509Certificate?.()
  return certificate && createHash('sha256').update(certificate.raw).digest('base64url')
}

/** Client certificates, as an authorization server sees them. */
export class ClientCertificates {
  /** Of each token request, oldest first: the digest (`x5t#S256`), `undefined` if there was no certificate. */
  readonly seen: (string | undefined)[] = []
  /** Digests of certificates that authenticate nobody any more. */
  readonly revoked: Set<string> = new Set<string>()
  readonly #tls: ServerTls | undefined

  constructor(tls: ServerTls | undefined) {
    this.#tls = tls
  }

  /** RFC 8705 §2: whether the connection authenticates the client, who says in the form only who it is. */
  authenticate(request: IncomingMessage, body: URLSearchParams, clientId: string): boolean {
    const thumbprint = clientThumbprint(request)
    if (thumbprint === undefined || this.revoked.has(thumbprint)) return false
    const isIssued = this.#tls?.ca === undefined || (request.socket as TLSSocket).authorized
    const isAlone = request.headers.authorization === undefined && !body.has('client_secret')
    return isIssued && isAlone && body.get('client_id') === clientId
  }
}
