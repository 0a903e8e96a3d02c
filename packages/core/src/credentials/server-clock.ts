/** A difference that a `Date` header, which has whole seconds, and the time on the wire explain. */
const negligibleMs = 2_000

/** NaN for anything but the date formats of RFC 9110 §5.6.7, all of which name a weekday first. */
export function httpDate(text: string): number {
  return /^\s*(mon|tue|wed|thu|fri|sat|sun)/i.test(text) ? Date.parse(text) : Number.NaN
}

/**
 * How far the server's clock is from ours, by the `Date` of its responses. What is signed for it carries its time: servers
 * reject an assertion that is a few seconds off.
 */
export class ServerClock {
  #skewMs: number | undefined

  /** Whether a response has told the time. Until then, our own clock is taken for the server's. */
  get isKnown(): boolean {
    return this.#skewMs !== undefined
  }

  /** The server's time, in ms since the epoch. */
  now(): number {
    return Date.now() + (this.#skewMs ?? 0)
  }

  /** When our clock shows what the server's shows at `time`, in ms since the epoch. */
  toOurs(time: number): number {
    return time - (this.#skewMs ?? 0)
  }

  /** Takes what another clock of the same server has observed, if this one has not observed anything yet. */
  follow(other: ServerClock): void {
    this.#skewMs ??= other.#skewMs
  }

  /**
   * Takes the `Date` of a response (RFC 9110 §6.6.1) to a request that was sent at `sentAt`. A document may come from a cache on
   * the way, which keeps the server's `Date` and says how old that is (RFC 9111 §5.1).
   */
  observe(headers: Headers, sentAt: number, receivedAt: number): void {
    const at = httpDate(headers.get('date') ?? '')
    const age = headers.get('age') ?? '0'
    if (Number.isNaN(at) || !/^\d{1,9}$/.test(age)) return
    // Cut to the second: on average half a second is missing.
    const skew = at + Number(age) * 1000 + 500 - (sentAt + receivedAt) / 2
    const uncertainty = Math.max(negligibleMs, (receivedAt - sentAt) / 2)
    this.#skewMs = Math.abs(skew) > uncertainty ? skew : 0
  }
}
