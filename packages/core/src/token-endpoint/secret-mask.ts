import { formEncode } from '../credentials/client-authentication.js'

/** Parameters of a token request without secrets, which a server may quote. All others are masked. */
const publicParameters = new Set([
  ...['grant_type', 'client_id', 'scope', 'resource', 'audience', 'response_type', 'client_assertion_type'],
  ...['subject_token_type', 'actor_token_type', 'requested_token_type', 'requested_token_use'],
  ...['profile_id', 'profile_name', 'profile_crn'],
])
const publicHeaders = new Set(['accept', 'content-type', 'user-agent', 'metadata-flavor'])
const redacted = '[redacted]'
/** Control and format characters, line separators. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
/** A shorter secret is masked only as a whole word: masked within words, it would make a text unreadable. */
const shortLength = 6
/** A longer one, such as an assertion, is too long for a pattern: it is found as a whole, or by its beginning. */
const longLength = 1_000
const beginningLength = 100

/**
 * The secrets that one token request has sent. Masks them in texts from a server, a proxy or a fetch, which may quote them in
 * any encoding. Costs nothing until there is a text to mask.
 */
export class SecretMask {
  readonly #clientId: string
  /** Functions that add the secrets, called once they are needed. */
  readonly #sources: (() => void)[] = []
  readonly #forms = new Set<string>()
  #pattern: RegExp | undefined

  constructor(clientId = '') {
    this.#clientId = clientId
  }

  add(secret: string | undefined): void {
    this.#sources.push(() => this.#addSecret(secret, this.#clientId))
  }

  /** Names, of which there may be many: masked in the encodings that a message may have them in, and no others. */
  addNames(names: () => readonly string[]): void {
    this.#sources.push(() => {
      this.#pattern = undefined
      for (const name of names()) for (const form of nameForms(name)) this.#forms.add(form)
    })
  }

  /** Records the request, after the client's authentication has been added. */
  addRequest(body: URLSearchParams, headers: Readonly<Record<string, string>>): void {
    this.#sources.push(() => this.#addRequest(body, headers))
  }

  /** The text without any of the secrets. */
  mask(text: string): string {
    for (const addSecrets of this.#sources.splice(0)) addSecrets()
    if (this.#forms.size === 0) return text
    const masked = this.#withoutForms(text)
    // Line breaks or invisible characters may split a form.
    const joined = masked.replaceAll(invisible, '')
    if (joined === masked) return masked
    const found = this.#withoutForms(joined)
    return found === joined ? masked : found
  }

  #withoutForms(text: string): string {
    this.#pattern ??= patternOf(this.#forms)
    const long = [...this.#forms].filter((form) => form.length > longLength)
    return long.reduce((rest, form) => rest.replaceAll(form, redacted), text).replace(this.#pattern, redacted)
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
    this.#pattern = undefined
    for (const text of new Set([secret ?? '', (secret ?? '').trim()])) {
      if (text === '') continue
      const pairs = [`${id}:${text}`, `${formEncode(id)}:${formEncode(text)}`].flatMap(binaryForms)
      for (const form of [text, ...textForms(text), ...binaryForms(text), ...pairs]) {
        // Twice encoded too, e.g. base64 within a URL.
        for (const twice of [form, percentEncoded(form), jsonEscaped(form)]) this.#forms.add(twice)
      }
    }
  }
}

function nameForms(name: string): string[] {
  return [name, percentEncoded(name), jsonEscaped(name)]
}

function textForms(text: string): string[] {
  const json = jsonEscaped(text)
  const ascii = json.replaceAll(/[^\x20-\x7e]/g, (character) => `\\u${hex(character.charCodeAt(0))}`)
  const percent = percentEncoded(text)
  const strict = percent.replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
  const html = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
  const apostrophes = ['&#39;', '&#x27;', '&apos;'].map((entity) => html.replaceAll("'", entity))
  return [
    json,
    ascii,
    json.replaceAll('/', '\\/'),
    percent,
    strict,
    encodeURI(wellFormed(text)),
    formEncode(text),
    ...apostrophes,
  ]
}

function jsonEscaped(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function percentEncoded(text: string): string {
  return encodeURIComponent(wellFormed(text))
}

function binaryForms(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8')
  const base64 = bytes.toString('base64')
  return [base64, base64.replaceAll('=', ''), bytes.toString('base64url'), bytes.toString('hex')]
}

function formDecode(text: string): string {
  return new URLSearchParams(`_=${text.replaceAll('&', '%26')}`).get('_') ?? text
}

/** Without lone surrogates, which cannot be percent-encoded. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}

function hex(unit: number): string {
  return unit.toString(16).padStart(4, '0')
}

/** The longest first, so that a form which contains another one is masked as a whole. */
function patternOf(forms: ReadonlySet<string>): RegExp {
  const sources = [...forms].sort((a, b) => b.length - a.length).map(sourceOf)
  return new RegExp(sources.join('|'), 'gu')
}

function sourceOf(form: string): string {
  if (form.length > longLength) return `${sourceOf(form.slice(0, beginningLength))}\\S*`
  const escaped = form.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  const source = isHex(form) ? anyCase(escaped) : escaped.replaceAll(/%[0-9a-f]{2}|\\u[0-9a-f]{4}/gi, anyCase)
  return form.length < shortLength ? `(?<![\\p{L}\\p{N}])${source}(?![\\p{L}\\p{N}])` : source
}

function isHex(form: string): boolean {
  return /^(?:[0-9a-f]{2})+$/.test(form)
}

function anyCase(digits: string): string {
  return digits.replaceAll(/[a-f]/gi, (digit) => `[${digit.toLowerCase()}${digit.toUpperCase()}]`)
}
