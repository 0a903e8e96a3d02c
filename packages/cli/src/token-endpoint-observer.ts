import { DiscoveryDocument } from './discovery-document.js'
import { showPresented } from './presented-token.js'
import { type Report, withoutQuery } from './report.js'
import type { Progress } from './terminal.js'

const toleranceMs = 30_000
/** Fields of a token request that contain secrets or assertions. */
const secretFields = ['apikey', 'assertion', 'client_assertion', 'client_secret', 'cr_token', 'subject_token']

/** A sent request and its response. */
interface Exchange {
  readonly method: string
  readonly url: URL
  readonly mark: 'good' | 'bad'
  readonly text: string
}

/** Sends token requests and requests for a server's metadata, and remembers the response to each. */
export class TokenEndpointObserver {
  readonly #exchanges: Exchange[] = []
  readonly #documents: DiscoveryDocument[] = []
  #form: URLSearchParams | undefined
  /** How far this machine's clock is ahead of the server's. */
  #aheadMs = 0
  readonly #progress: Progress
  readonly #send: typeof globalThis.fetch

  /** @param send - if connections need a client certificate. @default the global `fetch` */
  constructor(progress: Progress, send: typeof globalThis.fetch = globalThis.fetch) {
    this.#progress = progress
    this.#send = send
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const [url, method = 'GET'] = [new URL(String(input)), init?.method]
    const type = new Headers(init?.headers).get('content-type') ?? ''
    if (type.startsWith('application/x-www-form-urlencoded')) this.#form = new URLSearchParams(String(init?.body))
    this.#progress.show(`waiting for ${url.host} …`)
    const start = performance.now()
    const remember = (mark: Exchange['mark'], status: string) => {
      const text = `${status} after ${Math.round(performance.now() - start)} ms`
      if (method === 'GET') this.#documents.push(new DiscoveryDocument(url, mark, text, received))
      else this.#exchanges.push({ method, url, mark, text })
    }
    let received: Response | undefined
    try {
      const { send } = { send: this.#send }
      const response = await send(input, init)
      received = method === 'GET' && response.ok ? response.clone() : undefined
      remember(response.ok ? 'good' : 'bad', String(response.status))
      const ahead = Date.now() - Date.parse(response.headers.get('date') ?? '')
      this.#aheadMs = Number.isNaN(ahead) ? 0 : ahead
      return response
    } catch (error) {
      remember('bad', 'none')
      throw error
    }
  }

  /** From now on, the report hides the secrets and assertions that were sent for a token. */
  conceal(report: Report): void {
    for (const name of secretFields) {
      const value = this.#form?.get(name)
      if (value) report.conceal(value)
    }
  }

  /** Shows the metadata of the issuer, if it was requested. */
  async showDiscovery(report: Report): Promise<void> {
    if (this.#documents.length === 0) return
    report.heading('Discovery')
    for (const document of this.#documents) await document.show(report)
  }

  show(report: Report): void {
    if (this.#exchanges.length === 0) return
    report.heading('Token endpoint')
    let shown = ''
    for (const { url, method, mark, text } of this.#exchanges) {
      const [location, isPost] = [withoutQuery(url), method === 'POST']
      if (location !== shown) report.line('plain', 'url', location)
      shown = location
      report.line(mark, 'response', isPost ? text : `${text} (${method})`)
    }
    if (this.#form !== undefined) showPresented(report, this.#form)
    if (Math.abs(this.#aheadMs) < toleranceMs) return
    const seconds = Math.round(Math.abs(this.#aheadMs) / 1000)
    const direction = this.#aheadMs > 0 ? 'ahead of' : 'behind'
    report.line('warning', 'clock', `this machine's is ${seconds} s ${direction} the server's`)
    report.advice('synchronise both clocks with NTP; otherwise tokens may look expired or not yet valid')
  }
}
