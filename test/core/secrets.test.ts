import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { createTokenProvider, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import ky from 'ky'
import { describe, expect, it } from 'vitest'
import { provide, server } from '../servers/app-id.ts'

const secret = `fake+secret/"é" & 'more'=`
const clientId = 'the client:id'
const tokenEndpoint = 'https://idp.example.com/token'

/** All that a logger may show of an error. */
function shown(error: unknown): string {
  const seen: string[] = []
  for (let one = error; one instanceof Error; one = one.cause) seen.push(String(one), one.stack ?? '')
  const deep = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null })
  return [...seen, deep, JSON.stringify(error), JSON.stringify(error, Object.getOwnPropertyNames(error))].join('\n')
}

async function failure(options: McaAuthOptions): Promise<McaAuthError> {
  await using provider = createTokenProvider({ clientId, secret, tokenEndpoint, ...options })
  return await provider.getToken().then(
    () => expect.fail('expected a failure'),
    (error) => error,
  )
}

/** A token endpoint that quotes what it was sent. */
function echoing(quote: (init: RequestInit) => string, status = 400): typeof globalThis.fetch {
  return async (_url, init = {}) =>
    Response.json({ error: 'invalid_client', error_description: `no: ${quote(init)} (end)` }, { status })
}

const form = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a secret that the server quotes is masked', () => {
  const encodings: Record<string, string> = {
    plain: secret,
    percent: encodeURIComponent(secret),
    'percent in lower case': encodeURIComponent(secret).replaceAll(/%../g, (digits) => digits.toLowerCase()),
    'percent, apostrophes too': encodeURIComponent(secret).replaceAll("'", '%27'),
    form: form(secret),
    'JSON in JSON': JSON.stringify(secret).slice(1, -1),
    'JSON in ASCII': JSON.stringify(secret).slice(1, -1).replaceAll('é', '\\u00E9'),
    HTML: secret.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    base64: base64(secret),
    'base64 without padding': base64(secret).replaceAll('=', ''),
    base64url: Buffer.from(secret).toString('base64url'),
    'base64 in a URL': encodeURIComponent(base64(secret)),
    hex: Buffer.from(secret).toString('hex'),
    'hex in upper case': Buffer.from(secret).toString('hex').toUpperCase(),
    'base64 of id:secret': base64(`${clientId}:${secret}`),
    'base64 of both form-encoded': base64(`${form(clientId)}:${form(secret)}`),
  }

  it.each(Object.entries(encodings))('in %s', async (_name, text) => {
    for (const clientAuth of ['client_secret_basic', 'client_secret_basic_raw', 'client_secret_post'] as const) {
      if (clientAuth === 'client_secret_post' && /id:secret|both/.test(_name)) continue
      const error = await failure({ clientAuth, fetch: echoing(() => text) })
      expect(error.errorDescription).toBe('no: [redacted] (end)')
      expect(shown(error)).not.toContain(text)
    }
  })

  it('in the header that was sent, and in the body', async () => {
    const header = await failure({ fetch: echoing((init) => new Headers(init.headers).get('authorization') ?? '') })
    expect(header.errorDescription).toBe('no: [redacted] (end)')
    const body = await failure({ clientAuth: 'client_secret_post', fetch: echoing((init) => String(init.body)) })
    expect(body.errorDescription).toContain('client_secret=[redacted]')
    expect(body.errorDescription).toContain('grant_type=client_credentials')
  })

  it.each([8, 20, 60])('that is %i KiB long, quoted whole or cut off, and the reason is kept', async (size) => {
    const assertion = `fake.${'aZ09-_'.repeat((size * 1024) / 6)}`
    for (const quoted of [assertion, assertion.slice(0, 400), encodeURIComponent(assertion)]) {
      const error = await failure({ parameters: { subject_token: assertion }, fetch: echoing(() => quoted) })
      expect(error).toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error: 'invalid_client' })
      expect(error.errorDescription).toBe('no: [redacted] (end)')
    }
  })

  it('that a function added: an assertion, an API key, another id and secret', async () => {
    const clientAuth: McaAuthOptions['clientAuth'] = (_as, _client, body, headers) => {
      body.set('client_assertion', 'fake.assertion.text')
      headers.set('x-api-key', 'fake-api-key')
      headers.set('authorization', `Basic ${base64('other:fake-other-secret')}`)
    }
    for (const [text, rest] of [
      ['fake.assertion.text', ''],
      ['fake-api-key', ''],
      ['fake-other-secret', ''],
      [base64('other:fake-other-secret'), 'Basic '],
    ] as const) {
      const error = await failure({ secret: undefined, clientAuth, fetch: echoing(() => `${rest}${text}`) })
      expect(error.errorDescription).not.toContain(text)
      expect(error.errorDescription).toContain('[redacted]')
    }
  })

  it('in the parameters of the token request, unlike its scope and audience', async () => {
    const parameters = { apikey: 'fake-api-key', audience: 'https://api.example.com' }
    const fetch = echoing(() => 'https://api.example.com read.all fake-api-key')
    const error = await failure({ parameters, scope: 'read.all', fetch })
    expect(error.errorDescription).toBe('no: https://api.example.com read.all [redacted] (end)')
  })

  it('before a long text is cut, in each field, and if the secret ends with a line break', async () => {
    const long = async () =>
      Response.json({ errorCode: `x ${secret}`, errorMessage: `${'x'.repeat(490)} ${secret}` }, { status: 400 })
    const error = await failure({ secret: `${secret}\n`, fetch: long })
    expect(shown(error)).not.toContain(secret)
    expect(shown(error)).not.toContain(secret.slice(0, 6))
    expect(error.error).toBe('x [redacted]')
  })

  it('if it is short, unless it is part of a word', async () => {
    const error = await failure({ secret: 'ab', fetch: echoing(() => 'ab "ab" about ab') })
    expect(error.errorDescription).toBe('no: [redacted] "[redacted]" about [redacted] (end)')
  })

  const invisible = { 'a line break': '\r\n', 'a control character': '\0', 'a zero-width space': '\u200b' }
  it.each(Object.entries(invisible))('even if it is split by %s, as in wrapped lines', async (_name, mark) => {
    const split = (text: string) => (text.match(/.{1,5}/gsu) ?? []).join(mark)
    for (const text of [secret, base64(secret), base64(`${clientId}:${secret}`)]) {
      const error = await failure({ fetch: echoing(() => split(text)) })
      expect(error.errorDescription).toBe('no: [redacted] (end)')
      expect(shown(error)).not.toContain(text.slice(0, 5))
      const thrown = await failure({ fetch: () => Promise.reject(new Error(split(text))) })
      expect((thrown.cause as Error).message).toBe('[redacted]')
    }
    // Text without a secret stays as is.
    const error = await failure({ fetch: echoing(() => `line${mark}line`) })
    expect(error.errorDescription).toMatch(/^no: line\W+line \(end\)$/)
  })

  it('also in a failure that is retried', async () => {
    const error = await failure({ fetch: echoing(() => secret, 500) })
    expect(error).toMatchObject({ code: 'TOKEN_REQUEST_FAILED', status: 500 })
    expect(shown(error)).not.toContain(secret)
  })
})

describe('the cause of an error', () => {
  it('never contains the request, even if the errors of the given fetch carry it', async () => {
    server.script({ status: 400, body: { error: 'invalid_scope' } })
    const denied = await provide({ fetch: ky as never })
      .getToken()
      .catch((caught) => caught)
    // The response is in its error, and is read like any other.
    expect(denied).toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error: 'invalid_scope' })
    const { port } = (await closedServer()) as AddressInfo
    const lost = await failure({ fetch: ky as never, tokenEndpoint: `http://127.0.0.1:${port}/token` })
    expect(lost.code).toBe('TOKEN_REQUEST_FAILED')
    for (const error of [denied, lost]) {
      expect(shown(error)).not.toMatch(/fake\+secret|not-a-real-secret|[Bb]asic |grant_type/)
    }
  })

  it.each<[string, (init: RequestInit) => unknown]>([
    ['its properties', (init) => Object.assign(new Error('failed'), { request: init, config: init, options: init })],
    ['hidden properties', (init) => Object.defineProperty(new Error('failed'), 'init', { value: init })],
    ['its message', (init) => new Error(`failed: ${JSON.stringify(init)}`)],
    ['its own cause', (init) => new Error('failed', { cause: Object.assign(new Error('inner'), { init }) })],
    ['a cause that is not an error', (init) => new Error('failed', { cause: init })],
    ['several errors', (init) => new AggregateError([Object.assign(new Error('one'), { init })], 'failed')],
    [
      'its name',
      (init) => Object.assign(new Error('failed'), { name: new Headers(init.headers).get('authorization') }),
    ],
    ['a code', (init) => Object.assign(new Error('failed'), { code: new Headers(init.headers).get('authorization') })],
    ['something thrown that is not an error', (init) => init],
    [
      'an error that contains itself',
      (init) => {
        const error = Object.assign(new Error('failed'), { init })
        error.cause = error
        return error
      },
    ],
    [
      'a getter that throws',
      () =>
        Object.defineProperty(new Error('failed'), 'cause', {
          get: () => {
            throw new Error(secret)
          },
        }),
    ],
  ])('does not quote what was sent, in %s', async (_where, make) => {
    const fetch = async (_url: unknown, init: RequestInit = {}) => {
      throw make(init)
    }
    for (const clientAuth of ['client_secret_basic', 'client_secret_post'] as const) {
      const error = await failure({ fetch: fetch as never, clientAuth })
      expect(error.code).toBe('TOKEN_REQUEST_FAILED')
      const text = shown(error)
      for (const part of [secret, form(secret), base64(`${form(clientId)}:${form(secret)}`)]) {
        expect(text).not.toContain(part)
      }
    }
  })

  it('keeps name, message and code, of the inner errors too', async () => {
    const inner = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:443'), { code: 'ECONNREFUSED' })
    const several = new AggregateError([inner, Object.assign(new Error('other'), { code: 'ETIMEDOUT' })], 'all failed')
    const fetch = async () => {
      throw new TypeError('fetch failed', { cause: several })
    }
    const { cause } = await failure({ fetch })
    expect(cause).toMatchObject({ name: 'TypeError', message: 'fetch failed' })
    expect(cause).toMatchObject({ cause: { name: 'AggregateError', message: 'all failed' } })
    expect((cause as { cause: { errors: unknown[] } }).cause.errors).toMatchObject([
      { message: 'connect ECONNREFUSED 10.0.0.1:443', code: 'ECONNREFUSED' },
      { code: 'ETIMEDOUT' },
    ])
    expect(String(cause)).toBe('TypeError: fetch failed')
  })

  it('does not quote a response that a parser could not read', async () => {
    const fetch = async () => ({ status: 200, headers: new Headers(), text: () => JSON.parse('fake-token-in-a-body') })
    const error = await failure({ fetch: fetch as never })
    expect(error.code).toBe('TOKEN_REQUEST_FAILED')
    expect(shown(error)).not.toContain('fake-token')
    expect(error.cause).toMatchObject({ name: 'SyntaxError' })
  })

  it('is never an error that a function of the options threw', async () => {
    const thrown = Object.assign(new Error('vault said fake-vault-token'), { config: { headers: 'fake-vault-token' } })
    const fails = () => Promise.reject(thrown)
    for (const options of [{ secret: fails }, { secret: undefined, clientAuth: fails }]) {
      const error = await failure(options)
      expect(error.message).toMatch(/the `(secret|clientAuth)` function failed: Error/)
      expect(shown(error)).not.toContain('fake-vault-token')
    }
  })
})

/** The address of a server that was there a moment ago. */
async function closedServer(): Promise<unknown> {
  const http = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => http.once('listening', resolve))
  const address = http.address()
  await new Promise((resolve) => http.close(resolve))
  return address
}
