import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createTokenProvider, type McaAuthChannels } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/fetch'
import {
  type AuthorizationServer,
  memoryTokenCache,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const names: (keyof McaAuthChannels)[] = [
  'mca-auth:token:requested',
  'mca-auth:token:refreshed',
  'mca-auth:token:failed',
  'mca-auth:token:refused',
  'mca-auth:token:stale',
  'mca-auth:cooldown:entered',
  'mca-auth:cooldown:left',
  'mca-auth:dpop:nonce',
  'mca-auth:shared-cache:failed',
  'mca-auth:request:skipped',
]

let server: AuthorizationServer
let heard: [name: string, message: Record<string, unknown>][]
const hear = (message: unknown, name: string | symbol) => {
  heard.push([String(name).replace('mca-auth:', ''), message as Record<string, unknown>])
}
const told = () => heard.splice(0).map(([name]) => name)

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  server = await startAuthorizationServer()
  heard = []
  for (const name of names) subscribe(name, hear)
})

afterEach(async () => {
  vi.useRealTimers()
  for (const name of names) unsubscribe(name, hear)
  await server.close()
})

it('reports a token that is requested, refreshed, served stale and refreshed again', async () => {
  await using provider = createTokenProvider({ ...server.appId, scope: 'orders.read' })
  const before = performance.now()
  const { expiresAt } = await provider.getToken()
  const tookMs = performance.now() - before
  const subject = {
    tokenEndpoint: `${server.appId.oauthServerUrl}/token`,
    clientId: server.clientId,
    scope: 'orders.read',
  }
  expect(heard).toEqual([
    ['token:requested', { ...subject, attempt: 1 }],
    ['token:refreshed', { ...subject, expiresAt, durationMs: expect.any(Number), fromSharedCache: false }],
  ])
  expect(heard[1]?.[1].durationMs).toBeLessThanOrEqual(tookMs)
  heard = []
  await provider.getToken()
  expect(told()).toEqual([])
  vi.setSystemTime(Date.now() + (3600 - 100) * 1000)
  await provider.getToken()
  await vi.waitFor(() => expect(provider.health().flights).toBe(0))
  expect(heard[0]).toEqual(['token:stale', { ...subject, expiresAt }])
  expect(told()).toEqual(['token:stale', 'token:requested', 'token:refreshed'])
})

it('reports each attempt, the failure that callers see, and the cool-down until it ends', async () => {
  await using provider = createTokenProvider(server.appId)
  server.script({ status: 500 }, { status: 500 }, { status: 503 })
  const before = performance.now()
  const error = await provider.getToken().catch((caught) => caught)
  const tookMs = performance.now() - before
  const failure = { code: 'TOKEN_REQUEST_FAILED', status: 503, retryAt: error.retryAt }
  expect(heard.map(([, { attempt }]) => attempt)).toEqual([1, 2, 3, undefined, undefined])
  expect(heard[3]).toEqual(['cooldown:entered', expect.objectContaining(failure)])
  expect(heard[4]).toEqual(['token:failed', expect.objectContaining(failure)])
  expect(heard[4]?.[1].durationMs).toBeLessThanOrEqual(tookMs)
  heard = []
  await provider.getToken().catch(() => {})
  expect(told()).toEqual(['token:failed'])
  vi.setSystemTime(error.retryAt)
  await provider.getToken()
  expect(told()).toEqual(['token:requested', 'cooldown:left', 'token:refreshed'])
})

it('reports which origin rejected a token', async () => {
  await using resource = await startProtectedResource({ authorizationServer: server })
  await using provider = createTokenProvider(server.appId)
  const fetch = mcaAuth(provider)
  await fetch(resource.origin)
  server.revokeAll()
  heard = []
  await fetch(resource.origin)
  expect(heard[0]).toEqual(['token:refused', expect.objectContaining({ origin: resource.origin })])
  expect(told()).toEqual(['token:refused', 'token:requested', 'token:refreshed'])
})

it('reports a token that came from the shared cache', async () => {
  const sharedCache = memoryTokenCache()
  await using one = createTokenProvider({ ...server.appId, sharedCache })
  await one.getToken()
  heard = []
  await using other = createTokenProvider({ ...server.appId, sharedCache })
  await vi.waitFor(() => other.getToken())
  expect(heard).toEqual([['token:refreshed', expect.objectContaining({ fromSharedCache: true })]])
})

it('reports which server demanded a nonce, with which status, without the nonce or a token', async () => {
  await using resource = await startProtectedResource({ authorizationServer: server })
  server.dpop.demandsNonce = true
  resource.dpop.demandsNonce = true
  await using provider = createTokenProvider({ ...server.appId, dpop: true })
  const fetch = mcaAuth(provider)
  const challenges = () => heard.splice(0).filter(([name]) => name === 'dpop:nonce')
  const atResource = ['dpop:nonce', { origin: resource.origin, status: 401 }]
  await fetch(resource.origin)
  expect(challenges()).toEqual([['dpop:nonce', { origin: server.origin, status: 400 }], atResource])
  resource.dpop.offerNonce()
  await fetch(`${resource.origin}/a-nonce-that-comes-with-a-success`)
  expect(challenges()).toEqual([])
  resource.dpop.rotateNonce()
  const body = new Blob(['x'.repeat(100_000)]).stream()
  const init = { method: 'POST', body, duplex: 'half' } as RequestInit
  expect((await fetch(`${resource.origin}/a-body-that-cannot-be-sent-again`, init)).status).toBe(401)
  expect(challenges()).toEqual([atResource])
})

it('reports no nonce challenge if a proof or a token is rejected for another reason, or not at all', async () => {
  let challenge = 'DPoP error="invalid_dpop_proof"'
  await using resource = await startProtectedResource({
    authorizationServer: server,
    intercept: () => ({ status: 401, headers: { 'www-authenticate': challenge }, body: 'no' }),
  })
  await using provider = createTokenProvider({ ...server.appId, dpop: true })
  const fetch = mcaAuth(provider)
  for (challenge of [challenge, 'DPoP error="insufficient_scope"', 'Bearer error="use_dpop_nonce"']) {
    await fetch(resource.origin)
  }
  expect(told()).not.toContain('dpop:nonce')
  server.script({ status: 400, body: { error: 'invalid_dpop_proof' } })
  provider.clear()
  await provider.getToken().catch(() => {})
  expect(told()).not.toContain('dpop:nonce')
})

it('reports no secrets', async () => {
  await using provider = createTokenProvider(server.appId)
  const { accessToken } = await provider.getToken()
  server.rotateSecret('another-fake-secret')
  vi.setSystemTime(Date.now() + 3600_000)
  await provider.getToken().catch(() => {})
  const text = JSON.stringify(heard)
  expect(text).toContain('invalid_client')
  for (const secret of [accessToken, server.secret, 'not-a-real-secret']) expect(text).not.toContain(secret)
})

it('says why a shared cache is not used, whatever it throws, and neither delays nor fails the token', async () => {
  const thrown: [unknown, string][] = [
    [new Error('the directory is read-only'), 'the directory is read-only'],
    [new Error('a line\n\u001b[31mand another'), 'a line  [31mand another'],
    [new Error('x'.repeat(5_000)), 'x'.repeat(500)],
    [Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new AggregateError([]), 'AggregateError'],
    [undefined, 'unknown error'],
    ['text', 'unknown error'],
    [new Proxy({}, { get: () => expect.fail('a getter that throws') }), 'unknown error'],
  ]
  for (const [error, reason] of thrown) {
    const fails = () => Promise.reject(error)
    for (const broken of [{ get: fails }, { lease: fails }, { set: fails }]) {
      heard = []
      await using provider = createTokenProvider({ ...server.appId, sharedCache: { ...memoryTokenCache(), ...broken } })
      await provider.getToken()
      const failures = () => heard.filter(([name]) => name === 'shared-cache:failed').map(([, message]) => message)
      await expect.poll(failures).toEqual([{ reason }])
    }
  }
})

it('does not repeat a password in the URL of a shared cache', async () => {
  const get = () => fetch('https://user:fake-password@cache.example.com/') as Promise<never>
  await using provider = createTokenProvider({ ...server.appId, sharedCache: { ...memoryTokenCache(), get } })
  await provider.getToken()
  const [, message] = heard.find(([name]) => name === 'shared-cache:failed') ?? []
  expect(message?.reason).toContain('https://cache.example.com/')
  expect(message?.reason).not.toMatch(/user|fake-password/)
})

it('says that a shared cache did not respond in time', async () => {
  const sharedCache = { ...memoryTokenCache(), get: () => new Promise<never>(() => {}) }
  await using provider = createTokenProvider({ ...server.appId, sharedCache, sharedCacheTimeoutMs: 1 })
  await provider.getToken()
  const message = { reason: 'no response within `sharedCacheTimeoutMs`' }
  expect(heard).toContainEqual(['shared-cache:failed', message])
})
