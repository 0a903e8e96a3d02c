// npm run bench -- fleet
// The savings of a shared cache: real processes with files, with a real Redis, and ten thousand on a virtual clock.
import { fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { measureApart } from './own-process.js'
import { Servers } from './servers.js'

/** @typedef {import('../fleet/cache-kinds.js').CacheKind} CacheKind */

/** The caches by their names in the tables. @type {Record<string, (work: (cache: CacheKind) => Promise<any>) => Promise<any>>} */
const caches = {
  none: (work) => work({ kind: 'none' }),
  files: async (work) => {
    const folder = mkdtempSync(join(tmpdir(), 'mca-auth-bench-'))
    try {
      return await work({ kind: 'file', directory: join(folder, 'cache') })
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
  Redis: (work) => withRedis((port) => work({ kind: 'redis', url: `redis://127.0.0.1:${port}` })),
}

/** @param {(text: string) => void} progress */
export async function measureFleet(progress) {
  return { processes: await processes(progress), simulation: await simulation(progress) }
}

async function processes(/** @type {(text: string) => void} */ progress) {
  if (spawnSync('redis-server', ['--version']).error !== undefined) {
    throw new Error('there is no redis-server on PATH: install one, e.g. with `apt-get install redis-server`')
  }
  const rows = []
  for (const size of [1, 2, 4, 8, 16, 32]) {
    for (const [name, within] of Object.entries(caches)) {
      progress(`fleet: ${size} processes, cache: ${name}`)
      const row = await Servers.during((servers) => within((cache) => measureProcesses(servers, cache, size)))
      rows.push({ cache: name, ...row })
    }
  }
  return rows
}

async function measureProcesses(
  /** @type {Servers} */ servers,
  /** @type {CacheKind} */ cache,
  /** @type {number} */ size,
) {
  const { clientId, secret, oauthServerUrl, url } = servers.addresses
  await servers.set({ tokenDelayMs: 50 })
  // Generous, since all processes share the cores of one machine.
  const options = { clientId, secret, oauthServerUrl, timeoutMs: 100_000, sharedCacheTimeoutMs: 60_000 }
  const argument = JSON.stringify({ options, cache, skewMs: 0 })
  const workers = Array.from({ length: size }, () => fork(join(import.meta.dirname, '../fleet/worker.js'), [argument]))
  const reply = async (/** @type {import('node:child_process').ChildProcess} */ worker) => {
    const ended = new AbortController()
    const [message] = await Promise.race([
      once(worker, 'message', { signal: ended.signal }),
      once(worker, 'exit', { signal: ended.signal }).then(() =>
        Promise.reject(new Error('a process of the fleet ended')),
      ),
    ]).finally(() => ended.abort())
    return message.result
  }
  try {
    await Promise.all(workers.map(reply))
    await servers.tokenRequests()
    const order = (/** @type {string} */ name, /** @type {object} */ argument) =>
      Promise.all(
        workers.map((worker) => {
          worker.send({ id: 1, order: name, argument })
          return reply(worker)
        }),
      )
    const calls = async () => sum(await order('cacheCalls', {}))
    const cold = await order('ask', { callers: 20 })
    const tokenRequests = await servers.tokenRequests()
    await sleep(200)
    const before = await calls()
    const loaded = await order('load', { url, requests: 160 })
    return {
      processes: size,
      tokenRequests,
      slowestMs: Math.max(...cold.map(({ slowestMs }) => slowestMs)),
      // Each call is counted when it begins, and when it ends.
      callsPerRequest: ((await calls()) - before) / 2 / sum(loaded.map(({ requests }) => requests)),
      failures: sum(cold.map(({ failures }) => failures)) + sum(loaded.map(({ failures }) => failures.length)),
    }
  } finally {
    for (const worker of workers) worker.kill()
  }
}

function sum(/** @type {readonly number[]} */ numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}

/** @template T */
async function withRedis(/** @type {(port: number) => Promise<T>} */ work) {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address())
  probe.close()
  await once(probe, 'close')
  const directory = mkdtempSync(join(tmpdir(), 'mca-auth-bench-'))
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory]
  const redis = spawn('redis-server', options, { stdio: 'ignore' })
  try {
    while (spawnSync('redis-cli', ['-p', String(port), 'ping']).status !== 0) await sleep(25)
    return await work(port)
  } finally {
    redis.kill()
    await once(redis, 'exit')
    rmSync(directory, { recursive: true })
  }
}

async function simulation(/** @type {(text: string) => void} */ progress) {
  const rows = []
  for (const shared of [false, true]) {
    for (const jitter of [false, true]) {
      progress(`fleet: 10,000 processes, ${shared ? 'shared' : 'each alone'}, ${jitter ? 'with' : 'without'} jitter`)
      const tokenRequests = await measureApart('fleet-simulation', { processes: 10_000, minutes: 150, shared, jitter })
      rows.push({ shared, jitter, tokenRequests })
    }
  }
  return rows
}
