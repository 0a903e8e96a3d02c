import { createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import { Attachment } from '@mca-auth/core/adapter'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'

let server: AuthorizationServer

beforeEach(async () => {
  server = await startAuthorizationServer()
})

afterEach(() => server.close())

const api = 'https://api.example.com'
const bearer = 'Bearer error="invalid_token"'

function attach(options: McaAuthOptions = {}): Attachment<string> {
  return new Attachment<string>({ ...server.appId, ...options }, (url) => ({ url: new URL(url), method: 'GET' }))
}

it('a token request of any provider in the process is never claimed, but another path of its origin is', () => {
  const attachment = attach()
  const other = createTokenProvider({ clientId: 'c', secret: 's', tokenEndpoint: 'https://idp.example.com/token' })
  const claim = (url: string) => attachment.claim(new URL(url).origin, url, false)
  expect(claim('https://idp.example.com/token')).toBeUndefined()
  expect(claim('https://idp.example.com/token?x=1')).toBeUndefined()
  expect(claim('https://idp.example.com/userinfo')).toBeDefined()
  expect(claim(`${server.appId.oauthServerUrl}/token`)).toBeUndefined()
  other.close()
  expect(claim('https://idp.example.com/token')).toBeDefined()
})

it('`tokenRequest` must give a token request or false, at once', () => {
  for (const bad of [undefined, null, true, 'scope', Promise.resolve({})]) {
    expect(() => attach({ tokenRequest: (() => bad) as never }).claim(api, api, false)).toThrow(/tokenRequest/)
  }
  expect(attach({ tokenRequest: () => false }).claim(api, api, false)).toBeUndefined()
  expect(attach({ tokenRequest: () => ({}) }).claim(api, api, false)).toBeDefined()
})

it('four refusals are acted on; an accepted replay gives one back, a refused one none', async () => {
  const attachment = attach()
  const request = attachment.claim(api, api, false)
  if (request === undefined) return expect.fail()
  const refuse = async () => attachment.refused(await attachment.acquire(request, undefined), api, 'GET', bearer, true)
  for (let i = 0; i < 4; i++) expect(await refuse()).toBe(true)
  expect(await refuse()).toBe(false)
  const token = await attachment.acquire(request, undefined)
  expect(attachment.take(request)).toBe(token)
  attachment.replayed(token, api, 401)
  expect(await refuse()).toBe(false)
  attachment.replayed(token, api, 200)
  expect(await refuse()).toBe(true)
  expect(await refuse()).toBe(false)
})

it('a late refusal costs nothing, and may be replayed with the token that is current', async () => {
  const attachment = attach()
  const request = attachment.claim(api, api, false)
  if (request === undefined) return expect.fail()
  const token = await attachment.acquire(request, undefined)
  for (let i = 0; i < 20; i++) expect(attachment.refused(token, api, 'GET', bearer, true)).toBe(true)
  const another = await attachment.renew(token, request, undefined)
  expect(another?.accessToken).not.toBe(token.accessToken)
  for (let i = 0; i < 20; i++) expect(attachment.refused(token, api, 'GET', bearer, true)).toBe(true)
  expect(await attachment.renew(token, request, undefined)).toBe(another)
  expect(server.tokenRequests).toBe(2)
  expect(attachment.refused(token, api, 'GET', 'Basic', true)).toBe(false)
  expect(attachment.refused(token, api, 'GET', 'Bearer error="insufficient_scope"', true)).toBe(false)
  expect(attachment.refused(token, api, 'post', null, true)).toBe(false)
  expect(attachment.refused(token, api, 'put', null, true)).toBe(true)
  expect(attachment.refused(token, api, 'put', null, false)).toBe(false)
})

it('renew gives nothing where no token can be had, and the reason where the caller gave up', async () => {
  const attachment = attach()
  const request = attachment.claim(api, api, false)
  if (request === undefined) return expect.fail()
  const token = await attachment.acquire(request, undefined)
  attachment.refused(token, api, 'GET', bearer, true)
  server.rotateSecret('another-fake-secret')
  expect(await attachment.renew(token, request, undefined)).toBeUndefined()
  await expect(attachment.renew(token, request, AbortSignal.abort(new Error('mine')))).rejects.toThrow('mine')
})

it('a provider that did not come from here is refused', () => {
  for (const provider of [{ getToken: async () => 'x' }, 'x', 7, null]) {
    expect(() => new Attachment(provider as never, () => ({ url: new URL(api), method: 'GET' }))).toThrow(TypeError)
  }
})
