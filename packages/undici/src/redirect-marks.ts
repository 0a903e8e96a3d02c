import { parseUrl } from '@mca-auth/core/adapter'

const lifeMs = 60_000
const most = 10_000

interface Mark {
  count: number
  /** On the clock of `performance.now()`. */
  until: number
}

/**
 * URLs that a redirect has pointed to. A dispatcher sees each hop as a request of its own, so this is how it knows a
 * hop to another origin, which must not carry our token, from a request that the caller addresses there.
 */
export class RedirectMarks {
  readonly #marks = new Map<string, Mark>()

  /** `hop`: the redirect answered a marked request itself; wherever it points, the origin was left before. */
  note(origin: string, path: string, location: string, hop: boolean): void {
    const from = `${origin}${path}`
    const to = parseUrl(location, from)
    if (to === undefined) return
    if (to.origin === origin && !hop) return
    const key = keyOf(to)
    const count = (this.#marks.get(key)?.count ?? 0) + 1
    this.#marks.delete(key) // to stand last: the oldest goes first
    this.#marks.set(key, { count, until: performance.now() + lifeMs })
    if (this.#marks.size > most) this.#marks.delete(this.#marks.keys().next().value as string)
  }

  /** Whether a request to this URL is such a hop. Uses one mark up. */
  take(origin: string, path: string): boolean {
    if (this.#marks.size === 0) return false
    const url = `${origin}${path}`
    const parsed = parseUrl(url)
    const key = parsed ? keyOf(parsed) : url
    const mark = this.#marks.get(key)
    if (mark === undefined) return false
    const lives = performance.now() < mark.until
    if (--mark.count === 0 || !lives) this.#marks.delete(key)
    return lives
  }
}

function keyOf(url: URL): string {
  return `${url.origin}${url.pathname}${url.search}`
}
