import { isIP } from 'node:net'
import { parseUrl } from '../origin.js'
import { headerValues, type ResponseHeaders } from './response-headers.js'
import type { Sending } from './sending.js'

/**
 * `begun`: not sent yet. `redirect-received`: the response names another URL. `redirected`: the client follows it.
 * `finished`: it is not sent again.
 */
type State = 'begun' | 'sending' | 'failed' | 'redirect-received' | 'redirected' | 'finished'

/** The outcome of the last sending of a request, which decides which sending continues the request. */
export class LastSending {
  #state: State = 'begun'
  #sending: Sending
  #location: string | undefined

  constructor(request: Sending) {
    this.#sending = request
  }

  get state(): State {
    return this.#state
  }

  get sending(): Sending {
    return this.#sending
  }

  /** Whether a layer around the client may send it again. */
  get isUnfinished(): boolean {
    return this.#state === 'failed' || this.#state === 'redirect-received'
  }

  start(sending: Sending): void {
    this.#state = 'sending'
    this.#sending = sending
  }

  fail(): void {
    this.#state = 'failed'
  }

  respond(status: number, headers: ResponseHeaders): void {
    this.#location = status >= 300 && status < 400 ? headerValues(headers, 'location')[0] : undefined
    this.#state = this.#location !== undefined ? 'redirect-received' : status >= 400 ? 'failed' : 'finished'
  }

  redirect(): void {
    this.#state = 'redirected'
  }

  /** Whether this is the same request, after a failure. */
  isRepeatedBy({ url, method }: Sending): boolean {
    return this.#state === 'failed' && method === this.#sending.method && this.#isSameUrl(url)
  }

  /** With the name of the host, even if a DNS layer that repeats the request gives an address instead. */
  byName(sending: Sending): Sending {
    if (this.#state !== 'failed' || sending.url === this.#sending.url || !this.#isSameUrl(sending.url)) return sending
    return { ...sending, url: this.#sending.url }
  }

  /** Whether this is exactly the target of its redirect. */
  isFollowedBy({ url }: Pick<Sending, 'url'>): boolean {
    if (this.#state !== 'redirect-received' || url === undefined) return false
    const target = parseUrl(this.#location ?? '', String(this.#sending.url))
    return target !== undefined && withoutHash(target) === withoutHash(parseUrl(String(url)))
  }

  #isSameUrl(url: string | URL | undefined): boolean {
    const { url: last } = this.#sending
    if (String(url) === String(last)) return true
    const [named, sent] = [parseUrl(String(last)), parseUrl(String(url))]
    if (named === undefined || sent === undefined || hasAddress(named) || !hasAddress(sent)) return false
    sent.hostname = named.hostname
    return sent.href === named.href
  }

  /** Whether this repeats it, or may follow its redirect: a layer in between may have rewritten the target. */
  mayLeadTo(next: Sending): boolean {
    return this.#state === 'redirect-received' || this.isRepeatedBy(next)
  }
}

function hasAddress({ hostname }: URL): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0
}

function withoutHash(url: URL | undefined): string | undefined {
  return url && `${url.origin}${url.pathname}${url.search}`
}
