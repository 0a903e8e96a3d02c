import type { Send } from './clients.js'

/** Requests of one client that are open at the same time. */
export const concurrency = 25

/** When a run ends. */
export interface Goal {
  readonly requests?: number | undefined
  readonly ms?: number | undefined
}

/** A request without a 2xx response. */
export interface Failure {
  /** The number of the request in its run. */
  readonly request: number
  /** Time since the run began. */
  readonly ms: number
  readonly reason: string
}

/** Requests through one client, one after another in each of {@link concurrency} loops. */
export class Run {
  readonly failures: Failure[] = []
  done = 0
  /** Excludes the first requests, which open connections. */
  slowestMs = 0
  started = 0
  readonly #open = new Set<number>()
  readonly #url: string
  readonly #send: Send
  readonly #requests: number
  readonly #ms: number
  #startedAt = performance.now()
  #tookMs: number | undefined

  constructor(url: string, send: Send, { requests = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY }: Goal) {
    this.#url = url
    this.#send = send
    this.#requests = requests
    this.#ms = ms
  }

  /** From 0 to 1. */
  get progress(): number {
    return this.isOver ? 1 : Math.min(1, Math.max(this.done / this.#requests, this.elapsedMs / this.#ms))
  }

  /** All requests up to this one have ended. */
  get settled(): number {
    return Math.min(this.started, ...[...this.#open].map((request) => request - 1))
  }

  get isOver(): boolean {
    return this.#tookMs !== undefined
  }

  get elapsedMs(): number {
    return this.#tookMs ?? performance.now() - this.#startedAt
  }

  get perSecond(): number {
    return (this.done / this.elapsedMs) * 1000
  }

  /** `onDone` is called after each request. */
  async start(onDone: () => void = () => {}): Promise<void> {
    this.#startedAt = performance.now()
    const loop = async () => {
      while (this.started < this.#requests && this.elapsedMs < this.#ms) {
        await this.#request(++this.started)
        onDone()
      }
    }
    await Promise.all(Array.from({ length: concurrency }, loop))
    this.#tookMs = this.elapsedMs
  }

  async #request(request: number): Promise<void> {
    const before = performance.now()
    this.#open.add(request)
    const reason = await this.#send(this.#url).then(
      ({ status, challenge }) => {
        if (status >= 200 && status < 300) return undefined
        return challenge === undefined ? `status ${status}` : `status ${status}, ${challenge}`
      },
      (error: Error & { code?: string }) =>
        error.code === undefined ? String(error) : `${error.code}: ${error.message}`,
    )
    if (reason !== undefined) this.failures.push({ request, ms: before - this.#startedAt, reason })
    if (request > concurrency) this.slowestMs = Math.max(this.slowestMs, performance.now() - before)
    this.#open.delete(request)
    this.done++
  }
}
