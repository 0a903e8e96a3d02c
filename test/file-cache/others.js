// A process with several users of a cache.
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileTokenCache } from '@mca-auth/file-cache'
import { sharedTokenCacheContract } from '@mca-auth/testing'
import { endWithParent, execute } from '../fleet/orders.js'
import { cacheUser } from './cache-user.js'
import { LeaseClock } from './lease-clock.js'

endWithParent()

execute({
  /** Two users at once, with five callers each. */
  async ask({ directory, options }) {
    /** @type {import('../fleet/observed-cache.js').CacheCall[]} */
    const calls = []
    const leases = new LeaseClock()
    const report = (/** @type {import('../fleet/observed-cache.js').CacheCall} */ call) => {
      calls.push(call)
      leases.see(call)
    }
    const users = [0, 1].map(() => cacheUser(directory, options, report))
    const asked = users.flatMap(({ provider }) => Array.from({ length: 5 }, () => provider.getToken()))
    const results = await Promise.allSettled(asked)
    for (const { settled, provider } of users) {
      await settled()
      provider.close()
    }
    const tokens = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.accessToken] : []))
    const { hasLapsed } = leases
    return { tokens: [...new Set(tokens)], failures: results.length - tokens.length, calls, hasLapsed }
  },
  /** Checks the contract of a shared cache. `on` is where its file system is mounted. */
  async contract({ directory, on }) {
    const type = execFileSync('stat', ['-f', '-c', '%T', on], { encoding: 'utf8' }).trim()
    const requirements = sharedTokenCacheContract()
    const results = await Promise.allSettled(requirements.map(({ check }) => check(fileTokenCache({ directory }))))
    const failures = results.flatMap((one, i) =>
      one.status === 'rejected' ? [`${requirements[i]?.name}: ${one.reason}`] : [],
    )
    return { type, failures, met: results.length - failures.length }
  },
  /** The fence of the next lease, once it is granted. The lease is not released. */
  async nextFence({ directory, key }) {
    const cache = fileTokenCache({ directory })
    for (;;) {
      const fence = await cache.lease(key, 'prober', 1)
      if (fence !== undefined) return fence
      await sleep(50)
    }
  },
})
