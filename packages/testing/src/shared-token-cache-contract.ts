import { deepEqual, equal, ok } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SharedToken, SharedTokenCache } from '@mca-auth/core'

/** One requirement: a sentence, and a check that throws if it is not met. */
export interface Requirement {
  /** The sentence, for the name of a test. */
  readonly name: string
  /** Rejects with an `AssertionError` if the cache does not meet it. */
  readonly check: (cache: SharedTokenCache) => Promise<void>
}

const token = (name: string, expiresInMs = 60_000): SharedToken => ({
  value: `sealed-${name}`,
  digest: `digest-${name}`,
  expiresInMs,
})

async function leased(cache: SharedTokenCache, key: string, holder: string, ms = 60_000): Promise<number> {
  const fence = await cache.lease(key, holder, ms)
  ok(fence !== undefined, 'the lease was free, but was not granted')
  return fence
}

/**
 * Requirements that every `SharedTokenCache` must meet; works with any test runner. Takes about a second. Keys are random,
 * so that a store can be used again.
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
      name: 'returns the stored token, with its remaining lifetime, until it expires',
      async check(cache) {
        const key = randomUUID()
        equal(await cache.get(key), undefined)
        const before = performance.now()
        await cache.set(key, token('a', 60_000), await leased(cache, key, 'me'))
        const stored = performance.now()
        await sleep(100)
        const requested = performance.now()
        const found = await cache.get(key)
        const [most, least] = [60_000 - (requested - stored), 60_000 - (performance.now() - before)]
        equal(found?.value, 'sealed-a')
        equal(found?.digest, 'digest-a')
        // The clock of the store may be coarser than ours.
        const isRight = found.expiresInMs <= most + 10 && found.expiresInMs >= least - 10
        ok(isRight, `${found.expiresInMs} ms are left, which should be ${least} to ${most}`)
        await cache.set(key, token('b', 100), await leased(cache, key, 'me'))
        for (const started = performance.now(); (await cache.get(key)) !== undefined; await sleep(20)) {
          ok(performance.now() - started < 10_000, 'a token that expires in 100 ms is still there after 10 s')
        }
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
      name: 'deletes an entry only if the digest matches',
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
      name: 'grants a lease to one holder at a time',
      async check(cache) {
        const key = randomUUID()
        const holders = Array.from({ length: 20 }, (_, i) => cache.lease(key, `holder-${i}`, 60_000))
        equal((await Promise.all(holders)).filter((fence) => fence !== undefined).length, 1)
      },
    },
    {
      name: 'grants the lease again when it is released or lapses, each time with a greater fence',
      async check(cache) {
        const key = randomUUID()
        const first = await leased(cache, key, 'first')
        await cache.release(key, 'second')
        equal(await cache.lease(key, 'second', 100), undefined, 'released by another holder')
        await cache.release(key, 'first')
        const second = await leased(cache, key, 'second', 100)
        await sleep(150)
        const third = await leased(cache, key, 'third')
        ok(first < second && second < third, `fences ${first}, ${second}, ${third}`)
      },
    },
    {
      name: 'extends a lease for its holder, with the same fence',
      async check(cache) {
        // Increases the duration until this machine and this store extend a lease before it lapses.
        for (let ms = 150; ; ms *= 4) {
          const key = randomUUID()
          const before = performance.now()
          const fence = await leased(cache, key, 'me', ms)
          const extended = await cache.lease(key, 'me', 60_000)
          const tookMs = performance.now() - before
          if (tookMs > ms && ms < 10_000) continue
          equal(extended, fence)
          await sleep(Math.max(0, ms - tookMs) + 50)
          equal(await cache.lease(key, 'you', 100), undefined)
          return
        }
      },
    },
    {
      name: 'never replaces a token by one of a slower writer with an earlier lease',
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
        equal(await cache.get(key), undefined, 'stored after a later lease was granted')
      },
    },
  ]
}
