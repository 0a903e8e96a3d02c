import { channel } from 'node:diagnostics_channel'
import { readFileSync, statSync } from 'node:fs'
import { debuglog } from 'node:util'
import type { McaAuthError } from '../../error.js'
import type { IgnoredCertificate } from '../../telemetry.js'
import { unusable } from '../text-source.js'
import { type ConnectCallback, type ConnectOptions, connect } from './certificate-connector.js'
import { nameOf, namesOf } from './certificate-names.js'
import { type CertificateSources, pairOf, pathsIn } from './certificate-sources.js'
import { TlsCertificate } from './tls-certificate.js'

/** The minimum time between checks of the files, which take some microseconds each. */
const checkMs = 1_000
/** A file that was written within this time may be written again without a change that `stat` shows. */
const settledMs = 2_000
/** More than any list of authorities needs. */
const maxFileBytes = 4 * 1024 * 1024

const ignored = channel('mca-auth:certificate:ignored')
const debug = debuglog('mca-auth')

/**
 * The certificate in a list of files and texts. There is no timer and no watcher: each use of the certificate checks the
 * files, by their paths, since a platform may replace them by swapping a symbolic link.
 *
 * Files change one after the other. So unusable content, such as a certificate with the key of another one, is ignored, and
 * the previous content used until it is complete.
 */
export class CertificateFiles {
  readonly #sources: CertificateSources
  readonly #paths: readonly string[]
  #current: TlsCertificate | undefined
  /** The contents that the current certificate was made from. */
  #currentText: string | undefined
  /** The contents that could not be used, and the reason. */
  #rejected: { readonly text: string; readonly problem: McaAuthError } | undefined
  /** Why the files do not contain a usable certificate now. */
  #problem: McaAuthError | undefined
  #checkedAt = Number.NEGATIVE_INFINITY
  #stamp: string | undefined
  #isSettled = false

  constructor(sources: CertificateSources) {
    this.#sources = sources
    this.#paths = pathsIn(sources)
  }

  /** The certificate. Checks the files if the last check was a second ago. @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` */
  read(): TlsCertificate {
    this.#look(checkMs)
    return this.#usable()
  }

  /** The same, but always checks the files. */
  readAgain(): TlsCertificate {
    this.#look(0)
    return this.#usable()
  }

  connect(options: ConnectOptions, callback: ConnectCallback): void {
    let certificate: TlsCertificate
    try {
      certificate = this.read()
    } catch (error) {
      callback(error as Error, null)
      return
    }
    connect(certificate, certificate.live, options, callback)
  }

  #isCurrent(certificate: TlsCertificate): boolean {
    this.#look(checkMs)
    return certificate === this.#current
  }

  #usable(): TlsCertificate {
    const current = this.#current
    const why = this.#problem === undefined ? '' : `, and its replacement cannot be used: ${this.#problem.message}`
    if (current === undefined) throw this.#problem ?? unusable('the client certificate cannot be read')
    if (current.hasExpired) {
      const at = new Date(current.expiresAt).toISOString()
      throw unusable(`the client certificate from ${namesOf(this.#sources).cert} expired at ${at}${why}`)
    }
    return current
  }

  #look(maxAgeMs: number): void {
    // A text that was given never changes.
    if (this.#paths.length === 0 && this.#current !== undefined) return
    const now = performance.now()
    if (now - this.#checkedAt < maxAgeMs) return
    this.#checkedAt = now
    try {
      this.#readIfChanged()
    } catch (error) {
      this.#ignore(error as McaAuthError)
    }
  }

  #readIfChanged(): void {
    const stats = this.#paths.map((path) => this.#stat(path))
    const stamp = stats.map(({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs]).join()
    if (stamp === this.#stamp && this.#isSettled) return
    const newest = Math.max(0, ...stats.map(({ mtimeMs, ctimeMs }) => Math.max(mtimeMs, ctimeMs)))
    const isSettled = newest < Date.now() - settledMs
    const pair = pairOf(this.#sources, (path) => this.#text(path))
    // The content belongs to this stamp, or to a later one.
    this.#stamp = stamp
    this.#isSettled = isSettled
    const text = JSON.stringify(pair)
    if (text === this.#rejected?.text) throw this.#rejected.problem
    if (text === this.#currentText) {
      this.#problem = undefined
      return
    }
    let certificate: TlsCertificate
    try {
      certificate = new TlsCertificate(pair, namesOf(this.#sources), (made) => this.#isCurrent(made))
    } catch (error) {
      const problem = unusable((error as TypeError).message)
      this.#rejected = { text, problem }
      throw problem
    }
    this.#current?.retire()
    this.#current = certificate
    this.#currentText = text
    this.#rejected = undefined
    this.#problem = undefined
  }

  /** Reported once, not at each check. */
  #ignore(problem: McaAuthError): void {
    const isNew = problem.message !== this.#problem?.message
    this.#problem = problem
    if (!isNew || this.#current === undefined) return
    const { expiresAt } = this.#current
    if (ignored.hasSubscribers) ignored.publish({ reason: problem.message, expiresAt } satisfies IgnoredCertificate)
    if (debug.enabled) debug('a new client certificate is ignored: %s', problem.message)
  }

  #stat(path: string) {
    try {
      const stats = statSync(path)
      if (!stats.isFile()) throw unusable(`${this.#nameOf(path)} is not a file`)
      if (stats.size > maxFileBytes) throw unusable(`${this.#nameOf(path)} has more than ${maxFileBytes} bytes`)
      return stats
    } catch (error) {
      throw this.#unreadable(path, error)
    }
  }

  #text(path: string): string {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw this.#unreadable(path, error)
    }
  }

  #unreadable(path: string, error: unknown): unknown {
    // The same file may reappear later.
    this.#stamp = undefined
    const { code = '' } = error as NodeJS.ErrnoException
    return code === 'INVALID_CREDENTIALS_SOURCE' ? error : unusable(`${this.#nameOf(path)} cannot be read (${code})`)
  }

  #nameOf(path: string): string {
    const { key, ca = [] } = this.#sources
    return nameOf(key.includes(path) ? 'key' : ca.includes(path) ? 'ca' : 'cert', path)
  }
}
