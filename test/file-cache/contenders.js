// One of several processes that contend for the same key of a cache, and record when each call began and ended.
import { setTimeout as sleep } from 'node:timers/promises'
import { fileTokenCache } from '@mca-auth/file-cache'
import { endWithParent, execute } from '../fleet/orders.js'

endWithParent()

/**
 * A call of the cache. Its times are in ms on a clock that all processes of this host share.
 *
 * @typedef {object} Recorded
 * @property {'get' | 'set' | 'lease' | 'release'} method
 * @property {string} holder
 * @property {number} began
 * @property {number} ended
 * @property {number | undefined} [fence] that was granted, that a token was stored with, or of the token that was found
 * @property {boolean} [torn] the token that was found is not one that was stored
 */

const clock = () => Number(process.hrtime.bigint()) / 1e6
const padding = 'x'.repeat(20_000)

execute({
  /** @returns {Promise<Recorded[]>} */
  async contend({ directory, key, leases, leaseMs, name }) {
    const cache = fileTokenCache({ directory })
    /** @type {Recorded[]} */
    const records = []
    /** @param {Recorded['method']} method @param {string} holder @param {() => Promise<Partial<Recorded>>} work */
    const record = async (method, holder, work) => {
      const began = clock()
      const found = await work()
      records.push({ method, holder, began, ended: clock(), ...found })
      return found
    }
    let granted = 0
    for (let round = 0; granted < leases; round++) {
      const holder = `${name}-${round}`
      const { fence } = await record('lease', holder, async () => ({ fence: await cache.lease(key, holder, leaseMs) }))
      if (fence === undefined) await sleep(5) // leaves the cores to the other tests
      if (fence !== undefined && ++granted % 7 !== 0) {
        // Extends it, too.
        await record('lease', holder, async () => ({ fence: await cache.lease(key, holder, leaseMs) }))
        const token = { value: `${fence} ${padding} ${fence}`, digest: `digest-${fence}`, expiresInMs: 3_600_000 }
        await record('set', holder, async () => {
          await cache.set(key, token, fence)
          return { fence }
        })
      }
      await record('get', holder, async () => {
        const token = await cache.get(key)
        if (token === undefined) return {}
        const [first, middle, last] = token.value.split(' ')
        const torn = first !== last || middle !== padding || token.digest !== `digest-${first}`
        return { fence: Number(first), torn }
      })
      // Some do not release their lease, as if they had been killed.
      if (fence !== undefined && granted % 5 !== 0) {
        await record('release', holder, async () => {
          await cache.release(key, holder)
          return {}
        })
      }
    }
    return records
  },
})
