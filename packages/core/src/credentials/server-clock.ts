/** A difference that a `Date` header, which has whole seconds, and the time on the wire explain. */
const negligibleMs = 2_000

/**
 * How far the server's clock is from ours, by the `Date` of its responses. What is signed for it carries its time: servers
 * reject an assertion that is a few seconds off.
 */
export class ServerClock {
  #skewMs: number | undefined

  /** The server's time, in ms since the epoch. */
  now(): number {
    return Date.now() + (this.#skewMs ?? 0)
  }

  /** Takes what another clock of the same server has observed, if this one has not observed anything yet. */
  follow(other: ServerClock): void {
    this.#skewMs ??= other.#skewMs
  }

  /** Takes the `Date` of a response (RFC 9110 §6.6.1) to a request that was sent at `sentAt`. */
  observe(date: string | null, sentAt: number, receivedAt: number): void {
    const at = date === null ? Number.NaN : Date.parse(date)
    if (Number.isNaN(at)) return
    // Cut to the second: on average half a second is missing.
    const skew = at + 500 - (sentAt + receivedAt) / 2
    const uncertainty = Math.max(negligibleMs, (receivedAt - sentAt) / 2)
    this.#skewMs = Math.abs(skew) > uncertainty ? skew : 0
  }
}
