import type { SharedToken, SharedTokenCache } from '@mca-auth/core'

/**
 * A shared token cache in this process, for tests of a fleet: give the same one to several providers.
 *
 * @example
 * ```ts
 * import { createTokenProvider } from '@mca-auth/core'
 * import { memoryTokenCache, startAuthorizationServer } from '@mca-auth/testing'
 *
 * await using server = await startAuthorizationServer()
 * const sharedCache = memoryTokenCache()
 * const fleet = [1, 2, 3].map(() => createTokenProvider({ ...server.appId, sharedCache }))
 * await Promise.all(fleet.map((provider) => provider.getToken()))
 * console.log(server.tokenRequests) // 1
 * ```
 */
export function memoryTokenCache(
  options: Pick<SharedTokenCache, 'encryptionKeys' | 'exchanged'> = {},
): SharedTokenCache {
  const tokens = new Map<string, { readonly token: SharedToken; readonly fence: number; readonly until: number }>()
  const leases = new Map<string, { readonly holder: string; readonly until: number }>()
  const fences = new Map<string, number>()
  const living = <T extends { readonly until: number }>(all: Map<string, T>, key: string): T | undefined => {
    const found = all.get(key)
    return found !== undefined && Date.now() < found.until ? found : undefined
  }
  return {
    encryptionKeys: options.encryptionKeys,
    exchanged: options.exchanged,
    async get(key) {
      const found = living(tokens, key)
      return found && { ...found.token, expiresInMs: found.until - Date.now() }
    },
    async set(key, token, fence) {
      if (fence < (fences.get(key) ?? 0)) return
      tokens.set(key, { token, fence, until: Date.now() + token.expiresInMs })
    },
    async delete(key, digest) {
      if (tokens.get(key)?.token.digest === digest) tokens.delete(key)
    },
    async lease(key, holder, durationMs) {
      const held = living(leases, key)
      if (held !== undefined && held.holder !== holder) return undefined
      leases.set(key, { holder, until: Date.now() + durationMs })
      const fence = (fences.get(key) ?? 0) + (held === undefined ? 1 : 0)
      fences.set(key, fence)
      return fence
    },
    async release(key, holder) {
      if (leases.get(key)?.holder === holder) leases.delete(key)
    },
  }
}
