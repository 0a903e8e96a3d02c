import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as core from '@mca-auth/core'
import * as adapter from '@mca-auth/core/adapter'
import { startAuthorizationServer } from '@mca-auth/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const built = join(import.meta.dirname, '../../packages/core')
const directory = mkdtempSync(join(built, '../../test/.copy-'))

beforeAll(() => {
  cpSync(join(built, 'dist'), join(directory, 'dist'), { recursive: true })
  cpSync(join(built, 'package.json'), join(directory, 'package.json'))
  symlinkSync(join(built, 'node_modules'), join(directory, 'node_modules'))
})

afterAll(() => rmSync(directory, { recursive: true }))

const require = createRequire(import.meta.url)
const get = { url: 'https://orders.example.com/', method: 'GET' }
const credentials = { clientId: 'c', secret: 'fake-secret', tokenEndpoint: 'https://copies.example.com/token' }

/** How a second copy of core gets into a process. */
const copies: [string, () => Promise<[typeof core, typeof adapter]>][] = [
  [
    'another copy, as a bundle or a nested dependency brings it along',
    async () => {
      const load = (name: string) => import(pathToFileURL(join(directory, `dist/esm/${name}.js`)).href)
      return [await load('index'), await load('adapter')]
    },
  ],
  [
    'its CommonJS build, as require() finds it',
    async () => [require('@mca-auth/core'), require('@mca-auth/core/adapter')],
  ],
]

describe.each(copies)('core and %s', (_, load) => {
  let copy: typeof core
  let copyAdapter: typeof adapter

  beforeAll(async () => {
    ;[copy, copyAdapter] = await load()
  })

  /** In both directions: each must recognise what the other creates. */
  const ways = () =>
    [
      [core, copyAdapter],
      [copy, adapter],
    ] as const

  it('are two', () => {
    expect(dirname(directory)).toBe(join(import.meta.dirname, '..'))
    expect(Object.keys(copy).sort()).toEqual(Object.keys(core).sort())
    expect(Object.keys(copyAdapter).sort()).toEqual(Object.keys(adapter).sort())
    expect(copy.McaAuthError).not.toBe(core.McaAuthError)
    expect(copyAdapter.createRequestAuthorizer).not.toBe(adapter.createRequestAuthorizer)
  })

  it("recognise each other's errors, and take no other object for one", () => {
    const theirs = new copy.McaAuthError('TOKEN_REQUEST_FAILED', 'no')
    expect(theirs).toBeInstanceOf(core.McaAuthError)
    expect(new core.McaAuthError('TOKEN_REQUEST_FAILED', 'no')).toBeInstanceOf(copy.McaAuthError)
    expect(Object.getPrototypeOf(theirs)).not.toBe(core.McaAuthError.prototype)
    for (const other of [
      new Error('no'),
      { code: 'TOKEN_REQUEST_FAILED', name: 'McaAuthError' },
      null,
      undefined,
      'x',
    ]) {
      expect(other instanceof core.McaAuthError).toBe(false)
      expect(other instanceof copy.McaAuthError).toBe(false)
    }
    class Derived extends core.McaAuthError {}
    expect(theirs instanceof Derived).toBe(false)
    expect(new Derived('TOKEN_REQUEST_FAILED', 'no')).toBeInstanceOf(Derived)
    expect(new Derived('TOKEN_REQUEST_FAILED', 'no')).toBeInstanceOf(copy.McaAuthError)
  })

  it("know each other's token endpoints, so that no adapter adds a token there", () => {
    for (const [one, other] of ways()) {
      const authorizer = other.createRequestAuthorizer('test', {
        ...credentials,
        origins: 'https://copies.example.com',
      })
      const request = { url: 'https://copies.example.com/others', method: 'POST' }
      expect(authorizer.begin(request)).toBeDefined()
      const provider = one.createTokenProvider({ ...credentials, tokenEndpoint: request.url })
      expect(authorizer.begin(request)).toBeUndefined()
      provider.close()
      expect(authorizer.begin(request)).toBeDefined()
    }
  })

  it("keep the rules of each other's providers, and take no other object for one", () => {
    for (const [one, other] of ways()) {
      const provider = one.createTokenProvider({ ...credentials, origins: 'https://orders.example.com' })
      const authorizer = other.createRequestAuthorizer('test', provider)
      expect(authorizer.begin(get)?.applies).toBe(true)
      expect(authorizer.begin({ ...get, url: 'https://elsewhere.example.com/' })?.applies).toBe(false)
      expect(Object.keys(provider).concat(Object.getOwnPropertyNames(provider))).toEqual([])
      // A provider that is not ours brings no rules along: only the origin that is called counts.
      const stranger = other.createRequestAuthorizer('test', { ...provider, getToken: async () => ({}) } as never)
      expect(stranger.begin({ ...get, url: 'https://elsewhere.example.com/' })?.applies).toBe(true)
      provider.close()
    }
  })

  it("take a cached token of each other's providers without a promise, and drop it when it is rejected", async () => {
    await using server = await startAuthorizationServer()
    for (const [one, other] of ways()) {
      await using provider = one.createTokenProvider({ ...server.appId, origins: 'https://orders.example.com' })
      const { accessToken } = await provider.getToken()
      const authorization = other.createRequestAuthorizer('test', provider).begin(get)
      expect(authorization?.headersFor(get)).toEqual({ authorization: `Bearer ${accessToken}` })
      const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
      expect(await authorization?.responded(401, challenge, { replayable: true })).toBe('resend')
      expect((await provider.getToken()).accessToken).not.toBe(accessToken)
    }
  })

  it('share the budget of refreshes after rejections: four in all, not four for each copy', async () => {
    await using server = await startAuthorizationServer()
    for (const one of [core, copy]) {
      await using provider: core.CachingTokenProvider = one.createTokenProvider({
        ...server.appId,
        origins: 'https://orders.example.com',
      })
      const verdicts: string[] = []
      for (let i = 0; i < 6; i++) {
        await provider.getToken()
        const { createRequestAuthorizer } = i % 2 === 0 ? adapter : copyAdapter
        const authorization = createRequestAuthorizer('test', provider).begin(get)
        authorization?.headersFor(get)
        const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
        verdicts.push((await authorization?.responded(401, challenge, { replayable: true })) ?? '')
      }
      expect(verdicts).toEqual(['resend', 'resend', 'resend', 'resend', 'deliver', 'deliver'])
    }
  })

  it("exchange the tokens of each other's incoming requests, with each other's providers and grants", async () => {
    await using server = await startAuthorizationServer()
    for (const [one, other] of ways()) {
      const options = { ...server.appId, origins: 'https://orders.example.com', incoming: 'exchange' } as const
      await using provider = one.createTokenProvider({
        ...options,
        grant: (one === core ? copy : core).tokenExchange(),
      })
      const authorizer = other.createRequestAuthorizer('test', provider)
      const carried = async (authorization?: string) =>
        one.forwardIncoming({ headers: { authorization } }, async () => authorizer.begin(get)?.headersFor(get))
      for (const user of ['alice', 'bob']) {
        const headers = await carried(`Bearer ${await server.users.tokenOf(user)}`)
        expect((await server.verify(headers?.authorization?.slice(7) ?? ''))?.subject).toBe(user)
      }
      await expect(carried()).rejects.toMatchObject({ code: 'MISSING_INCOMING_TOKEN' })
    }
  })

  it('share the incoming request, so that its token is forwarded and never replaced by our own', () => {
    for (const [one, other] of ways()) {
      const options = { ...credentials, origins: 'https://orders.example.com', incoming: 'forward' } as const
      const authorizer = other.createRequestAuthorizer('test', options)
      const carried = (authorization?: string) =>
        one.forwardIncoming({ headers: { authorization } }, () => authorizer.begin(get)?.headersFor(get))
      expect(carried('Bearer alice')).toEqual({ authorization: 'Bearer alice' })
      expect(carried()).toEqual({})
    }
  })

  it('detect a loop through providers of both, instead of waiting for each other', async () => {
    for (const [one, other] of [
      [core, copy],
      [copy, core],
    ] as const) {
      const tokenEndpoint = 'https://copies.example.com/token'
      const fetch = () => Promise.reject(new Error('no token request is sent'))
      await using first: core.CachingTokenProvider = one.createTokenProvider({
        tokenEndpoint,
        clientId: 'first',
        secret: async () => (await second.getToken()).accessToken,
        fetch,
      })
      await using second: core.CachingTokenProvider = other.createTokenProvider({
        tokenEndpoint,
        clientId: 'second',
        secret: async () => (await first.getToken()).accessToken,
        fetch,
      })
      // Both start at once. Neither runs within the other, so neither copy could notice by itself.
      const results = await Promise.allSettled([first.getToken(), second.getToken()])
      expect(
        results.map((result) => (result.status === 'rejected' ? result.reason.message : 'a token')),
      ).toContainEqual(expect.stringMatching(/this is a loop/))
    }
  })
})
