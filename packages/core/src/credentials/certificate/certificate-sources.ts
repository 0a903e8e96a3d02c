import { nonEmptyString } from '../../validate.js'
import type { CertificatePair } from './certificate-pair.js'

/** PEM, or the path of a file that contains it. */
export type PemSource = string | Uint8Array

/** The sources of the parts of a certificate: each is PEM or a path. */
export interface CertificateSources {
  readonly cert: readonly string[]
  readonly key: readonly string[]
  readonly ca: readonly string[] | undefined
  readonly passphrase: string | undefined
}

export function isPath(source: string): boolean {
  return !source.includes('-----BEGIN')
}

export function pathsIn({ cert, key, ca = [] }: CertificateSources): readonly string[] {
  return [...cert, ...key, ...ca].filter(isPath)
}

/** A copy, unaffected by later changes of the caller. @throws TypeError that names the setting. */
export function sourcesOf(name: string, value: unknown): readonly string[] {
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new TypeError(`\`${name}\` must not be an empty list`)
  return list.map((source: unknown) => {
    const isText = typeof source === 'string'
    if (!isText && !(source instanceof Uint8Array)) {
      throw new TypeError(`\`${name}\` must be PEM, as a string or Buffer, or the path of a file`)
    }
    const text = isText ? source : Buffer.from(source).toString('utf8')
    nonEmptyString(name, text)
    // A text of several lines is not a path, and may be a key without its frame.
    if (isPath(text) && (!isText || /[\r\n\0]/.test(text))) {
      throw new TypeError(`\`${name}\` must be PEM, which begins with -----BEGIN, or the path of a file`)
    }
    return text
  })
}

/** The parts, each with the text that `read` returns for a path. */
export function pairOf(sources: CertificateSources, read: (path: string) => string): CertificatePair {
  // Removes the byte order mark that some editors put at the beginning of a file.
  const text = (source: string) => (isPath(source) ? read(source) : source).replace(/^\uFEFF/, '')
  const join = (list: readonly string[]) => list.map(text).join('\n')
  const { cert, key, ca, passphrase } = sources
  return { cert: join(cert), key: join(key), ca: ca && join(ca), passphrase }
}
