import type { Send } from './clients.js'

const concurrency = 25

/** A number of requests through one client, and what came of them. */
export class Run {
  readonly #answers = new Map<number | string, number>()
  readonly #url: string
  readonly #send: Send
  readonly total: number
  done = 0
  perSecond = 0

  constructor(url: string, send: Send, total: number) {
    this.#url = url
    this.#send = send
    this.total = total
  }

  get failed(): number {
    let failed = 0
    for (const [answer, times] of this.#answers) if (!(Number(answer) >= 200 && Number(answer) < 300)) failed += times
    return failed
  }

  /** `200 × 2000` */
  get summary(): string {
    return [...this.#answers].map(([answer, times]) => `${answer} × ${times}`).join(', ')
  }

  /** `onDone` is called after each request. */
  async start(onDone: () => void): Promise<void> {
    const before = performance.now()
    let started = 0
    const worker = async () => {
      while (started++ < this.total) {
        const answer = await this.#send(this.#url).catch((error: Error & { code?: string }) => error.code ?? error.name)
        this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + 1)
        this.done++
        onDone()
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
    this.perSecond = (this.done / (performance.now() - before)) * 1000
  }
}
