// One process of a fleet, which executes the commands of its parent.
import { endWithParent, execute } from './orders.js'

endWithParent()

const { createTokenProvider } = await import('@mca-auth/core')
const { mcaAuth } = await import('@mca-auth/undici')
const { Agent, request } = await import('undici')
const { setTimeout: sleep } = await import('node:timers/promises')
const { openCache } = await import('./cache-kinds.js')
const { observed } = await import('./observed-cache.js')

const { options, cache, skewMs } = JSON.parse(process.argv[2] ?? '{}')
const now = Date.now
let shiftMs = skewMs
Date.now = () => now() + shiftMs

// The first token request of a process loads modules. If many processes do so at once on two cores, one might extend its
// lease too late.
const fetch = async () => Response.json({ access_token: 'opaque' })
await createTokenProvider({ tokenEndpoint: 'http://127.0.0.1:1', clientId: 'c', secret: 's', fetch }).getToken()

let cacheCalls = 0
const opened = await openCache(cache)
const sharedCache = opened && observed(opened, () => cacheCalls++)
const provider = createTokenProvider({ ...options, sharedCache })
const connections = 4
const dispatcher = new Agent({ connections }).compose(mcaAuth(provider))
let stopped = false

/** @type {Record<string, (argument: any) => Promise<unknown>>} */
const orders = {
  /** This many callers at once. */
  async ask({ callers = 1, scope }) {
    const wanted = scope === undefined ? undefined : { scope }
    const start = performance.now()
    const answers = await Promise.allSettled(Array.from({ length: callers }, () => provider.getToken(wanted)))
    const slowestMs = performance.now() - start
    const tokens = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.accessToken] : []))
    const lifeMs = (await provider.getToken(wanted)).expiresAt - Date.now()
    return { tokens: [...new Set(tokens)], failures: callers - tokens.length, lifeMs, slowestMs }
  },
  /** The calls of the shared cache so far. */
  async cacheCalls() {
    return cacheCalls
  },
  /** Moves the clock of this process. */
  async shiftClock({ byMs }) {
    shiftMs += byMs
  },
  /** This many requests, or until it is stopped; at most one at a time per connection. */
  async load({ url, requests = Number.POSITIVE_INFINITY }) {
    stopped = false
    let started = 0
    let slowestMs = 0
    /** @type {{ result: string, tookMs: number }[]} */
    const failures = []
    const caller = async () => {
      while (started < requests && !stopped) {
        started++
        const start = performance.now()
        const result = await send(url)
        const tookMs = performance.now() - start
        slowestMs = Math.max(slowestMs, tookMs)
        if (result !== '200') failures.push({ result, tookMs })
        await sleep(50)
      }
    }
    await Promise.all(Array.from({ length: connections }, caller))
    return { requests: started, failures, slowestMs }
  },
  async stop() {
    stopped = true
  },
}

/** The status of one request, or what went wrong. @param {string} url */
async function send(url) {
  try {
    const { statusCode, body } = await request(url, { dispatcher })
    await body.dump()
    return String(statusCode)
  } catch (error) {
    return String(error)
  }
}

execute(orders)
