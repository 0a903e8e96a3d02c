import { condensed, decoded, type MappedText, mapped, type Span } from './mapped-text.js'
import { keysOf, type SecretKey, spansOf } from './secret-keys.js'

/** Parameters of a token request without secrets, which a server may quote. All others are masked. */
const publicParameters = new Set([
  ...['grant_type', 'client_id', 'scope', 'resource', 'audience', 'response_type', 'client_assertion_type'],
  ...['subject_token_type', 'actor_token_type', 'requested_token_type', 'requested_token_use'],
  ...['profile_id', 'profile_name', 'profile_crn'],
])
const publicHeaders = new Set(['accept', 'content-type', 'user-agent', 'metadata-flavor'])
const redacted = '[redacted]'
/** How often a text may be encoded: a percent-encoded secret in JSON within a page, for example. */
const maxLevels = 3

/**
 * The secrets that one token request has sent. Masks them in texts from a server, a proxy or a fetch, which may quote them in
 * any encoding. Costs nothing until there is a text to mask.
 *
 * The text is decoded level by level, and searched at each level, so that any mixture of percent, HTML and JSON encodings is
 * found. For base64 and hex, the secret is encoded and searched as well.
 */
export class SecretMask {
  readonly #clientId: string
  /** Functions that add the secrets, called once they are needed. */
  readonly #sources: (() => void)[] = []
  readonly #keys = new Map<string, SecretKey>()

  constructor(clientId = '') {
    this.#clientId = clientId
  }

  add(secret: string | undefined): void {
    this.#sources.push(() => this.#addSecret(secret, this.#clientId))
  }

  /** Names, of which there may be many: masked as is, in encodings of text. */
  addNames(names: () => readonly string[]): void {
    this.#sources.push(() => this.#addKeys(names().map((text) => ({ text, isExact: true }))))
  }

  /** Records the request, after the client's authentication has been added. */
  addRequest(body: URLSearchParams, headers: Readonly<Record<string, string>>): void {
    this.#sources.push(() => this.#addRequest(body, headers))
  }

  /** The text without any of the secrets. */
  mask(text: string): string {
    for (const addSecrets of this.#sources.splice(0)) addSecrets()
    if (this.#keys.size === 0) return text
    const keys = [...this.#keys.values()]
    const spans: Span[] = []
    let layer: MappedText | undefined = mapped(text)
    for (let level = 0; level <= maxLevels && layer !== undefined; level++) {
      const [exact, loose]: [MappedText, MappedText] = [layer, condensed(layer)]
      spans.push(...keys.flatMap((key) => spansOf(key, key.isExact ? exact : loose, text)))
      layer = decoded(layer)
    }
    return withoutSpans(text, spans)
  }

  #addRequest(body: URLSearchParams, headers: Readonly<Record<string, string>>): void {
    for (const [name, value] of body) if (!publicParameters.has(name)) this.#addSecret(value, this.#clientId)
    for (const [name, value] of Object.entries(headers)) {
      if (publicHeaders.has(name)) continue
      const credential = /^[\w-]+ +(.+)$/.exec(value)?.[1]
      this.#addSecret(value, this.#clientId)
      this.#addSecret(credential, this.#clientId)
      if (credential !== undefined && /^basic /i.test(value)) this.#addBasic(credential)
    }
  }

  /** `id:secret` of HTTP Basic (RFC 7617), raw or form-encoded (RFC 6749 §2.3.1). */
  #addBasic(base64: string): void {
    const pair = Buffer.from(base64, 'base64').toString('utf8')
    const colon = pair.indexOf(':')
    if (colon < 0) return
    const [id, secret] = [pair.slice(0, colon), pair.slice(colon + 1)]
    this.#addSecret(pair, this.#clientId)
    this.#addSecret(secret, id)
    this.#addSecret(formDecode(secret), formDecode(id))
  }

  #addSecret(secret: string | undefined, id: string): void {
    const text = secret ?? ''
    for (const each of new Set([text, text.trim()])) this.#addKeys(keysOf(each, id))
  }

  #addKeys(keys: readonly SecretKey[]): void {
    for (const key of keys) if (key.text !== '') this.#keys.set(`${key.isExact} ${key.text}`, key)
  }
}

function formDecode(text: string): string {
  return new URLSearchParams(`_=${text.replaceAll('&', '%26')}`).get('_') ?? text
}

function withoutSpans(text: string, spans: readonly Span[]): string {
  let [result, end] = ['', 0]
  for (const [start, last] of [...spans].sort(([a, b], [c, d]) => a - c || d - b)) {
    if (start >= end) result += text.slice(end, start) + redacted
    end = Math.max(end, last)
  }
  return result + text.slice(end)
}
