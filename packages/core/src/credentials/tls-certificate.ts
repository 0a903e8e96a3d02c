import https, { type Agent, type AgentOptions } from 'node:https'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { CertificateAgent } from './certificate-agent.js'
import { httpsFetch } from './certificate-fetch.js'
import { type CertificatePair, checkPair, type PartNames } from './certificate-pair.js'
import type { ConnectionCertificate, TlsOptions } from './credential-part.js'
import { LiveConnections } from './live-connections.js'

/** Settings of a connection that are part of a context, in which the certificate has to be too. */
const contextSettings = [
  ...(['ca', 'ciphers', 'crl', 'dhparam', 'ecdhCurve', 'honorCipherOrder', 'maxVersion', 'minVersion'] as const),
  ...(['secureOptions', 'secureProtocol', 'sigalgs'] as const),
]

let lastId = 0

/** A certificate as it was read, and what makes connections with it. Another one has connections of its own. */
export class TlsCertificate implements ConnectionCertificate {
  readonly thumbprint: string
  /** In ms since the epoch. */
  readonly expiresAt: number
  readonly fetch: typeof globalThis.fetch
  /** Those of undici. */
  readonly live: LiveConnections = new LiveConnections()
  readonly #pair: CertificatePair
  readonly #isLatest: (certificate: TlsCertificate) => boolean
  readonly #context: SecureContext
  readonly #agent: CertificateAgent
  /** Tells the connections of one certificate from those of another, for a pool that both use. */
  readonly #id: string

  /** @throws TypeError that says what is wrong, without any of it. */
  constructor(pair: CertificatePair, names: PartNames, isLatest: (certificate: TlsCertificate) => boolean) {
    const { thumbprint, expiresAt } = checkPair(pair, names)
    this.#pair = pair
    this.#isLatest = isLatest
    this.thumbprint = thumbprint
    this.expiresAt = expiresAt
    this.#id = `mca-auth ${++lastId} ${thumbprint}`.slice(0, 32)
    try {
      this.#context = this.#contextWith({})
    } catch {
      throw new TypeError(`TLS does not accept the certificate in ${names.cert} with the key in ${names.key}`)
    }
    this.#agent = new CertificateAgent(withoutContext(https.globalAgent.options), (given) => this.tlsOptions(given))
    this.fetch = httpsFetch(this.#agent)
  }

  get hasExpired(): boolean {
    return Date.now() >= this.expiresAt
  }

  get isCurrent(): boolean {
    return this.#isLatest(this) && !this.hasExpired
  }

  get agent(): Agent | undefined {
    // Somebody else's, such as one for a proxy, has been put in for all requests of the process.
    return https.globalAgent.constructor === https.Agent ? this.#agent : undefined
  }

  tlsOptions(given: SecureContextOptions): TlsOptions {
    const isPlain = contextSettings.every((name) => given[name] === undefined || given[name] === null)
    return { secureContext: isPlain ? this.#context : this.#contextWith(given), sessionIdContext: this.#id }
  }

  /** New requests use the connections of another certificate. Those that are being answered end first. */
  retire(): void {
    this.#agent.retire()
    this.live.retire()
  }

  #contextWith(given: SecureContextOptions): SecureContext {
    const { cert, key, passphrase, ca } = this.#pair
    const settings: SecureContextOptions = { cert, key, passphrase }
    for (const options of [https.globalAgent.options ?? {}, given]) {
      for (const name of contextSettings) if (options[name] != null) Object.assign(settings, { [name]: options[name] })
    }
    const trusted = given.ca ?? ca
    return createSecureContext(trusted === undefined ? settings : { ...settings, ca: trusted })
  }
}

/** Those of the connections that no certificate was set for. A request's own settings come before them. */
function withoutContext(options: AgentOptions | undefined): AgentOptions {
  const own: Partial<Record<string, unknown>> = { ...options }
  for (const name of [...contextSettings, 'cert', 'key', 'passphrase', 'pfx']) delete own[name]
  return own
}
