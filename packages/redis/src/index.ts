export { type RedisClient, type RedisTokenCacheOptions, redisTokenCache } from './redis-token-cache.js'
