import { type Checks, checkFields, nonEmptyString, record } from '../../validate.js'
import type { ClientAuth } from '../client-authentication.js'
import { asFunction } from '../grant.js'
import type { ConnectCallback, ConnectOptions } from './certificate-connector.js'
import type { CertificateFiles } from './certificate-files.js'
import { checkPair } from './certificate-pair.js'
import { type CertificateSources, type PemSource, pairOf, pathsIn, sourcesOf } from './certificate-sources.js'

/** A client's certificate and the authorities that it trusts. Each part is PEM, or the path of a file that is read again when it changes. */
export interface ClientCertificateSettings {
  /**
   * The client's certificate as PEM, or the path of a file, followed by intermediate certificates: in the same text or
   * file, or as a list.
   */
  readonly cert: PemSource | readonly PemSource[]
  /** The private key of the certificate, as PEM, or the path of a file: RSA, EC or Ed25519. */
  readonly key: PemSource
  /**
   * Certificate authorities for the verification of servers, as PEM, or the path of a file: in place of those of Node.js, as
   * in its TLS options. May be a list.
   * @default those of Node.js
   */
  readonly ca?: PemSource | readonly PemSource[] | undefined
  /** The passphrase of an encrypted key. @default none */
  readonly passphrase?: string | undefined
}

/** The result of {@link clientCertificate}, for the option `clientAuth`, and for undici. */
export type ClientCertificate = ClientAuth & {
  /** Makes the connections of an undici `Agent`, `Pool` or `Client`: `new Agent({ connect: certificate.connect })`. */
  readonly connect: (options: ConnectOptions, callback: ConnectCallback) => void
}

const names = { cert: '`cert`', key: '`key`', ca: '`ca`' }
const given = () => {}
const checks: Checks<ClientCertificateSettings> = {
  cert: given,
  key: given,
  ca: given,
  passphrase: nonEmptyString,
}

/**
 * For `clientAuth`: authenticates with the certificate of the TLS connection (mutual TLS, RFC 8705), and provides the
 * connections for tokens that are bound to it. axios and got get them from `mcaAuth()`, undici from `connect`.
 *
 * Files are read again when they change, and a certificate that does not belong to its key is ignored until it does. Tokens
 * that are bound to a replaced certificate are no longer used.
 *
 * @throws TypeError for bad settings, and for unusable PEM. A file that is missing or unusable, and a certificate that has
 *   expired, is `INVALID_CREDENTIALS_SOURCE`, when a token is requested.
 * @example
 * ```ts
 * import { clientCertificate, createTokenProvider } from '@mca-auth/core'
 *
 * const certificate = clientCertificate({ cert: '/tls/tls.crt', key: '/tls/tls.key' })
 * createTokenProvider({ issuer: 'https://login.example.com/realms/shop', clientId: 'orders', clientAuth: certificate })
 * ```
 */
export function clientCertificate(settings: ClientCertificateSettings): ClientCertificate {
  const sources = checkedSources(settings)
  let files: Promise<CertificateFiles> | undefined
  // The code for connections is loaded by the first one.
  const load = () => {
    files ??= import('./certificate-files.js').then(({ CertificateFiles }) => new CertificateFiles(sources))
    return files
  }
  const { cert, key, ca, passphrase } = sources
  const clientAuth = asFunction('clientAuth', {
    name: 'client certificate',
    settings: ['client-certificate', cert, key, ca, passphrase],
    sharedSettings: ['client-certificate'],
    isShareable: true,
    canChange: pathsIn(sources).length > 0,
    fetch: async (url, init) => (await load()).read().fetch(url, init),
    certificate: async () => (await load()).read(),
    read: async () => {
      const certificate = (await load()).readAgain()
      const { thumbprint } = certificate
      return {
        ...{ text: thumbprint, owner: thumbprint, isShareable: true, secrets: [], certificate },
        // RFC 8705 §2: only the id, which identifies the client of the certificate.
        write: ({ clientId, body }) => {
          if (clientId !== undefined) body.set('client_id', clientId)
        },
      }
    },
  })
  const connect: ClientCertificate['connect'] = (options, callback) => {
    const fail = (error: Error) => callback(error, null)
    load().then((loaded) => loaded.connect(options, callback), fail)
  }
  return Object.assign(clientAuth, { connect })
}

/** @throws TypeError that names the setting. */
function checkedSources(settings: ClientCertificateSettings): CertificateSources {
  record('the settings of `clientCertificate`', settings)
  checkFields<ClientCertificateSettings>('setting of `clientCertificate`', settings, checks)
  const { cert, key, ca, passphrase } = settings
  if (Array.isArray(key)) throw new TypeError('`key` must be one key, not a list')
  const sources = {
    cert: sourcesOf('cert', cert),
    key: sourcesOf('key', key),
    ca: ca === undefined ? undefined : sourcesOf('ca', ca),
    passphrase,
  }
  if (pathsIn(sources).length === 0) checkPair(pairOf(sources, String), names)
  return sources
}
