import { createTokenProvider, McaAuthError } from '@mca-auth/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { errorsIn, rejectsToken } from '../../packages/core/src/authorization/challenge.ts'
import { isSecure, originOf } from '../../packages/core/src/origin.ts'
import { FailedAttempt } from '../../packages/core/src/token-endpoint/failed-attempt.ts'
import { retryAfter } from '../../packages/core/src/token-endpoint/retry-after.ts'
import { SecretMask } from '../../packages/core/src/token-endpoint/secret-mask.ts'
import { readTokenResponse } from '../../packages/core/src/token-endpoint/token-response.ts'
import { headerOf, readableHeaders, withAuthorization } from '../../packages/undici/src/headers.ts'

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
const otherScheme = token.filter((name) => name.toLowerCase() !== 'bearer')
const quoted = fc
  .string({ maxLength: 20 })
  .map((text) => `"${text.replaceAll(/[\\"]/g, '\\$&').replaceAll(/[\r\n]/g, ' ')}"`)

describe('WWW-Authenticate', () => {
  it('of any text is read quickly and without a failure', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 5_000 }), fc.array(fc.string())), (header) => {
        expect(Array.isArray(errorsIn([header].flat(), 'bearer'))).toBe(true)
      }),
    )
    for (const evil of ['"\\'.repeat(50_000), 'a='.repeat(50_000), 'Bearer '.repeat(20_000), '= '.repeat(50_000)])
      errorsIn([evil], 'bearer')
  })

  it('finds Bearer among other challenges, in any casing and with any parameters', () => {
    const parameter = fc.tuple(
      token.filter((name) => name.toLowerCase() !== 'error'),
      fc.oneof(quoted, token),
    )
    const parameters = fc
      .array(parameter, { maxLength: 3 })
      .map((list) => list.map(([name, value]) => `${name}=${value}`).join(', '))
    const challenge = (scheme: fc.Arbitrary<string>) =>
      fc.tuple(scheme, parameters).map(([name, rest]) => `${name} ${rest}`)
    const bearer = challenge(fc.constantFrom('Bearer', 'bearer', 'BEARER'))
    fc.assert(
      fc.property(fc.array(challenge(otherScheme)), bearer, fc.array(challenge(otherScheme)), (before, ours, after) => {
        const all = [...before, `${ours}, error="invalid_token"`, ...after]
        expect(errorsIn([all.join(', ')], 'bearer')).toEqual(['invalid_token'])
        expect(errorsIn(all, 'bearer')).toEqual(['invalid_token'])
        expect(errorsIn([...before, ...after], 'bearer')).toEqual([])
        expect([rejectsToken(401, all), rejectsToken(403, all), rejectsToken(403, [ours])]).toEqual([true, true, false])
      }),
    )
  })

  it('reads insufficient_scope only from the error of Bearer', () => {
    const error = fc.constantFrom(
      'error="insufficient_scope"',
      'error=insufficient_scope',
      'ERROR = "insufficient_scope"',
    )
    fc.assert(
      fc.property(error, otherScheme, (ours, scheme) => {
        const isRejected = (challenge: string) => rejectsToken(401, [challenge])
        expect(isRejected(`Bearer realm="x", ${ours}`)).toBe(false)
        expect(isRejected(`Bearer scope="appid_default" ${ours}`)).toBe(false)
        expect(isRejected(`Bearer realm="x", ${scheme} ${ours}`)).toBe(true)
        expect(isRejected(`Bearer realm="error=insufficient_scope"`)).toBe(true)
      }),
    )
  })
})

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1)

  it('of any text is undefined or an instant within an hour, never in the past', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.date().map(String)), (header) => {
        const at = retryAfter(header, now)
        if (at !== undefined) expect(at >= now && at <= now + 3_600_000).toBe(true)
      }),
    )
  })

  it('reads seconds and the date formats of HTTP', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3600 }), (seconds) => {
        const at = now + seconds * 1000
        expect(retryAfter(`${seconds}`, now)).toBe(at)
        expect(retryAfter(new Date(at).toUTCString(), now)).toBe(at)
        expect(retryAfter(`-${seconds}`, now)).toBeUndefined()
        expect(retryAfter(`${seconds}.5`, now)).toBeUndefined()
        expect(retryAfter(new Date(now - seconds * 1000).toUTCString(), now)).toBe(now)
        expect(retryAfter(`${3600 + seconds}`, now)).toBe(now + 3_600_000)
      }),
    )
    expect(retryAfter('0', now)).toBe(now)
    expect(retryAfter(null, now)).toBeUndefined()
    expect(retryAfter('2026-01-01T00:01:00Z', now)).toBeUndefined()
  })
})

describe('a token response', () => {
  const field = fc.oneof(
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.object({ maxDepth: 1 }),
    fc.constant(undefined),
  )
  const fields = fc.record(
    {
      ...{ access_token: field, token_type: field, expires_in: field, error: field, scope: field },
      ...{ errorCode: field, errorMessage: field, errors: fc.oneof(field, fc.array(field)), fault: field, code: field },
    },
    { requiredKeys: [] },
  )
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fields.map((object) => JSON.stringify(object)),
    fc
      .record({
        access_token: fc.constant('opaque'),
        expires_in: field,
        token_type: fc.constantFrom('Bearer', undefined),
      })
      .map((object) => JSON.stringify(object)),
  )
  const status = fc.oneof(
    { weight: 3, arbitrary: fc.constant(200) },
    { weight: 1, arbitrary: fc.integer({ min: 201, max: 599 }) },
  )

  it('of any status and body yields a usable token or an McaAuthError without quotations', async () => {
    await fc.assert(
      fc.asyncProperty(status, body, fc.option(fc.string({ unit: 'grapheme-ascii' })), async (code, text, header) => {
        const isEmpty = code === 204 || code === 205 || code === 304
        const headers: Record<string, string> = header === null ? {} : { 'retry-after': header, date: header }
        const outcome = await readTokenResponse(
          new Response(isEmpty ? null : text, { status: code, headers }),
          0,
          'the token endpoint',
          new SecretMask(),
        ).catch((failure: unknown) => (failure instanceof FailedAttempt ? failure.error : failure))
        if (outcome instanceof McaAuthError) {
          expect(outcome.code).toMatch(/^TOKEN_/)
          expect(outcome.cause).toBeUndefined()
          expect(outcome.error?.length ?? 0).toBeLessThanOrEqual(100)
          return
        }
        expect(outcome).toMatchObject({
          accessToken: expect.stringMatching(/^[\x21-\x7e]+$/),
          lifetimeMs: expect.any(Number),
        })
        expect(Number.isFinite((outcome as { lifetimeMs: number }).lifetimeMs)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a secret that was sent', () => {
  const secret = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 6, maxLength: 40 }),
    fc.string({ unit: 'binary', minLength: 6, maxLength: 20 }),
    fc.stringMatching(/^[!-~]{6,40}$/),
  )
  /** The forms that a server or a proxy may give it. */
  const encodings: ((text: string, id: string) => string)[] = [
    (text) => text,
    (text) => text.trim(),
    encodeURIComponent,
    encodeURI,
    (text) => encodeURIComponent(text).replaceAll(/%../g, (digits) => digits.toLowerCase()),
    (text) => new URLSearchParams([['', text]]).toString().slice(1),
    (text) => JSON.stringify(text).slice(1, -1),
    (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3),
    (text) => Buffer.from(text).toString('base64'),
    (text) => Buffer.from(text).toString('base64url'),
    (text) => encodeURIComponent(Buffer.from(text).toString('base64')),
    (text) => Buffer.from(text).toString('hex'),
    (text) => Buffer.from(text).toString('hex').toUpperCase(),
    (text, id) => Buffer.from(`${id}:${text}`).toString('base64'),
    (text, id) => Buffer.from(`${id}:${text}`).toString('base64url'),
  ]

  /** The beginning of an escape, which the text behind it may complete: `%` and `00` are another character. */
  const begun = /(?:%[\da-f]?|\\(?:x[\da-f]?|u[\da-f]{0,3})?|&#?\w*)$/i

  it('is masked in every encoding, anywhere in a text', () => {
    const encoding = fc.constantFrom(...encodings)
    fc.assert(
      fc.property(secret, encoding, fc.string(), fc.string(), (text, encode, before, after) => {
        fc.pre(text.trim().length >= 6 && Buffer.from(text).toString() === text && !'[redacted]'.includes(text.trim()))
        const mask = new SecretMask()
        mask.add(text)
        const authorization = `Basic ${Buffer.from(`client:${text}`).toString('base64')}`
        mask.addRequest(new URLSearchParams(), { authorization })
        const shown = encode(text, 'client')
        fc.pre(!begun.test(before) && (after === '' || !begun.test(shown)))
        expect(mask.mask(`${before}${shown}${after}`)).not.toContain(shown)
      }),
      { numRuns: 300 },
    )
  })

  it('of any text causes no error, and leaves other text unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (text, quoted) => {
        const mask = new SecretMask()
        mask.add(text)
        const masked = mask.mask(quoted)
        if (!masked.includes('[redacted]')) expect(masked).toBe(quoted)
      }),
    )
  })
})

describe('credentials', () => {
  it('of any JSON, or none, yield a provider or an McaAuthError without quotations', () => {
    const value = fc.oneof(
      fc.constant('https://idp.example.com/oauth/v4/t'),
      fc.string(),
      fc.jsonValue({ maxDepth: 1 }),
    )
    const names = [
      'clientId',
      'secret',
      'serverUrl',
      'oauthServerUrl',
      'oAuthServerUrl',
      'appidServiceEndpoint',
      'version',
      'tenantId',
      'discoveryEndpoint',
    ]
    const credentials = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] })
    const services = fc.oneof(
      fc.string(),
      fc.json(),
      fc.array(fc.record({ name: fc.string(), credentials })).map((AppID) => JSON.stringify({ AppID })),
    )
    fc.assert(
      fc.property(services, (text) => {
        process.env.VCAP_SERVICES = text
        try {
          createTokenProvider().close()
        } catch (error) {
          expect(error).toBeInstanceOf(McaAuthError)
          expect((error as McaAuthError).code).toMatch(/^(MISSING|INVALID|INSECURE)_/)
        } finally {
          delete process.env.VCAP_SERVICES
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe("undici's header shapes", () => {
  const name = fc.oneof(fc.constantFrom('authorization', 'Authorization', 'AUTHORIZATION', 'x-authorization'), token)
  const pairs = fc.array(fc.tuple(name, fc.stringMatching(/^[!-~]{1,10}$/)), { maxLength: 5 })

  it('all contain the same authorization, and all get the added one if they have none', () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const own = list.some(([key]) => key.toLowerCase() === 'authorization')
        const shapes = [
          Object.fromEntries(list),
          list.flat(),
          list,
          new Map(list),
          list.values(),
          list[Symbol.iterator](),
        ]
        for (const shape of shapes) {
          const headers = readableHeaders(shape)
          expect(headerOf(headers, 'authorization') !== undefined).toBe(own)
          const sent = withAuthorization(headers, { authorization: 'Bearer x' })
          expect(headerOf(sent, 'authorization') !== undefined).toBe(true)
          expect(headerOf(headers, 'authorization') !== undefined).toBe(own)
        }
      }),
    )
  })
})

describe('the origin of a URL', () => {
  const odd = fc.oneof(
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc
      .tuple(
        fc.constantFrom('http://', 'https://', 'HTTP://', 'https:/', 'https:\\\\', 'http:', 'ftp://', '//', 'unix:'),
        fc.constantFrom('', 'user@', 'user:fake@', 'good.example.com@', 'good.example.com:80@'),
        fc.constantFrom(
          'example.com',
          'EXAMPLE.com.',
          'bücher.example',
          'xn--bcher-kva.example',
          '127.1',
          '0x7f.1',
          '[::1]',
          '[::ffff:7f00:1]',
          'localhost',
          'a b',
          '%6cocalhost',
          'ex\tample.com',
          'unix',
          '2130706433',
        ),
        fc.constantFrom('', ':80', ':443', ':0443', ':8080', ':', ':99999', ':x'),
        fc.constantFrom(
          '',
          '/',
          '/path@evil.example',
          '\\evil.example',
          '?q=//evil.example',
          '#@evil.example',
          '/../..',
          ' ',
        ),
      )
      .map((parts) => parts.join('')),
    fc.string(),
  )

  it('is the one that the URL parser finds, however odd the URL', () => {
    fc.assert(
      fc.property(odd, (text) => {
        let url: URL | undefined
        try {
          url = new URL(text)
        } catch {}
        const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
        expect(originOf(text)).toBe(isHttp ? url?.origin : undefined)
        expect(originOf(text)).toBe(originOf(text)) // from the cache
      }),
      { numRuns: 5_000 },
    )
  })

  it('is found for letters beyond ASCII, which `URL.canParse` of Node 20 and 22 rejects once it is optimised', () => {
    let wrong = 0
    for (let i = 0; i < 100_000; i++) if (originOf('http://bücher.example/') !== 'http://xn--bcher-kva.example') wrong++
    expect(wrong).toBe(0)
  })

  it('is secure with https, or on this machine', () => {
    const secure = [
      'https://example.com',
      'http://localhost',
      'http://127.1:80',
      'http://2130706433',
      'http://[::1]:8080',
    ]
    for (const url of secure) expect(isSecure(originOf(url) ?? '')).toBe(true)
    const insecure = [
      'http://example.com',
      'http://localhost.',
      'http://localhost.example.com',
      'http://127.0.0.1.example.com',
      'http://[::2]',
      'http://user:127.0.0.1@example.com',
      'http://0.0.0.0',
    ]
    for (const url of insecure) expect(isSecure(originOf(url) ?? '')).toBe(false)
  })
})
