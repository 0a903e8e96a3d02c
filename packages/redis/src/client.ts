/** A client, cluster or sentinel of `redis` (node-redis). */
interface NodeRedis {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  sendCommand(...args: never[]): unknown
}

/** A client or cluster of `ioredis`. */
interface IoRedis {
  eval(script: string, numberOfKeys: number, ...keysAndArguments: string[]): Promise<unknown>
  call(...args: never[]): unknown
}

/** The clients that `redisTokenCache()` accepts; structural types, so that every version fits. */
export type RedisClient = NodeRedis | IoRedis

type Run = (script: string, keys: string[], args: string[]) => Promise<unknown>

export function runner(client: RedisClient): Run {
  if (typeof (client as Partial<IoRedis> | null)?.eval === 'function') {
    if (typeof (client as Partial<IoRedis>).call === 'function') {
      return (script, keys, args) => (client as IoRedis).eval(script, keys.length, ...keys, ...args)
    }
    if (typeof (client as Partial<NodeRedis>).sendCommand === 'function') {
      return (script, keys, args) => (client as NodeRedis).eval(script, { keys, arguments: args })
    }
  }
  throw new TypeError('`client` must be a client, cluster or sentinel of redis or ioredis')
}
