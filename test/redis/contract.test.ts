import { redisTokenCache } from '@mca-auth/redis'
import { memoryTokenCache, sharedTokenCacheContract } from '@mca-auth/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis, RedisServer, startCluster, startTls } from '../servers/redis-server.ts'
import { type Connected, clients, clusters, secured, sentinels } from './clients.ts'

describe('the shared cache in memory', () => {
  for (const { name, check } of sharedTokenCacheContract()) it(name, () => check(memoryTokenCache()))
})

describe.runIf(hasRedis)('the shared cache on Redis', () => {
  let redis: RedisServer
  let cluster: Awaited<ReturnType<typeof startCluster>>
  let sentinel: RedisServer
  let overTls: Awaited<ReturnType<typeof startTls>>

  beforeAll(async () => {
    redis = await RedisServer.start()
    cluster = await startCluster()
    sentinel = await RedisServer.startSentinel(redis)
    overTls = await startTls()
  })

  afterAll(async () => {
    await overTls[Symbol.asyncDispose]()
    await sentinel[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
    await cluster[Symbol.asyncDispose]()
  })

  const ways = [
    ...Object.entries(clients).map(([name, connect]) => [name, () => connect(redis.url)] as const),
    ...Object.entries(clusters).map(
      ([name, connect]) => [`${name}, three masters`, () => connect(cluster.urls)] as const,
    ),
    ...Object.entries(sentinels).map(
      ([name, connect]) => [`${name}, a Sentinel`, () => connect(sentinel.port)] as const,
    ),
    ...Object.entries(secured).map(([name, connect]) => [`${name}, TLS`, () => connect(overTls.url)] as const),
  ]
  describe.each(ways)('with %s', (_name, connect) => {
    let connected: Connected
    beforeAll(async () => {
      connected = await connect()
    })
    afterAll(() => connected.close())

    for (const { name, check } of sharedTokenCacheContract())
      it.concurrent(name, () => check(redisTokenCache(connected.client)))
  })

  it('uses only keys with its prefix, so that an ACL can be limited to it', async () => {
    redis.cli('acl', 'setuser', 'orders', 'on', '>not-a-real-password', '~orders:*', '+@all')
    const { client, close } = await (clients['redis 6'] as (url: string) => Promise<Connected>)(
      redis.url.replace('//', '//orders:not-a-real-password@'),
    )
    for (const { check } of sharedTokenCacheContract()) await check(redisTokenCache(client, { keyPrefix: 'orders' }))
    await expect(redisTokenCache(client).get('any')).rejects.toThrow(/permission/i)
    close()
  })

  it('rejects bad options', () => {
    const client = { eval: async () => null, call: () => null }
    expect(() => redisTokenCache({} as never)).toThrow(/`client` must be a client, cluster or sentinel/)
    expect(() => redisTokenCache(undefined as never)).toThrow(/`client` must be/)
    expect(() => redisTokenCache(client, { prefix: 'a' } as never)).toThrow(/unknown option `prefix`/)
    expect(() => redisTokenCache(client, { keyPrefix: '{a}' })).toThrow(/`keyPrefix` must be/)
  })
})
