import type { Report } from './report.js'

const toleranceMs = 30_000

/** Sends token requests, and keeps how each was answered. */
export class Watch {
  #url = ''
  readonly #answers: { readonly mark: 'good' | 'bad'; readonly text: string }[] = []
  #aheadMs = 0

  readonly fetch: typeof globalThis.fetch = async (url, init) => {
    this.#url = String(url)
    const start = performance.now()
    const ms = () => `${Math.round(performance.now() - start)} ms`
    try {
      const response = await globalThis.fetch(url, init)
      this.#answers.push({ mark: response.ok ? 'good' : 'bad', text: `${response.status} in ${ms()}` })
      const ahead = Date.now() - Date.parse(response.headers.get('date') ?? '')
      this.#aheadMs = Number.isNaN(ahead) ? 0 : ahead
      return response
    } catch (error) {
      this.#answers.push({ mark: 'bad', text: `no answer in ${ms()}` })
      throw error
    }
  }

  show(report: Report): void {
    if (this.#url === '') return
    report.line('plain', 'url', this.#url)
    for (const { mark, text } of this.#answers) report.line(mark, 'answer', text)
    if (Math.abs(this.#aheadMs) < toleranceMs) return
    const seconds = Math.round(Math.abs(this.#aheadMs) / 1000)
    report.line(
      'odd',
      'clock',
      `this machine's is ${seconds} s ${this.#aheadMs > 0 ? 'ahead of' : 'behind'} the server's`,
    )
    report.advice('let both keep the time by NTP: a resource may take tokens for expired, or for not yet valid')
  }
}
