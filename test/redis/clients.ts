import type { RedisClient } from '@mca-auth/redis'
import { Cluster as IoCluster, Redis as IoRedis } from 'ioredis'
import { Redis as IoRedis5 } from 'ioredis5'
import { createClient, createCluster, createSentinel } from 'redis'
import { createClient as createClient5 } from 'redis5'

export interface Connected {
  readonly client: RedisClient
  close(): void
}

// These tests stop Redis on purpose.
const noise = () => {}

type NodeRedis = ReturnType<typeof createClient>

async function nodeRedis(client: NodeRedis): Promise<Connected> {
  client.on('error', noise)
  await client.connect()
  return { client: client as unknown as RedisClient, close: () => client.destroy() }
}

function ioRedis(client: IoRedis): Connected {
  client.on('error', noise)
  return { client: client as unknown as RedisClient, close: () => client.disconnect() }
}

/** Every supported client, by name and version. */
export const clients: Readonly<Record<string, (url: string) => Promise<Connected>>> = {
  'redis 6': (url) => nodeRedis(createClient({ url })),
  'redis 5': (url) => nodeRedis(createClient5({ url }) as unknown as NodeRedis),
  'ioredis 6': async (url) => ioRedis(new IoRedis(url)),
  'ioredis 5': async (url) => ioRedis(new IoRedis5(url) as unknown as IoRedis),
}

export const clusters: Readonly<Record<string, (urls: string[]) => Promise<Connected>>> = {
  'redis 6': async (urls) => {
    const cluster = createCluster({ rootNodes: urls.map((url) => ({ url })) })
    cluster.on('error', noise)
    await cluster.connect()
    return { client: cluster as unknown as RedisClient, close: () => cluster.destroy() }
  },
  'ioredis 6': async (urls) => {
    const cluster = new IoCluster(urls)
    cluster.on('error', noise)
    return { client: cluster as unknown as RedisClient, close: () => cluster.disconnect() }
  },
}

export const sentinels: Readonly<Record<string, (port: number) => Promise<Connected>>> = {
  'redis 6': async (port) => {
    const sentinel = createSentinel({ name: 'orders', sentinelRootNodes: [{ host: '127.0.0.1', port }] })
    sentinel.on('error', noise)
    await sentinel.connect()
    return { client: sentinel as unknown as RedisClient, close: () => sentinel.destroy() }
  },
  'ioredis 6': async (port) => ioRedis(new IoRedis({ name: 'orders', sentinels: [{ host: '127.0.0.1', port }] })),
}

/** The test servers have self-signed certificates. */
const tls = { rejectUnauthorized: false }

export const secured: Readonly<Record<string, (url: string) => Promise<Connected>>> = {
  'redis 6': (url) => nodeRedis(createClient({ url, socket: { tls: true, ...tls } }) as unknown as NodeRedis),
  'ioredis 6': async (url) => ioRedis(new IoRedis(url, { tls })),
}
