/** @typedef {import('@mca-auth/core').SharedTokenCache} SharedTokenCache */

/**
 * One call of a cache; `result` is set when it has succeeded, `error` when it has failed, and neither when it begins.
 *
 * @typedef {object} CacheCall
 * @property {'get' | 'set' | 'delete' | 'lease' | 'release'} method
 * @property {readonly any[]} args
 * @property {{ readonly value: any }} [result]
 * @property {unknown} [error]
 */

/**
 * The cache, with each of its calls reported twice: when it begins, and when it ends.
 *
 * @param {SharedTokenCache} cache @param {(call: CacheCall) => void} report @returns {SharedTokenCache}
 */
export function observed(cache, report) {
  const watch =
    (/** @type {CacheCall['method']} */ method) =>
    async (/** @type {any[]} */ ...args) => {
      report({ method, args })
      try {
        const value = await /** @type {any} */ (cache)[method](...args)
        report({ method, args, result: { value } })
        return value
      } catch (error) {
        report({ method, args, error })
        throw error
      }
    }
  return {
    encryptionKeys: cache.encryptionKeys,
    exchanged: cache.exchanged,
    get: watch('get'),
    set: watch('set'),
    delete: watch('delete'),
    lease: watch('lease'),
    release: watch('release'),
  }
}
