export { type FileTokenCache, type FileTokenCacheOptions, fileTokenCache } from './file-token-cache.js'
export type { StoredEntry } from './inventory.js'
