// The cost of a header from the cache, compared with the cache alone: time, alternating in one process, and bytes.
import { setTimeout as sleep } from 'node:timers/promises'
import { createTokenProvider } from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { LRUCache } from 'lru-cache'
import { contenders, ours } from '../contenders.js'
import { median, pairedRatios } from '../statistics.js'

/** @typedef {{ name: string, call: () => unknown }} Source */

/**
 * @param {{ addresses: import('../servers.js').Addresses, rounds: number, sliceMs: number } |
 *   { addresses: import('../servers.js').Addresses, bytesOf: string }} argument
 */
export async function measure(argument) {
  const sources = await headerSources(argument.addresses)
  if ('bytesOf' in argument) {
    const source = sources.find(({ name }) => name === argument.bytesOf)
    return source && bytesPerCall(source)
  }
  const turns = []
  for (const { name, call } of sources) {
    const { repeat, isAsync } = await compile(call)
    const calls = await calibrate(repeat, argument.sliceMs)
    turns.push({ name, repeat, calls, isAsync })
  }
  /** @type {number[][]} */
  const rounds = []
  for (let round = 0; round < argument.rounds; round++) {
    /** @type {number[]} */
    const ns = []
    for (let i = 0; i < turns.length; i++) {
      const place = (i + round) % turns.length
      const { repeat, calls } = /** @type {(typeof turns)[0]} */ (turns[place])
      ns[place] = (1e6 * (await timed(repeat, calls))) / calls
    }
    rounds.push(ns)
  }
  const ratios = pairedRatios(rounds)
  return turns.map(({ name, isAsync }, i) => ({
    name,
    isAsync,
    ns: median(rounds.map((ns) => ns[i] ?? Number.NaN)),
    ratio: ratios[i],
  }))
}

/** @returns {Promise<Source[]>} */
export async function headerSources(/** @type {import('../servers.js').Addresses} */ addresses) {
  const provider = createTokenProvider(ours(addresses))
  const authorizer = createRequestAuthorizer('bench', provider)
  await provider.getToken()
  const request = { url: addresses.url, method: 'GET' }
  /** @type {Source[]} */
  const sources = [
    { name: 'lru-cache get and an expiry check', call: lruCache() },
    { name: 'the same, repeated', call: lruCache() },
    {
      name: 'mca-auth, as in its adapters',
      call: () => {
        const headers = authorizer.begin(request)?.headersFor(request)
        return headers && 'authorization' in headers ? headers.authorization : undefined
      },
    },
    { name: 'mca-auth, getAuthorizationHeader()', call: () => provider.getAuthorizationHeader() },
  ]
  for (const { name, client, make } of contenders) {
    const { header } = await make(addresses)
    if (header === undefined) continue
    await header()
    await sleep(50) // for work in the background
    sources.push({ name: client === 'undici' ? `${name}, the whole interceptor` : name, call: header })
  }
  return sources
}

function lruCache() {
  /** @type {LRUCache<string, { header: string, expiresAt: number }>} */
  const cache = new LRUCache({ max: 100 })
  cache.set('', { header: 'Bearer not-a-real-token', expiresAt: Date.now() + 3_600_000 })
  return () => {
    const held = cache.get('')
    return held !== undefined && Date.now() < held.expiresAt ? held.header : undefined
  }
}

/** Each one has its own loop, as in a program: a shared call site would slow all of them down. */
async function compile(/** @type {() => unknown} */ call) {
  const isAsync = call() instanceof Promise
  const body = `let last; for (let i = 0; i < calls; i++) last = ${isAsync ? 'await ' : ''}call(); return last`
  const AsyncFunction = /** @type {FunctionConstructor} */ ((async () => {}).constructor)
  const loop = isAsync ? new AsyncFunction('call', 'calls', body) : new Function('call', 'calls', body)
  return { isAsync, repeat: (/** @type {number} */ calls) => loop(call, calls) }
}

async function calibrate(/** @type {(calls: number) => unknown} */ repeat, /** @type {number} */ sliceMs) {
  let calls = 4
  while ((await timed(repeat, calls)) < sliceMs / 2) calls *= 2
  await repeat(calls)
  return Math.max(4, Math.round((calls * sliceMs) / (await timed(repeat, calls))))
}

async function timed(/** @type {(calls: number) => unknown} */ repeat, /** @type {number} */ calls) {
  const start = performance.now()
  const result = repeat(calls)
  if (result instanceof Promise) await result
  return performance.now() - start
}

/** Needs `--expose-gc` and a young generation that is too large to fill. */
async function bytesPerCall(/** @type {Source} */ { call }) {
  const { repeat } = await compile(call)
  const calls = 20_000
  const warmUntil = performance.now() + 1_000
  while (performance.now() < warmUntil) await repeat(calls)
  /** @type {number[]} */
  const bytes = []
  for (let round = 0; round < 9; round++) {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    const result = repeat(calls)
    if (result instanceof Promise) await result
    bytes.push((process.memoryUsage().heapUsed - before) / calls)
  }
  return Math.max(0, median(bytes))
}
