// The shared caches that a process of a fleet can have. Each imports only the packages that it needs.

/**
 * `none`: each process requests its own tokens.
 *
 * @typedef {{ readonly kind: 'none' }
 *   | { readonly kind: 'redis', readonly url: string }
 *   | { readonly kind: 'file', readonly directory: string }} CacheKind
 */

/** @param {CacheKind} cache @returns {Promise<import('@mca-auth/core').SharedTokenCache | undefined>} */
export async function openCache(cache) {
  if (cache.kind === 'none') return undefined
  if (cache.kind === 'file') {
    const { fileTokenCache } = await import('@mca-auth/file-cache')
    return fileTokenCache({ directory: cache.directory })
  }
  const { redisTokenCache } = await import('@mca-auth/redis')
  const { createClient } = await import('redis')
  const redis = createClient({ url: cache.url })
  redis.on('error', () => {})
  await redis.connect()
  return redisTokenCache(/** @type {any} */ (redis))
}
