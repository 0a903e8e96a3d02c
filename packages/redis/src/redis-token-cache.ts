import type { SharedToken, SharedTokenCache } from '@mca-auth/core'
import { type RedisClient, runner } from './client.js'

export type { RedisClient } from './client.js'

/** Settings of `redisTokenCache()`. */
export interface RedisTokenCacheOptions {
  /** Prefix of every key, e.g. for an ACL. @default 'mca-auth' */
  readonly keyPrefix?: string | undefined
  /** See `SharedTokenCache`: required if `secret` is a function, or if `clientAuth` is a function without a `secret`. */
  readonly encryptionKeys?: readonly (string | Uint8Array)[] | undefined
  /** Whether to share the tokens of `incoming: 'exchange'` as well, which are one for each caller. @default false */
  readonly exchanged?: boolean | undefined
}

// Every script works on one key, whose lease, fence and token are in the same slot of a cluster.
// KEYS: token, lease, fence.

/** ARGV: holder, duration. The fence outlives the lease; if it is lost, the next one starts above the stored token's fence. */
const lease = `
local holder = redis.call('get', KEYS[2])
if holder and holder ~= ARGV[1] then return false end
redis.call('set', KEYS[2], ARGV[1], 'px', ARGV[2])
local fence = tonumber(redis.call('get', KEYS[3]) or 0)
if not holder then
  fence = math.max(fence, tonumber(redis.call('hget', KEYS[1], 'fence') or 0)) + 1
end
redis.call('set', KEYS[3], fence, 'ex', 86400)
return fence`

/** ARGV: holder. */
const release = `
if redis.call('get', KEYS[2]) == ARGV[1] then redis.call('del', KEYS[2]) end`

/** ARGV: fence, value, digest, lifetime. Ignores the holder of any lease but the latest. */
const set = `
local last = math.max(tonumber(redis.call('get', KEYS[3]) or 0), tonumber(redis.call('hget', KEYS[1], 'fence') or 0))
if tonumber(ARGV[1]) < last then return end
redis.call('hset', KEYS[1], 'fence', ARGV[1], 'value', ARGV[2], 'digest', ARGV[3])
redis.call('pexpire', KEYS[1], ARGV[4])`

const get = `
local token = redis.call('hmget', KEYS[1], 'value', 'digest')
return { token[1], token[2], redis.call('pttl', KEYS[1]) }`

/** ARGV: digest. */
const remove = `
if redis.call('hget', KEYS[1], 'digest') == ARGV[1] then redis.call('del', KEYS[1]) end`

/**
 * A shared token cache on Redis 6.2 or newer, or Valkey: standalone, Sentinel or Cluster, over the connection that you
 * already have. It neither opens nor closes a connection, and stores everything encrypted.
 *
 * @param client - a connected client, cluster or sentinel of `redis` (5, 6) or `ioredis` (5, 6).
 * @throws TypeError for another client or a bad option.
 * @example
 * ```ts
 * import { mcaAuth } from '@mca-auth/axios'
 * import { redisTokenCache } from '@mca-auth/redis'
 * import axios from 'axios'
 * import { createClient } from 'redis'
 *
 * const redis = createClient({ url: 'rediss://redis.example.com' })
 * await redis.connect()
 * axios.interceptors.request.use(mcaAuth({ sharedCache: redisTokenCache(redis) }))
 * ```
 */
export function redisTokenCache(client: RedisClient, options: RedisTokenCacheOptions = {}): SharedTokenCache {
  const { keyPrefix = 'mca-auth', encryptionKeys, exchanged = false, ...unknown } = options
  const [name] = Object.keys(unknown)
  if (name !== undefined) {
    throw new TypeError(`unknown option \`${name}\`; known are: keyPrefix, encryptionKeys, exchanged`)
  }
  if (typeof exchanged !== 'boolean') throw new TypeError('`exchanged` must be a boolean')
  if (typeof keyPrefix !== 'string' || /[{}]/.test(keyPrefix)) {
    throw new TypeError('`keyPrefix` must be a string without { and }')
  }
  const run = runner(client)
  const keysOf = (key: string) => ['token', 'lease', 'fence'].map((kind) => `${keyPrefix}:{${key}}:${kind}`)
  return {
    encryptionKeys,
    exchanged,
    async get(key) {
      const reply = (await run(get, keysOf(key), [])) as [string | null, string | null, number]
      return toToken(...reply)
    },
    async set(key, { value, digest, expiresInMs }, fence) {
      await run(set, keysOf(key), [String(fence), value, digest, String(Math.ceil(expiresInMs))])
    },
    async delete(key, digest) {
      await run(remove, keysOf(key), [digest])
    },
    async lease(key, holder, durationMs) {
      const fence = await run(lease, keysOf(key), [holder, String(Math.ceil(durationMs))])
      return fence === null ? undefined : Number(fence)
    },
    async release(key, holder) {
      await run(release, keysOf(key), [holder])
    },
  }
}

/** `undefined` for a hash without one of the fields or an expiry, which is not ours. */
function toToken(value: string | null, digest: string | null, expiresInMs: number): SharedToken | undefined {
  return value === null || digest === null || expiresInMs <= 0 ? undefined : { value, digest, expiresInMs }
}
