import { inspect } from 'node:util'
import { createTokenProvider, forwardIncoming } from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { expect, it } from 'vitest'

const origin = 'https://orders.example.com'
const provider = createTokenProvider({
  tokenEndpoint: 'https://idp.example.com/token',
  clientId: 'client',
  secret: 'fake-secret',
  origins: origin,
  incoming: 'forward',
})
const authorizer = createRequestAuthorizer('test', provider)
const get = { url: `${origin}/mine`, method: 'GET' }

/** The header of a request that is made on behalf of an incoming one with this header. */
const carried = (authorization?: string) =>
  forwardIncoming({ headers: { authorization } }, () => authorizer.begin(get)?.headersFor(get))

it.each([
  ['Bearer abc.def', 'Bearer abc.def'],
  ['bearer abc', 'Bearer abc'],
  ['Bearer access identity', 'Bearer access'],
  ['Bearer  access \t identity\tother ', 'Bearer access'],
])('the access token of %j is forwarded', (header, expected) => {
  expect(carried(header)).toEqual({ authorization: expected })
})

it.each([
  ...[undefined, '', 'Bearer', 'Bearer ', 'x Bearer a', 'Basic YTpi', 'Bearer ü', 'DPoP abc'],
  ...['Bearer alice, Bearer bob', 'Bearer alice,Bearer bob', 'Bearer alice,bob'],
])('nothing is forwarded of %j, nor is our own token sent instead', (header) => {
  expect(carried(header)).toEqual({})
})

it('is read from the Headers of a Request, too', () => {
  const request = new Request(origin, { headers: { authorization: 'Bearer abc' } })
  expect(forwardIncoming(request, () => authorizer.begin(get)?.headersFor(get))).toEqual({
    authorization: 'Bearer abc',
  })
})

it('is undefined if there is no request at all', () => {
  for (const request of [undefined, null, {}, { headers: null }]) {
    expect(forwardIncoming(request as never, () => authorizer.begin(get)?.headersFor(get))).toEqual({})
  }
})

it('is not replaced by our own when it is rejected', async () => {
  const authorization = forwardIncoming({ headers: { authorization: 'Bearer abc' } }, () => authorizer.begin(get))
  authorization?.headersFor(get)
  const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
  expect(authorization?.responded(401, challenge, { replayable: true })).toBe('deliver')
})

it('stays with a request that is sent again from another context', async () => {
  const authorization = forwardIncoming({ headers: { authorization: 'Bearer alice' } }, () => authorizer.begin(get))
  authorization?.headersFor(get)
  authorization?.responded(503, {})
  const bobs = forwardIncoming({ headers: { authorization: 'Bearer bob' } }, () => authorization?.headersFor(get))
  expect(bobs).toEqual({ authorization: 'Bearer alice' })
})

it('is never shown to a logger', () => {
  forwardIncoming({ headers: { authorization: 'Bearer fake-secret-token' } }, () => {
    const authorization = authorizer.begin(get)
    authorization?.headersFor(get)
    const texts = [
      inspect(authorization, { depth: 9, showHidden: true }),
      JSON.stringify(authorization),
      String(authorization),
    ]
    expect(texts.join()).not.toContain('fake-secret-token')
  })
})
