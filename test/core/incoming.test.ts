import { inspect } from 'node:util'
import { createTokenProvider, forwardIncoming } from '@mca-auth/core'
import { Attachment } from '@mca-auth/core/adapter'
import { expect, it } from 'vitest'

const origin = 'https://orders.example.com'
const provider = createTokenProvider({
  tokenEndpoint: 'https://idp.example.com/token',
  clientId: 'client',
  secret: 'fake-secret',
  origins: origin,
  incoming: 'forward',
})
const attachment = new Attachment(provider, () => ({ url: new URL(origin), method: 'GET' }))

/** What a request carries within an incoming one that has this header. */
const carried = (authorization?: string) =>
  forwardIncoming({ headers: { authorization } }, () => {
    const request = attachment.claim(origin, {}, false)
    return request && attachment.take(request)
  })

it('is passed on as it came, where it is a Bearer token and nothing but', () => {
  expect(carried('Bearer abc.def')?.header).toBe('Bearer abc.def')
  expect(carried('bearer abc')?.header).toBe('bearer abc')
  for (const other of [undefined, '', 'Bearer', 'Bearer a b', 'x Bearer a', 'Basic YTpi', 'Bearer a\r\nx: y']) {
    expect(carried(other)).toBeUndefined()
  }
})

it('is of no account where there is no request at all', () => {
  expect(forwardIncoming(undefined as never, () => attachment.claim(origin, {}, false))).toBeUndefined()
  expect(forwardIncoming({} as never, () => attachment.claim(origin, {}, false))).toBeUndefined()
  expect(attachment.claim(origin, {}, false)).toBeDefined()
})

it('is not refused in our name, and shown to no logger', () => {
  const token = carried('Bearer abc.def')
  if (token === undefined) return expect.fail('no token')
  expect(attachment.refused(token, origin, 'GET', 'Bearer error="invalid_token"', true)).toBe(false)
  expect([inspect(token), JSON.stringify(token)].join()).not.toContain('abc.def')
  expect(JSON.stringify(token)).toContain('redacted')
})
