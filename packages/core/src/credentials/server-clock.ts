/** A difference that whole seconds in a `Date` header and the network latency can explain. */
const negligibleMs = 2_000

/** NaN for anything but the date formats of RFC 9110 §5.6.7, all of which name a weekday first. */
export function httpDate(text: string): number {
  return /^\s*(mon|tue|wed|thu|fri|sat|sun)/i.test(text) ? Date.parse(text) : Number.NaN
}

/**
 * How far the server's clock is from ours, by the `Date` of its responses. Assertions and proofs are dated by the server's
 * clock, since servers reject one that is a few seconds off.
 */
export class ServerClock {
  #skewMs: number | undefined

  /** Whether a response has shown the server's time. Until then, our own clock is used. */
  get isKnown(): boolean {
    return this.#skewMs !== undefined
  }

  /** The server's time, in ms since the epoch. */
  now(): number {
    return Date.now() + (this.#skewMs ?? 0)
  }

  /** Converts a time of the server's clock to our own clock, in ms since the epoch. */
  toOurs(time: number): number {
    return time - (this.#skewMs ?? 0)
  }

  /** Adopts the difference that another clock of the same server has observed, if this one has not observed any yet. */
  follow(other: ServerClock): void {
    this.#skewMs ??= other.#skewMs
  }

  /**
   * Records the `Date` of a response (RFC 9110 §6.6.1) to a request that was sent at `sentAt`. A document may come from a cache on
   * the way, which keeps the server's `Date` and says how old that is (RFC 9111 §5.1).
   */
  observe(headers: Headers, sentAt: number, receivedAt: number): void {
    const at = httpDate(headers.get('date') ?? '')
    const age = headers.get('age') ?? '0'
    if (Number.isNaN(at) || !/^\d{1,9}$/.test(age)) return
    // Truncated to the second: on average half a second is missing, and at most that much is wrong then.
    const skew = at + Number(age) * 1000 + 500 - (sentAt + receivedAt) / 2
    const uncertainty = Math.max(negligibleMs, (receivedAt - sentAt) / 2 + 500)
    // A slow response says less than an earlier, quicker one.
    if (Math.abs(skew - (this.#skewMs ?? 0)) <= uncertainty) this.#skewMs ??= 0
    else this.#skewMs = skew
  }
}
