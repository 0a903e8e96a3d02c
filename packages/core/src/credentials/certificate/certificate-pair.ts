/** A certificate with its key and its authorities for a TLS connection, all as PEM. */
export interface CertificatePair {
  /** Includes the intermediate certificates after it. */
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
  readonly passphrase: string | undefined
}

/** The names of the parts in messages: the path of a file, or the setting. */
export type PartNames = Readonly<Record<'cert' | 'key' | 'ca', string>>

/** The properties of a certificate. */
export interface CertificateFacts {
  /** The digest that a bound token names in `cnf` (`x5t#S256`, RFC 8705 §3.1). */
  readonly thumbprint: string
  /** In ms since the epoch. */
  readonly expiresAt: number
}

/**
 * Checks that a pair can be used for a TLS connection.
 *
 * @throws TypeError that names the part and the fault, without showing its content.
 */
export function checkPair({ cert, key, ca, passphrase }: CertificatePair, names: PartNames): CertificateFacts {
  // Not loaded when the package is imported, and not resolved at run time.
  const { createHash, createPrivateKey } = process.getBuiltinModule('node:crypto')
  const [own] = certificatesIn(cert, names.cert)
  if (ca !== undefined) certificatesIn(ca, names.ca)
  let matches: boolean
  try {
    matches = own.checkPrivateKey(createPrivateKey({ key, format: 'pem', passphrase }))
  } catch {
    throw new TypeError(`${names.key} ${whyUnreadable(key, passphrase)}`)
  }
  if (!matches) {
    throw new TypeError(
      `the certificate in ${names.cert} does not belong to the key in ${names.key}: the client's own certificate must come first`,
    )
  }
  const thumbprint = createHash('sha256').update(own.raw).digest('base64url')
  return { thumbprint, expiresAt: Date.parse(own.validTo) }
}

/** Requires at least one. Parses each, because TLS ignores unreadable content at the end of a file that is being written. */
function certificatesIn(text: string, name: string) {
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  const begun = text.match(/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/g) ?? []
  const whole = text.match(/-----BEGIN ([A-Z0-9 ]*CERTIFICATE)-----[^-]+-----END \1-----/g) ?? []
  try {
    const [first, ...others] = whole.map((pem) => new X509Certificate(pem))
    if (first !== undefined && whole.length === begun.length) return [first, ...others] as const
  } catch {
    // Reported below.
  }
  throw new TypeError(`${name} does not contain ${begun.length > 0 ? 'complete certificates' : 'a certificate'} as PEM`)
}

function whyUnreadable(key: string, passphrase: string | undefined): string {
  if (!/ENCRYPTED/.test(key)) return 'does not contain a private key as PEM'
  return passphrase === undefined
    ? 'contains an encrypted key: give its `passphrase`'
    : 'contains a key that cannot be decrypted: is `passphrase` right?'
}
