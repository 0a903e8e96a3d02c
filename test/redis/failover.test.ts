import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenProvider } from '@mca-auth/core'
import { redisTokenCache } from '@mca-auth/redis'
import { startAuthorizationServer } from '@mca-auth/testing'
import { describe, it } from 'vitest'
import { hasRedis, RedisServer } from '../servers/redis-server.ts'
import { sentinels } from './clients.ts'

describe.runIf(hasRedis)('a failover', () => {
  it.concurrent.for(Object.entries(sentinels))('fails no caller, with %s', async ([, connect], { expect }) => {
    await using master = await RedisServer.start()
    await using replica = await RedisServer.start('--replicaof', '127.0.0.1', String(master.port))
    await expect.poll(() => replica.cli('role')).toContain('connected')
    await using sentinel = await RedisServer.startSentinel(master)
    await expect.poll(() => sentinel.cli('sentinel', 'replicas', 'orders')).toContain('master-link-status\nok')
    await using server = await startAuthorizationServer({ lifetimeSeconds: 1 })
    const { client, close } = await connect(sentinel.port)
    const another = (scope?: string) =>
      createTokenProvider({ ...server.appId, sharedCache: redisTokenCache(client), scope })
    const fleet = [another(), another(), another()]
    const isOver = () => replica.cli('role').startsWith('master')
    for (let i = 0; !isOver(); i++) {
      if (i === 10) await master.stop()
      await Promise.all(fleet.map((provider) => provider.getToken())) // rejects if one fails
      await sleep(50)
    }
    server.lifetimeSeconds = 3600
    let round = 0
    const shared = async () => {
      const scope = `round-${round++}`
      await using one = another(scope)
      await using other = another(scope)
      return (await one.getToken()).accessToken === (await other.getToken()).accessToken
    }
    await expect.poll(shared).toBe(true)
    for (const provider of fleet) provider.close()
    close()
  })
})
