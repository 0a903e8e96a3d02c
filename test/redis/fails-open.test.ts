import { type CachingTokenProvider, createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import { redisTokenCache } from '@mca-auth/redis'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hasRedis, RedisServer } from '../servers/redis-server.ts'
import { type Connected, clients } from './clients.ts'

const connect = clients['redis 6'] as (url: string) => Promise<Connected>

describe.runIf(hasRedis)('the shared cache on Redis', () => {
  let redis: RedisServer
  let server: AuthorizationServer
  let connected: Connected
  const providers: CachingTokenProvider[] = []

  beforeEach(async () => {
    redis = await RedisServer.start()
    server = await startAuthorizationServer()
    connected = await connect(redis.url)
  })

  afterEach(async () => {
    for (const provider of providers.splice(0)) provider.close()
    connected.close()
    await server.close()
    await redis[Symbol.asyncDispose]()
  })

  /** Stands for another process. Its timeouts are long enough for a healthy Redis on a busy machine. */
  function another(options: McaAuthOptions = {}, encryptionKeys?: string[]): CachingTokenProvider {
    const sharedCache = redisTokenCache(connected.client, { encryptionKeys })
    const provider = createTokenProvider({ ...server.appId, sharedCache, sharedCacheTimeoutMs: 60_000, ...options })
    providers.push(provider)
    return provider
  }

  /** How many token requests the work makes. */
  async function cost(work: () => Promise<unknown>): Promise<number> {
    const before = server.tokenRequests
    await work()
    return server.tokenRequests - before
  }

  const stored = () => vi.waitFor(() => expect(redis.cli('--scan')).toContain(':token'))
  const tokenKeys = () => redis.cli('--scan', '--pattern', '*:token').split('\n').filter(Boolean)

  it('serves a second process from the first, and reveals neither tokens nor clients', async () => {
    const { accessToken } = await another({ scope: 'orders.read' }).getToken()
    await stored()
    expect(await cost(() => another({ scope: 'orders.read' }).getToken())).toBe(0)
    const everything = redis.everything()
    expect(everything).toContain(':token')
    for (const secret of [
      accessToken,
      accessToken.slice(-20),
      server.clientId,
      server.secret,
      server.tenantId,
      'orders',
    ]) {
      expect(everything).not.toContain(secret)
    }
  })

  const faults: [string, () => unknown, () => unknown][] = [
    ['down', () => redis.stop(), () => redis.start()],
    ['silent', () => redis.freeze(), () => redis.thaw()],
    ['full', () => redis.cli('config', 'set', 'maxmemory', '1'), () => redis.cli('config', 'set', 'maxmemory', '0')],
    ['read-only', () => redis.cli('replicaof', '127.0.0.1', '1'), () => redis.cli('replicaof', 'no', 'one')],
    [
      'evicting every entry',
      () => redis.cli('config', 'set', 'maxmemory-policy', 'allkeys-lru', 'maxmemory', '1'),
      () => redis.cli('config', 'set', 'maxmemory', '0'),
    ],
  ]
  it.each(faults)(
    '%s: each process continues alone without waiting, and shares again afterwards',
    async (_name, begin, end) => {
      await begin()
      const impatient = { sharedCacheTimeoutMs: 250 }
      for (const provider of [another(impatient), another(impatient)])
        expect(await cost(() => provider.getToken())).toBe(1)
      await end()
      let round = 0
      // The client soon reconnects.
      const shared = async () => {
        const scope = `round-${round++}`
        await another({ scope }).getToken()
        return cost(() => another({ scope }).getToken())
      }
      await expect.poll(shared).toBe(0)
    },
  )

  it.each<[string, (key: string, other: string) => unknown]>([
    ['junk', (key) => redis.cli('hset', key, 'value', 'junk')],
    ['of another type', (key) => [redis.cli('del', key), redis.cli('set', key, 'junk')]],
    [
      'of another version',
      (key) => redis.cli('hset', key, 'value', redis.cli('hget', key, 'value').replace(/^1/, '9').trim()),
    ],
    ['without an expiry', (key) => redis.cli('persist', key)],
    ['moved from another key', (key, other) => redis.cli('copy', other, key, 'replace')],
    [
      'altered',
      (key) => {
        const value = redis.cli('hget', key, 'value').trim()
        const middle = value.length >> 1
        const changed = `${value.slice(0, middle)}${value[middle] === 'A' ? 'B' : 'A'}${value.slice(middle + 1)}`
        redis.cli('hset', key, 'value', changed)
      },
    ],
  ])('an entry that is %s is not used', async (_name, spoil) => {
    await another({ scope: 'other' }).getToken()
    await stored()
    const [other] = tokenKeys()
    await another().getToken()
    await expect.poll(() => tokenKeys().length).toBe(2)
    const key = tokenKeys().find((one) => one !== other)
    spoil(key as string, other as string)
    expect(await cost(() => another().getToken())).toBe(1)
  })

  it('misses after the client secret was rotated, without an error', async () => {
    await another().getToken()
    await stored()
    server.rotateSecret('another-fake-secret')
    expect(await cost(() => another({ secret: 'another-fake-secret' }).getToken())).toBe(1)
  })

  it('reads with each of its encryption keys, and writes with the first', async () => {
    const [old, next] = ['the old key of at least 32 bytes', 'the next key of at least 32 bytes']
    const secret = () => server.secret
    await another({ secret }, [old]).getToken()
    await stored()
    expect(await cost(() => another({ secret }, [next, old]).getToken())).toBe(0)
    expect(await cost(() => another({ secret }, [next]).getToken())).toBe(1)
    await expect.poll(() => tokenKeys().length).toBe(2)
    expect(await cost(() => another({ secret }, [next, old]).getToken())).toBe(0)
  })

  it('forgets a rejected token for all, whatever key it was sealed with', async () => {
    const [old, next] = ['the old key of at least 32 bytes', 'the next key of at least 32 bytes']
    await another({}, [old]).getToken()
    await stored()
    const provider = another({}, [next, old])
    const refused = await provider.getToken()
    expect(provider.invalidate(refused)).toBe(true)
    await expect.poll(() => tokenKeys().length).toBe(0)
    expect(await provider.getToken()).not.toMatchObject({ accessToken: refused.accessToken })
  })
})
