import { isLoopback, originOf, parseUrl } from '../origin.js'
import type { Sending } from './sending.js'

/**
 * The origin of a request that leaves through a Unix socket: it stays on this machine, and no entry of `origins` can name
 * it. An adapter that knows the socket's path appends it, so that each socket is a separate origin.
 */
export const unixSocket = 'unix:'

/** The option `origins`, parsed: exact origins, and `https://*.example.com` for any subdomain. */
export class OriginList {
  readonly #exact = new Set<string>()
  /** `.example.com`, or `.example.com:8443`. */
  readonly #suffixes: string[] = []

  /** @throws TypeError for an entry that is neither an origin nor a subdomain pattern. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      if (entry.includes('*')) this.#suffixes.push(suffixOf(entry))
      else this.#exact.add(exactOrigin(entry))
    }
  }

  has(origin: string): boolean {
    if (this.#exact.has(origin)) return true
    return origin.startsWith('https://') && this.#suffixes.some((suffix) => origin.endsWith(suffix))
  }

  /** Whether this exact origin is listed: with `http:`, that is the caller's consent to plain HTTP. */
  names(origin: string): boolean {
    return this.#exact.has(origin)
  }

  /** The only possible origin, for a client that does not say which one it is connected to. */
  get sole(): string | undefined {
    return this.#suffixes.length === 0 && this.#exact.size === 1 ? [...this.#exact][0] : undefined
  }
}

function exactOrigin(entry: string): string {
  const url = parseUrl(entry.trim())
  const isExact = url !== undefined && originOf(url) !== undefined && url.href === `${url.origin}/`
  if (!isExact || url.hostname.includes('*')) {
    throw new TypeError(
      "`origins` must hold origins, e.g. 'https://api.example.com': http(s), without user, path, query or fragment",
    )
  }
  return url.origin
}

/** As in Content Security Policy: `*` is one or more whole labels, never the domain itself; the port must match. */
function suffixOf(entry: string): string {
  const [, host = '', port = ''] = /^https:\/\/\*\.([^/*?#@:]+)(:\d+)?\/?$/i.exec(entry.trim()) ?? []
  const url = parseUrl(`https://wildcard.${host}${port}`)
  if (!/^[^.]+(\.[^.]+)+$/.test(host) || url === undefined) {
    throw new TypeError(
      "`origins` takes `*` only for any subdomain over https, e.g. 'https://*.example.com', with at least two labels after it",
    )
  }
  return url.origin.slice('https://wildcard'.length)
}

/** The rule for where a token may go, one for each client. Caches the last origin, since the next one is mostly the same. */
export class OriginRule {
  readonly list: OriginList | undefined
  readonly #insecureAllowed: boolean
  #lastOrigin = ''
  #lastListed = false
  #lastSecure = false

  constructor(origins: string | readonly string[] | undefined, insecureAllowed: boolean) {
    this.list = origins === undefined ? undefined : new OriginList([origins].flat())
    this.#insecureAllowed = insecureAllowed
  }

  /** Whether a request that was addressed to `addressed` may carry a token at `origin`. */
  allows(origin: string, addressed: string | undefined): boolean {
    if (this.list === undefined) return origin === addressed
    if (origin !== this.#lastOrigin) this.#evaluate(origin)
    return this.#lastListed
  }

  /** HTTPS, loopback without a proxy, or plain HTTP with the caller's consent. */
  isSecure(origin: string, isProxied?: Sending['isProxied']): boolean {
    if (origin !== this.#lastOrigin) this.#evaluate(origin)
    if (this.#insecureAllowed || origin.startsWith('https:') || origin.startsWith(unixSocket)) return true
    return this.#lastSecure && isProxied?.() !== true
  }

  #evaluate(origin: string): void {
    this.#lastOrigin = origin
    this.#lastListed = this.list?.has(origin) ?? true
    this.#lastSecure = origin.startsWith('https:') || isLoopback(origin) || (this.list?.names(origin) ?? false)
  }
}
