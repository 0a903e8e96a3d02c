import { type Report, withoutQuery } from './report.js'

const toleranceMs = 30_000

/** Sends token requests, and remembers how each was answered. */
export class TokenEndpointObserver {
  #url: URL | undefined
  readonly #responses: { readonly mark: 'good' | 'bad'; readonly text: string }[] = []
  /** How far this machine's clock is ahead of the server's. */
  #aheadMs = 0

  readonly fetch: typeof globalThis.fetch = async (url, init) => {
    this.#url = new URL(String(url))
    const start = performance.now()
    const elapsed = () => `${Math.round(performance.now() - start)} ms`
    try {
      const response = await globalThis.fetch(url, init)
      this.#responses.push({ mark: response.ok ? 'good' : 'bad', text: `${response.status} after ${elapsed()}` })
      const ahead = Date.now() - Date.parse(response.headers.get('date') ?? '')
      this.#aheadMs = Number.isNaN(ahead) ? 0 : ahead
      return response
    } catch (error) {
      this.#responses.push({ mark: 'bad', text: `none after ${elapsed()}` })
      throw error
    }
  }

  show(report: Report): void {
    if (this.#url === undefined) return
    report.line('plain', 'url', withoutQuery(this.#url))
    for (const { mark, text } of this.#responses) report.line(mark, 'response', text)
    if (Math.abs(this.#aheadMs) < toleranceMs) return
    const seconds = Math.round(Math.abs(this.#aheadMs) / 1000)
    const direction = this.#aheadMs > 0 ? 'ahead of' : 'behind'
    report.line('warning', 'clock', `this machine's is ${seconds} s ${direction} the server's`)
    report.advice('synchronise both clocks with NTP; otherwise tokens may look expired or not yet valid')
  }
}
