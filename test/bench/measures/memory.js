// The memory of cached tokens, and whether it takes longer to find one among many.
import { createTokenProvider } from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { LRUCache } from 'lru-cache'
import { median } from '../statistics.js'

const tokenLength = 700

/** @param {{ tokens: number, rounds: number }} argument Needs `--expose-gc`. */
export async function measure({ tokens, rounds }) {
  let scope = ''
  const provider = createTokenProvider({
    tokenEndpoint: 'https://idp.example/token',
    clientId: 'bench',
    secret: 'not-a-real-secret',
    cacheSize: tokens,
    fetch: async () => tokenResponse(),
    tokenRequest: () => ({ scope }),
  })
  await provider.getToken()
  const heapBefore = heapUsed()
  for (let i = 0; i < tokens; i++) await provider.getToken({ scope: `tenant-${i}` })
  const bytes = heapUsed() - heapBefore

  const request = { url: 'https://orders.example/', method: 'GET' }
  const authorizer = createRequestAuthorizer('bench', provider)
  const scopes = Array.from({ length: tokens }, (_, i) => `tenant-${i}`)
  /** @type {LRUCache<string, { header: string, expiresAt: number }>} */
  const lru = new LRUCache({ max: tokens })
  for (const name of scopes) lru.set(name, { header: `Bearer ${name}`, expiresAt: Date.now() + 3_600_000 })
  const order = Uint32Array.from({ length: 4096 }, () => Math.floor(Math.random() * tokens))

  const viaLru = () => {
    for (const i of order) {
      const held = lru.get(/** @type {string} */ (scopes[i]))
      if (held === undefined || Date.now() >= held.expiresAt) throw new Error('lost')
    }
  }
  const viaAuthorizer = () => {
    for (const i of order) {
      scope = /** @type {string} */ (scopes[i])
      if (authorizer.begin(request)?.headersFor(request) instanceof Promise) throw new Error('lost')
    }
  }
  /** @type {number[]} */
  const lruNs = []
  /** @type {number[]} */
  const oursNs = []
  for (let round = -5; round < rounds; round++) {
    const [floor, ours] = [timed(viaLru), timed(viaAuthorizer)]
    if (round < 0) continue
    lruNs.push((floor * 1e6) / order.length)
    oursNs.push((ours * 1e6) / order.length)
  }
  return { tokens, bytesPerToken: bytes / tokens - tokenLength, lruNs: median(lruNs), oursNs: median(oursNs) }
}

let issued = 0
function tokenResponse() {
  const token = `token-${issued++}-`.padEnd(tokenLength, 'x')
  return Response.json({ access_token: token, token_type: 'Bearer', expires_in: 3600 })
}

function heapUsed() {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

function timed(/** @type {() => void} */ work) {
  const start = performance.now()
  work()
  return performance.now() - start
}
