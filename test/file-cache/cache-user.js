import { createTokenProvider } from '@mca-auth/core'
import { fileTokenCache } from '@mca-auth/file-cache'
import { observed } from '../fleet/observed-cache.js'

/** @typedef {import('../fleet/observed-cache.js').CacheCall} CacheCall */

/**
 * A provider with a cache in this directory.
 *
 * @param {string} directory @param {import('@mca-auth/core').McaAuthOptions} options
 * @param {(call: CacheCall) => void} report
 */
export function cacheUser(directory, options, report) {
  const leases = new Set()
  const released = new Set()
  let pending = 0
  /** @type {(() => void)[]} */
  let waiting = []
  const cache = fileTokenCache({ directory })
  const sharedCache = observed(cache, (call) => {
    report(call)
    const ended = 'result' in call || 'error' in call
    pending += ended ? -1 : 1
    const holder = call.args[1]
    if (call.method === 'lease' && call.result?.value !== undefined && !released.has(holder)) leases.add(holder)
    if (call.method === 'release') {
      released.add(holder)
      leases.delete(holder)
    }
    if (pending > 0 || leases.size > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  })
  return {
    /** Its own calls are not reported. */
    cache,
    provider: createTokenProvider({ ...options, sharedCache }),
    /**
     * Resolves when the cache has nothing to do, and its leases have been released: callers have their tokens earlier.
     *
     * @returns {Promise<void>}
     */
    async settled() {
      if (pending > 0 || leases.size > 0) await new Promise((resolve) => waiting.push(() => resolve(undefined)))
    },
  }
}

/** Loads the modules that are only loaded by the first token request of a process with a shared cache. */
export async function loadPackages() {
  const fetch = async () => Response.json({ access_token: 'opaque' })
  const sharedCache = {
    get: async () => undefined,
    set: async () => {},
    delete: async () => {},
    lease: async () => 1,
    release: async () => {},
  }
  const options = { tokenEndpoint: 'http://127.0.0.1:1', clientId: 'c', secret: 's', fetch }
  await createTokenProvider({ ...options, sharedCache }).getToken()
}
