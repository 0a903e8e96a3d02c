import { deepEqual, equal, ok } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SharedToken, SharedTokenCache } from '@mca-auth/core'

/** One requirement: a sentence, and what throws where it is not met. */
export interface Requirement {
  readonly name: string
  readonly check: (cache: SharedTokenCache) => Promise<void>
}

const token = (name: string, expiresInMs = 60_000): SharedToken => ({
  value: `sealed-${name}`,
  digest: `digest-${name}`,
  expiresInMs,
})

async function leased(cache: SharedTokenCache, key: string, holder: string, ms = 60_000): Promise<number> {
  const fence = await cache.lease(key, holder, ms)
  ok(fence !== undefined, 'the lease was free, and was not given')
  return fence
}

/**
 * What any implementation of `SharedTokenCache` must do, for any test runner. Takes about a second. Keys are random, so
 * that a store may be used again.
 *
 * @example
 * ```ts
 * import { memoryTokenCache, sharedTokenCacheContract } from '@mca-auth/testing'
 * import { it } from 'vitest'
 *
 * for (const { name, check } of sharedTokenCacheContract()) it(name, () => check(memoryTokenCache()))
 * ```
 */
export function sharedTokenCacheContract(): readonly Requirement[] {
  return [
    {
      name: 'gives what was stored, with the life that is left, until it expires',
      async check(cache) {
        const key = randomUUID()
        equal(await cache.get(key), undefined)
        await cache.set(key, token('a', 400), await leased(cache, key, 'me'))
        await sleep(100)
        const found = await cache.get(key)
        equal(found?.value, 'sealed-a')
        equal(found?.digest, 'digest-a')
        ok(found.expiresInMs > 0 && found.expiresInMs <= 310, `${found.expiresInMs} ms left of 400 after 100`)
        await sleep(400)
        equal(await cache.get(key), undefined)
      },
    },
    {
      name: 'keeps keys apart',
      async check(cache) {
        const [one, other] = [randomUUID(), randomUUID()]
        await cache.set(one, token('one'), await leased(cache, one, 'me'))
        await cache.set(other, token('other'), await leased(cache, other, 'you'))
        deepEqual([(await cache.get(one))?.value, (await cache.get(other))?.value], ['sealed-one', 'sealed-other'])
      },
    },
    {
      name: 'deletes an entry with the digest, and no other',
      async check(cache) {
        const key = randomUUID()
        await cache.set(key, token('new'), await leased(cache, key, 'me'))
        await cache.delete(key, 'digest-old')
        equal((await cache.get(key))?.value, 'sealed-new')
        await cache.delete(key, 'digest-new')
        equal(await cache.get(key), undefined)
      },
    },
    {
      name: 'gives a lease to one holder at a time',
      async check(cache) {
        const key = randomUUID()
        const holders = Array.from({ length: 20 }, (_, i) => cache.lease(key, `holder-${i}`, 60_000))
        equal((await Promise.all(holders)).filter((fence) => fence !== undefined).length, 1)
      },
    },
    {
      name: 'gives the lease on when it is released or lapses, each time with a greater fence',
      async check(cache) {
        const key = randomUUID()
        const first = await leased(cache, key, 'first')
        await cache.release(key, 'second')
        equal(await cache.lease(key, 'second', 100), undefined, 'released by who did not have it')
        await cache.release(key, 'first')
        const second = await leased(cache, key, 'second', 100)
        await sleep(150)
        const third = await leased(cache, key, 'third')
        ok(first < second && second < third, `fences ${first}, ${second}, ${third}`)
      },
    },
    {
      name: 'prolongs a lease for its holder, with the same fence',
      async check(cache) {
        const key = randomUUID()
        const fence = await leased(cache, key, 'me', 150)
        await sleep(100)
        equal(await cache.lease(key, 'me', 300), fence)
        await sleep(150)
        equal(await cache.lease(key, 'you', 100), undefined)
      },
    },
    {
      name: 'never replaces a token by that of a slower writer with an earlier lease',
      async check(cache) {
        const key = randomUUID()
        const early = await leased(cache, key, 'slow', 50)
        await sleep(100)
        const late = await leased(cache, key, 'quick')
        await cache.set(key, token('late'), late)
        await cache.set(key, token('early'), early)
        equal((await cache.get(key))?.value, 'sealed-late')
        await cache.delete(key, 'digest-late')
        await cache.set(key, token('early'), early)
        equal(await cache.get(key), undefined, 'stored after a later lease was given')
      },
    },
  ]
}
