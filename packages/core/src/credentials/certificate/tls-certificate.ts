import https, { type Agent, type AgentOptions } from 'node:https'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { ConnectionCertificate, TlsOptions } from '../credential-part.js'
import { CertificateAgent } from './certificate-agent.js'
import { httpsFetch } from './certificate-fetch.js'
import { type CertificatePair, checkPair, type PartNames } from './certificate-pair.js'
import { LiveConnections } from './live-connections.js'

/** Settings of a connection that are part of a context, which must also contain the certificate. */
const contextSettings = [
  ...(['ca', 'ciphers', 'crl', 'dhparam', 'ecdhCurve', 'honorCipherOrder', 'maxVersion', 'minVersion'] as const),
  ...(['secureOptions', 'secureProtocol', 'sigalgs'] as const),
]

let lastId = 0

/** A certificate as read, and the functions that connect with it. Each certificate has separate connections. */
export class TlsCertificate implements ConnectionCertificate {
  readonly thumbprint: string
  /** In ms since the epoch. */
  readonly expiresAt: number
  readonly fetch: typeof globalThis.fetch
  /** The connections of undici. */
  readonly live: LiveConnections = new LiveConnections()
  readonly #pair: CertificatePair
  readonly #isLatest: (certificate: TlsCertificate) => boolean
  readonly #context: SecureContext
  readonly #agent: CertificateAgent
  #direct: CertificateAgent | undefined
  /** Distinguishes the connections of different certificates in a common pool. */
  readonly #id: string

  /** @throws TypeError that names the fault, without showing the content. */
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
    // The agent for all requests of the process has been replaced, e.g. by one for a proxy.
    return https.globalAgent.constructor === https.Agent ? this.#agent : undefined
  }

  get directAgent(): Agent | undefined {
    const { proxyEnv, ...options } = this.#agent.options as AgentOptions & { proxyEnv?: unknown }
    if (proxyEnv === undefined || this.agent === undefined) return this.agent
    this.#direct ??= new CertificateAgent(options, (given) => this.tlsOptions(given))
    return this.#direct
  }

  tlsOptions(given: SecureContextOptions): TlsOptions {
    const isPlain = contextSettings.every((name) => given[name] === undefined || given[name] === null)
    return { secureContext: isPlain ? this.#context : this.#contextWith(given), sessionIdContext: this.#id }
  }

  /** Called when new requests use the connections of another certificate. Pending responses are completed first. */
  retire(): void {
    this.#agent.retire()
    this.#direct?.retire()
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

/** The settings of connections without a certificate. A request's own settings take precedence. */
function withoutContext(options: AgentOptions | undefined): AgentOptions {
  const own: Partial<Record<string, unknown>> = { ...options }
  for (const name of [...contextSettings, 'cert', 'key', 'passphrase', 'pfx']) delete own[name]
  return own
}
