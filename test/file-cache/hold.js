/**
 * @typedef {object} HoldArgument
 * @property {import('@mca-auth/core').McaAuthOptions} options
 * @property {string} directory
 * @property {boolean} rejects whether a resource rejects the first token, so that another one is needed
 */

/**
 * @typedef {{ readonly cache: import('../fleet/observed-cache.js').CacheCall } | { readonly token: string }
 *   | { readonly error: string }} HoldEvent
 */

/**
 * The work of a process that is interrupted: it gets a token through the cache. The packages have been loaded when the
 * returned promise resolves, and have not used the directory yet.
 *
 * @param {HoldArgument} argument @param {(event: HoldEvent) => void} report @returns {Promise<() => Promise<void>>}
 */
export async function prepareHold({ options, directory, rejects }, report) {
  const { cacheUser, loadPackages } = await import('./cache-user.js')
  await loadPackages()
  const { cache, provider, settled } = cacheUser(directory, options, (call) => report({ cache: call }))
  await cache.get('key of no token')
  const request = async () => {
    const token = await provider.getToken()
    report({ token: token.accessToken })
    return token
  }
  return async () => {
    try {
      const first = await request()
      if (rejects) {
        provider.invalidate(first)
        await request()
      }
      await settled()
    } catch (error) {
      report({ error: String(error) })
    }
  }
}
