import { describe, expect, it } from 'vitest'
import { SecretMask } from '../../packages/core/src/token-endpoint/secret-mask.ts'

type Encoding = (secret: string) => string

const id = 'orders'
const secrets = [
  'not/a+real "secret" & é€?<x>\'~*',
  'fakeFAKE0123456789-_~.',
  'p%41ss word+ok',
  'user@example.com:fake',
  'not a real \ufffd\u{10000} secret',
]
const masks = new Map(
  secrets.map((secret) => {
    const mask = new SecretMask(id)
    mask.add(secret)
    return [secret, mask] as const
  }),
)

const base64: Encoding = (text) => Buffer.from(text).toString('base64')
const form: Encoding = (text) => new URLSearchParams({ _: text }).toString().slice(2)
const json: Encoding = (text) => JSON.stringify(text).slice(1, -1)
const bytes = (text: string, digits: (hex: string) => string) =>
  Array.from(Buffer.from(text), (byte) => digits(byte.toString(16).padStart(2, '0'))).join('')
const unicode = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
const html: Encoding = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const encodings: Readonly<Record<string, Encoding>> = {
  'as is': (text) => text,
  'in upper case': (text) => text.toUpperCase(),
  'percent-encoded': encodeURIComponent,
  'percent-encoded in lower case': (text) => encodeURIComponent(text).replaceAll(/%../g, (hex) => hex.toLowerCase()),
  'with every byte percent-encoded': (text) => bytes(text, (hex) => `%${hex}`),
  'percent-encoded twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  'form-encoded': form,
  'form-encoded twice': (text) => form(form(text)),
  'decoded once too often': (text) => text.replaceAll('+', ' ').replaceAll('%41', 'A'),
  'in JSON': json,
  'in JSON within JSON': (text) => json(json(text)),
  'in JSON of Go': (text) => json(text).replaceAll(/[&<>]/g, unicode),
  'in JSON of PHP': (text) =>
    json(text)
      .replaceAll('/', '\\/')
      .replaceAll(/[^ -~]/g, unicode),
  'in HTML': html,
  'in HTML of OWASP': (text) => html(text).replaceAll("'", '&#x27;').replaceAll('/', '&#x2F;'),
  'in HTML of Go': (text) => html(text).replaceAll('&quot;', '&#34;').replaceAll("'", '&#39;').replaceAll('+', '&#43;'),
  'in HTML with named letters': (text) => html(text).replaceAll('é', '&eacute;').replaceAll('€', '&euro;'),
  'in HTML within JSON': (text) => json(html(text)),
  'form-encoded in JSON in HTML': (text) => html(json(form(text))),
  'in a string of Python': (text) => bytes(text, (hex) => `\\x${hex}`),
  'in base64': base64,
  'in base64 without padding': (text) => base64(text).replaceAll('=', ''),
  'in base64url': (text) => Buffer.from(text).toString('base64url'),
  'in base64 that is percent-encoded': (text) => encodeURIComponent(base64(text)),
  'in base64 in lines': (text) => base64(text).replaceAll(/.{10}/g, '$&\r\n  ').trimEnd(),
  'as HTTP Basic': (text) => base64(`${id}:${text}`),
  'as HTTP Basic, form-encoded': (text) => base64(`${id}:${form(text)}`),
  'in hex': (text) => bytes(text, (hex) => hex),
  'in upper-case hex': (text) => bytes(text, (hex) => hex.toUpperCase()),
  'in hex with colons': (text) => bytes(text, (hex) => `${hex}:`).slice(0, -1),
  'in hex with spaces': (text) => bytes(text, (hex) => `${hex} `).trim(),
  'in two lines': (text) => `${text.slice(0, 6)}\r\n    ${text.slice(6)}`,
  'with zero-width spaces': (text) => [...text].join('\u200b'),
  'in Latin 1': (text) => Buffer.from(text).toString('latin1'),
  decomposed: (text) => text.normalize('NFD'),
  'in ASCII': (text) => text.replaceAll(/[^ -~]/gu, '?'),
}

describe('a secret that a server quotes is masked', () => {
  // Mixtures used to be shown, such as a page that does not escape quotes.
  it.each(Object.entries(encodings))('%s', (_name, encode) => {
    for (const [secret, mask] of masks) expect(mask.mask(`<a> ${encode(secret)} <b>`)).toBe('<a> [redacted] <b>')
  })

  it('within a longer text in base64, except for a few characters around it', () => {
    for (const [secret, mask] of masks) {
      for (const before of ['a', 'ab', 'abc']) {
        const text = base64(`${before.repeat(9)}=${secret}&scope=orders.read`)
        const [start, end] = mask.mask(text).split('[redacted]')
        const shown =
          Buffer.from(start ?? '', 'base64').toString() + Buffer.from(end ?? '', 'base64').toString('latin1')
        expect(end).toBeDefined()
        expect(shown).not.toContain(secret.slice(0, 3))
      }
    }
  })

  it('also if it is truncated, or if the rest of it differs', () => {
    const token = `fake.${'abcdefgh'.repeat(200)}`
    const mask = new SecretMask()
    mask.add(token)
    expect(mask.mask(`got ${token.slice(0, 500)}… here`)).toBe('got [redacted] here')
    expect(mask.mask(`got ${token} here`)).toBe('got [redacted] here')
  })

  it('several times, and next to another secret', () => {
    const mask = new SecretMask()
    for (const secret of ['fake-one', 'fake-one-and-two']) mask.add(secret)
    expect(mask.mask('fake-one-and-two, fake%2Done; fake-one')).toBe('[redacted], [redacted]; [redacted]')
  })
})

describe('text that is not a secret', () => {
  it('stays as is, with its encodings', () => {
    const text = 'error=invalid_client&amp;hint=%20%zz \\u00zz \\n "quoted" é & 50 % of 7'
    for (const mask of masks.values()) expect(mask.mask(text)).toBe(text)
  })

  it('stays readable if a secret is short', () => {
    const mask = new SecretMask()
    mask.add('ok')
    expect(mask.mask('the token took ok, o k, "ok" and %6fk')).toBe(
      'the token took [redacted], o k, "[redacted]" and [redacted]',
    )
  })

  // A pattern with a choice at each character would take minutes.
  it('is searched in linear time, whatever it repeats', () => {
    const mask = new SecretMask(id)
    mask.add('%%%%%%++++++\\\\\\\\\\\\&&&&&&      fake')
    for (const part of ['%25', '\\', '&amp;', '+', ' ', '\u200b', 'a', '\n ']) {
      const text = part.repeat(60_000 / part.length)
      expect(mask.mask(text)).toBe(text)
    }
  }, 30_000)
})

// As `htmlentities()` of PHP writes them. Some were unknown, among them the full stop that every JWT contains.
it('finds a secret with any ASCII punctuation as a named entity', () => {
  const names = Object.entries({
    ...{ '!': 'excl', '"': 'quot', '#': 'num', $: 'dollar', '%': 'percnt', '&': 'amp', "'": 'apos', '(': 'lpar' },
    ...{ ')': 'rpar', '*': 'ast', '+': 'plus', ',': 'comma', '.': 'period', '/': 'sol', ':': 'colon', ';': 'semi' },
    ...{ '<': 'lt', '=': 'equals', '>': 'gt', '?': 'quest', '@': 'commat', '[': 'lbrack', '\\': 'bsol', ']': 'rsqb' },
    ...{ '^': 'Hat', _: 'lowbar', '`': 'grave', '{': 'lcub', '|': 'vert', '}': 'rbrace' },
  })
  for (const [character, name] of names) {
    const mask = new SecretMask(id)
    mask.add(`fake${character}secret`)
    expect(mask.mask(`a fake&${name};secret!`), name).toBe('a [redacted]!')
  }
})
