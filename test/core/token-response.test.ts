import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { createTokenProvider, type McaAuthError } from '@mca-auth/core'
import { type AuthorizationServer, type Reply, startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startRecorder } from '../servers/recorder.ts'

let server: AuthorizationServer

beforeEach(async () => {
  server = await startAuthorizationServer()
})

afterEach(() => server.close())

const withToken = (fields: object, reply: Reply = {}): Reply => ({
  body: { access_token: 'opaque', ...fields },
  ...reply,
})

async function answeredWith(reply: Reply) {
  server.script(reply)
  const provider = createTokenProvider(server.appId)
  const outcome = await provider.getToken().then(
    (token) => ({ token, error: undefined }),
    (error: McaAuthError) => ({ token: undefined, error }),
  )
  return { ...outcome, requests: server.tokenRequests, cached: provider.health().cachedTokens }
}

function jwt(claims: object): string {
  return ['{"alg":"none"}', JSON.stringify(claims), 'x']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
}

describe('a token response', () => {
  it.each<[string, Reply]>([
    ['a 204', { status: 204 }],
    ['a 202', withToken({}, { status: 202 })],
    ['a 206', withToken({}, { status: 206 })],
    ['plain text', { headers: { 'content-type': 'text/html' }, body: 'Sign in' }],
    ['empty', {}],
    ['truncated JSON', { body: '{"access_token":"secr' }],
    ['a JSON array', { body: [] }],
    ['null', { body: 'null' }],
    ['without access_token', { body: { token_type: 'Bearer', expires_in: 3600 } }],
    ['an access_token that is not a string', { body: { access_token: { a: 1 } } }],
    ['an empty access_token', { body: { access_token: '' } }],
    ['an access_token with CR LF', { body: { access_token: 'a\r\nx: y' } }],
    ['an access_token with a space', { body: { access_token: 'a b' } }],
    ['an access_token beyond ASCII', { body: { access_token: 'é' } }],
    ['longer than 64 KiB', withToken({ padding: 'x'.repeat(70_000) })],
    ['10 MB long', withToken({ padding: 'x'.repeat(10_000_000) })],
    ['a gzip bomb', { headers: { 'content-encoding': 'gzip' }, body: gzipSync('x'.repeat(50_000_000)) }],
    ['in UTF-16', { body: Buffer.from('{"access_token":"opaque"}', 'utf16le') }],
    ['of another token type', withToken({ token_type: 'mac' })],
    ['of a token type that begins like Bearer', withToken({ token_type: 'BearerX' })],
    ['of the token type N_A', withToken({ token_type: 'N_A' })],
    ['of a token type that is not a string', withToken({ token_type: 7 })],
    ['expires_in "soon"', withToken({ expires_in: 'soon' })],
    ['an invalid expires_in', withToken({ expires_in: '12 apples' })],
    ['expires_in ""', withToken({ expires_in: '' })],
    ['expires_in true', withToken({ expires_in: true })],
    ['expires_in "NaN"', withToken({ expires_in: 'NaN' })],
  ])('that is %s is invalid: not retried, not cached', async (_name, reply) => {
    const { error, requests, cached } = await answeredWith(reply)
    expect(error?.code).toBe('TOKEN_RESPONSE_INVALID')
    expect([requests, cached]).toEqual([1, 0])
    expect(error?.cause).toBeUndefined()
    expect(JSON.stringify(error) + error?.message).not.toMatch(/secr|Sign in|opaque/)
  })

  it.each([301, 302, 303, 307, 308])('that redirects (%i) is not followed', async (status) => {
    await using elsewhere = await startRecorder((_request, response) => response.end('{"access_token":"evil"}'))
    const { error } = await answeredWith({ status, headers: { location: `http://127.0.0.1:${elsewhere.port}/` } })
    expect(error?.code).toBe('TOKEN_RESPONSE_INVALID')
    expect(elsewhere.received).toEqual([])
  })

  it.each<[unknown, seconds: number]>([
    [3600, 3600],
    ['3600', 3600],
    [' 60 ', 60],
    [1.5, 1.5],
    [1e99, 2 ** 31 - 1],
    ['1e99', 2 ** 31 - 1],
  ])('expires_in %j is a lifetime of %d seconds', async (expiresIn, seconds) => {
    const { token } = await answeredWith(withToken({ expires_in: expiresIn }))
    expect((token?.expiresAt ?? 0) - (token?.issuedAt ?? 0)).toBe(seconds * 1000)
  })

  it.each([0, -5, '-1', '0'])('a token with expires_in %j serves the waiting callers', async (expiresIn) => {
    const { token } = await answeredWith(withToken({ expires_in: expiresIn }))
    expect(token?.accessToken).toBe('opaque')
    expect(token?.expiresAt).toBeLessThanOrEqual(Date.now() + 1_000)
  })

  it('without expires_in expires as its JWT says, by the clock of the server', async () => {
    const serverNow = Math.floor(Date.now() / 1000) - 600
    const date = new Date(serverNow * 1000).toUTCString()
    const body = { access_token: jwt({ exp: serverNow + 1800 }) }
    const { token } = await answeredWith({ headers: { date }, body })
    expect((token?.expiresAt ?? 0) - (token?.issuedAt ?? 0)).toBe(1800_000)
  })

  it.each([['opaque'], [jwt({})], [jwt({ exp: 'soon' })], ['a.b.c'], ['a.!.c']])(
    'without expires_in or a readable JWT has a lifetime of five minutes (%s)',
    async (accessToken) => {
      const { token } = await answeredWith({ body: { access_token: accessToken } })
      expect((token?.expiresAt ?? 0) - (token?.issuedAt ?? 0)).toBe(300_000)
    },
  )

  it.each(['Bearer', 'bearer', 'BEARER', undefined, null, '', ' ', 'BearerToken', 'bearertoken'])(
    'treats the token type %s as Bearer',
    async (tokenType) => {
      const { token } = await answeredWith(withToken({ token_type: tokenType }))
      expect(token?.tokenType).toBe('Bearer')
    },
  )

  it.each<[string, Reply]>([
    ['201', { status: 201 }],
    ['200 that is labelled HTML', { headers: { 'content-type': 'text/html' } }],
    ['200 behind a byte order mark', { body: '\ufeff{"access_token":"opaque"}' }],
  ])('with %s is a token', async (_what, reply) => {
    const { token, requests } = await answeredWith(withToken({}, reply))
    expect(token?.accessToken).toBe('opaque')
    expect(requests).toBe(1)
  })

  it.each<[string, () => unknown]>([
    ["with node-fetch's body", () => Readable.from([Buffer.from('{"access_token":'), Buffer.from('"opaque"}')])],
    ['with a body of text chunks', () => Readable.from(['{"access_token":', '"opaque"}'], { objectMode: true })],
    ['without a body that could be read in parts', () => undefined],
  ])('of a foreign fetch %s is read', async (_what, body) => {
    const foreign = () => ({
      status: 200,
      headers: new Headers(),
      body: body(),
      text: async () => '{"access_token":"opaque"}',
    })
    await using provider = createTokenProvider({ ...server.appId, fetch: (async () => foreign()) as never })
    expect((await provider.getToken()).accessToken).toBe('opaque')
  })

  it('may carry an id token and a refresh token, which are ignored', async () => {
    const { token } = await answeredWith(withToken({ id_token: 'junk', refresh_token: 7, scope: ['odd'] }))
    expect(token?.accessToken).toBe('opaque')
  })
})
