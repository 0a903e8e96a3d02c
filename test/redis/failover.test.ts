import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenProvider } from '@mca-auth/core'
import { redisTokenCache } from '@mca-auth/redis'
import { startAuthorizationServer } from '@mca-auth/testing'
import { describe, it } from 'vitest'
import { hasRedis, RedisServer } from '../servers/redis-server.ts'
import { sentinels } from './clients.ts'

describe.runIf(hasRedis)('a failover', () => {
  it.concurrent.for(Object.entries(sentinels))(
    'fails no caller, by %s',
    { timeout: 60_000 },
    async ([, connect], { expect }) => {
      await using master = await RedisServer.start()
      await using replica = await RedisServer.start('--replicaof', '127.0.0.1', String(master.port))
      await expect.poll(() => replica.cli('role'), { timeout: 10_000 }).toContain('connected')
      await using sentinel = await RedisServer.startSentinel(master)
      const known = () => sentinel.cli('sentinel', 'replicas', 'orders')
      await expect.poll(known, { timeout: 10_000 }).toContain('master-link-status\nok')
      await using server = await startAuthorizationServer({ lifetimeSeconds: 1 })
      const { client, close } = await connect(sentinel.port)
      const another = () => createTokenProvider({ ...server.appId, sharedCache: redisTokenCache(client) })
      const fleet = [another(), another(), another()]
      const over = () => replica.cli('role').startsWith('master')
      const deadline = Date.now() + 15_000
      let calls = 0
      for (let i = 0; !over() && Date.now() < deadline; i++) {
        if (i === 10) await master.stop()
        calls += (await Promise.all(fleet.map((provider) => provider.getToken()))).length // rejects where one fails
        await sleep(50)
      }
      expect(over()).toBe(true)
      expect(calls).toBeGreaterThan(30)
      server.lifetimeSeconds = 3600
      const shared = async () => {
        const before = server.tokenRequests
        for (let i = 0; i < 2; i++) {
          await using provider = another()
          await provider.getToken()
          await sleep(50) // it is stored behind its caller
        }
        return server.tokenRequests - before
      }
      await expect.poll(shared, { timeout: 10_000 }).toBeLessThanOrEqual(1)
      for (const provider of fleet) provider.close()
      close()
    },
  )
})
