// Tokens of users in a shared cache, and bound to a key.
import { createHash, generateKeyPairSync } from 'node:crypto'
import { createTokenProvider, forwardIncoming, type McaAuthOptions, type SharedTokenCache } from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { redisTokenCache } from '@mca-auth/redis'
import { memoryTokenCache, startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { recordingFetch, unsignedJwt } from '../servers/sent-token-requests.ts'

const origin = 'https://stock.example.com'
const get = { url: `${origin}/items`, method: 'GET' }

afterEach(() => {
  vi.useRealTimers()
})

const options = {
  tokenEndpoint: 'https://idp.example.com/token',
  clientId: 'orders',
  secret: 'fake-secret',
  origins: origin,
  incoming: 'exchange',
} as const

/** A process of a fleet; each token names its subject. */
function processOf(sharedCache: SharedTokenCache, more: McaAuthOptions = {}) {
  const { fetch, sent } = recordingFetch(({ form }, count) =>
    Response.json({ access_token: `for-${form.subject_token ?? 'the-service'}-${count}`, expires_in: 3600 }),
  )
  const provider = createTokenProvider({ ...options, fetch, sharedCache, sharedCacheTimeoutMs: 10_000, ...more })
  const authorizer = createRequestAuthorizer('test', provider)
  const begin = (user: string) =>
    forwardIncoming({ headers: { authorization: `Bearer ${user}` } }, () => authorizer.begin(get))
  const sendAs = async (user: string) => begin(user)?.headersFor(get)
  return { provider, sent, begin, sendAs }
}

/** A cache that shows its content, and when nothing is on its way to it. */
function recordingCache(exchanged?: boolean) {
  const cache = memoryTokenCache({ exchanged })
  const calls: string[] = []
  let leases = 0
  const spy: SharedTokenCache = {
    ...cache,
    set: async (key, token, fence) => {
      calls.push(`set ${key} ${JSON.stringify(token)}`)
      await cache.set(key, token, fence)
    },
    lease: async (key, holder, durationMs) => {
      leases++
      calls.push(`lease ${key}`)
      return cache.lease(key, holder, durationMs)
    },
    delete: async (key, digest) => {
      await cache.delete(key, digest)
      calls.push(`delete ${key}`)
    },
    release: async (key, holder) => {
      await cache.release(key, holder)
      leases--
    },
  }
  const settled = () => vi.waitFor(() => expect(leases).toBe(0))
  return { cache: spy, calls, settled }
}

describe('a shared cache', () => {
  it.each([undefined, false])("(exchanged: %s) gets only the service's own token", async (exchanged) => {
    const { cache, calls, settled } = recordingCache(exchanged)
    const one = processOf(cache)
    await one.sendAs('alice')
    expect(calls).toEqual([])
    await one.provider.getToken()
    await settled()
    expect(calls.filter((call) => call.startsWith('set'))).toHaveLength(1)
    const two = processOf(cache)
    expect(await two.sendAs('alice')).toEqual({ authorization: 'Bearer for-alice-1' })
    expect(two.sent).toHaveLength(1)
  })

  it('with `exchanged: true` shares the token of each user, and never mixes two users up', async () => {
    const { cache, settled } = recordingCache(true)
    const [one, two] = [processOf(cache), processOf(cache)]
    expect(await one.sendAs('alice')).toEqual({ authorization: 'Bearer for-alice-1' })
    await settled()
    expect(await two.sendAs('alice')).toEqual({ authorization: 'Bearer for-alice-1' })
    expect(two.sent).toHaveLength(0)
    expect(await two.sendAs('bob')).toEqual({ authorization: 'Bearer for-bob-1' })
    expect((await two.provider.getToken()).accessToken).toBe('for-the-service-2')
    await settled()
    expect(await one.sendAs('bob')).toEqual({ authorization: 'Bearer for-bob-1' })
    expect(one.sent).toHaveLength(1)
  })

  it('shares it neither with another client nor with another form of the exchange', async () => {
    const { tokenExchange } = await import('@mca-auth/core')
    const { cache, settled } = recordingCache(true)
    await processOf(cache).sendAs('alice')
    await settled()
    const others: McaAuthOptions[] = [
      { clientId: 'others' },
      { grant: tokenExchange({ subjectTokenType: 'jwt' }) },
      { grant: tokenExchange({ actorToken: 'fake-actor' }) },
      { scope: 'write' },
    ]
    for (const more of others) {
      const other = processOf(cache, more)
      await other.sendAs('alice')
      expect(other.sent).toHaveLength(1)
      await settled()
    }
  })

  it('loses a rejected token of one user, even if another user was served last', async () => {
    const { cache, calls, settled } = recordingCache(true)
    const [one, two] = [processOf(cache), processOf(cache)]
    const alices = one.begin('alice')
    await alices?.headersFor(get)
    await one.sendAs('bob')
    await settled()
    const rejected = { 'www-authenticate': 'Bearer error="invalid_token"' }
    expect(await alices?.responded(401, rejected, { replayable: false })).toBe('deliver')
    await vi.waitFor(() => expect(calls.filter((call) => call.startsWith('delete'))).toHaveLength(1))
    expect(await two.sendAs('bob')).toEqual({ authorization: 'Bearer for-bob-2' })
    expect(two.sent).toHaveLength(0)
    await two.sendAs('alice')
    expect(two.sent).toHaveLength(1)
  })

  it('learns neither the user, nor the subject token, nor a digest of it', async () => {
    const { cache, calls, settled } = recordingCache(true)
    const subject = unsignedJwt({ sub: 'fake-user-4711' })
    await processOf(cache).sendAs(subject)
    await settled()
    expect(calls.length).toBeGreaterThan(1)
    const digests = (['hex', 'base64', 'base64url'] as const).map((encoding) =>
      createHash('sha256').update(subject).digest(encoding),
    )
    for (const secret of [subject, 'fake-user-4711', ...digests]) expect(calls.join('\n')).not.toContain(secret)
  })

  it('keeps a token no longer than the subject token is valid', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { cache, calls, settled } = recordingCache(true)
    const subject = unsignedJwt({ sub: 'alice', exp: Date.now() / 1000 + 100 })
    await processOf(cache).sendAs(subject)
    await settled()
    const stored = JSON.parse(
      calls
        .find((call) => call.startsWith('set'))
        ?.split(' ')
        .slice(2)
        .join(' ') ?? '{}',
    )
    expect(stored.expiresInMs).toBeLessThanOrEqual(100_000)
    vi.setSystemTime(Date.now() + 50_000)
    const two = processOf(cache)
    await two.sendAs(subject)
    expect(two.sent).toHaveLength(0)
    vi.setSystemTime(Date.now() + 51_000)
    const three = processOf(cache)
    await three.sendAs(subject)
    expect(three.sent).toHaveLength(1)
  })

  it('accepts only a boolean for `exchanged`', () => {
    const cache = { ...memoryTokenCache(), exchanged: 'yes' as unknown as boolean }
    expect(() => createTokenProvider({ ...options, sharedCache: cache })).toThrow('`sharedCache.exchanged`')
    const client = { eval: async () => null, call: async () => null } as never
    expect(redisTokenCache(client).exchanged).toBe(false)
    expect(redisTokenCache(client, { exchanged: true }).exchanged).toBe(true)
    expect(() => redisTokenCache(client, { exchanged: 1 as never })).toThrow(TypeError)
  })
})

describe('bound to a key', () => {
  it.each([
    ['generated by the provider', true],
    ['given', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ] as const)('%s, tokens of users and of the service are bound to the same key', async (_name, dpop) => {
    await using server = await startAuthorizationServer()
    await using resource = await startProtectedResource({ authorizationServer: server })
    server.dpop.demandsNonce = true
    const own = { ...server.appId, origins: resource.origin, incoming: 'exchange', dpop } as const
    const provider = createTokenProvider(own)
    const authorizer = createRequestAuthorizer('test', provider)
    const request = { url: `${resource.origin}/items`, method: 'GET' }
    const thumbprintOf = async (authorization = '') =>
      (await server.verify(authorization.replace('DPoP ', '')))?.thumbprint
    const thumbprints = new Set<string | undefined>()
    for (const user of ['alice', 'bob']) {
      const token = await server.users.tokenOf(user)
      const headers = await forwardIncoming({ headers: { authorization: `Bearer ${token}` } }, async () =>
        authorizer.begin(request)?.headersFor(request),
      )
      expect((await fetch(request.url, { headers: { ...headers } })).status).toBe(200)
      thumbprints.add(await thumbprintOf(headers?.authorization))
    }
    thumbprints.add(await thumbprintOf((await provider.headersFor({ url: request.url })).authorization))
    expect([...thumbprints]).toEqual([expect.any(String)])
    expect(resource.accepted.map(({ subject }) => subject)).toEqual(['alice', 'bob'])
    // The nonce is also demanded only once.
    expect(server.tokenRequests).toBe(4)
    provider.close()
  })
})
