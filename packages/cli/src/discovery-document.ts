import { type Report, withoutQuery } from './report.js'

const maxBytes = 64 * 1024
const shown: Readonly<Record<string, string>> = {
  issuer: 'issuer',
  token_endpoint: 'token endpoint',
  token_endpoint_auth_methods_supported: 'client auth',
  token_endpoint_auth_signing_alg_values_supported: 'signed with',
  grant_types_supported: 'grants',
  jwks_uri: 'keys',
}

/** One location of an issuer's metadata that was tried (RFC 8414, OpenID Connect Discovery). */
export class DiscoveryDocument {
  readonly #url: URL
  readonly #mark: 'good' | 'bad'
  readonly #text: string
  readonly #fields: Promise<Readonly<Record<string, unknown>>>

  /** @param response - a copy of the response, if its body can be read. */
  constructor(url: URL, mark: 'good' | 'bad', text: string, response: Response | undefined) {
    this.#url = url
    this.#mark = mark
    this.#text = text
    // The library has its own copy, and reports what is wrong with it.
    this.#fields = response === undefined ? Promise.resolve({}) : fieldsOf(response).catch(() => ({}))
  }

  async show(report: Report): Promise<void> {
    report.line(this.#mark, 'document', `${withoutQuery(this.#url)}: ${this.#text}`)
    const fields = await this.#fields
    for (const [name, label] of Object.entries(shown)) {
      const value = fields[name]
      if (value !== undefined) report.line('plain', label, report.shortened(textOf(value)))
    }
    const { grant_types_supported: grants } = fields
    if (Array.isArray(grants) && !grants.includes('client_credentials')) {
      report.line('warning', 'grants', 'the server does not list client_credentials')
    }
  }
}

async function fieldsOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length > maxBytes) throw new Error('too long')
  }
  const json: unknown = JSON.parse(text)
  return typeof json === 'object' && json !== null ? { ...json } : {}
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}
