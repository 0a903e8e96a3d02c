// One process of a fleet, which executes the commands of its parent. It ends with its parent, even while it is still
// loading modules.
process.on('disconnect', () => process.exit())
if (!process.connected) process.exit()

const { createTokenProvider } = await import('@mca-auth/core')
const { redisTokenCache } = await import('@mca-auth/redis')
const { mcaAuth } = await import('@mca-auth/undici')
const { createClient } = await import('redis')
const { Agent, request } = await import('undici')
const { setTimeout: sleep } = await import('node:timers/promises')

const { options, redisUrl, skewMs } = JSON.parse(process.argv[2] ?? '{}')
const now = Date.now
Date.now = () => now() + skewMs

// The first token request of a process loads modules. If many processes do so at once on two cores, one might extend its
// lease too late.
const fetch = async () => Response.json({ access_token: 'opaque' })
await createTokenProvider({ tokenEndpoint: 'http://127.0.0.1:1', clientId: 'c', secret: 's', fetch }).getToken()

const redis = createClient({ url: redisUrl })
redis.on('error', () => {})
await redis.connect()
const sharedCache = redisTokenCache(/** @type {any} */ (redis))
const provider = createTokenProvider({ ...options, sharedCache })
const connections = 4
const dispatcher = new Agent({ connections }).compose(mcaAuth(provider))
let stopped = false

/** @type {Record<string, (argument: any) => Promise<object>>} */
const orders = {
  /** This many callers at once. */
  async ask({ callers = 1, scope }) {
    const wanted = scope === undefined ? undefined : { scope }
    const answers = await Promise.allSettled(Array.from({ length: callers }, () => provider.getToken(wanted)))
    const tokens = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.accessToken] : []))
    const lifeMs = (await provider.getToken(wanted)).expiresAt - Date.now()
    return { tokens: [...new Set(tokens)], failures: callers - tokens.length, lifeMs }
  },
  /** This many requests, or until it is stopped; at most one at a time per connection. */
  async load({ url, requests = Number.POSITIVE_INFINITY }) {
    stopped = false
    let started = 0
    let slowestMs = 0
    /** @type {string[]} */
    const failures = []
    const caller = async () => {
      while (started < requests && !stopped) {
        started++
        const start = performance.now()
        const result = await send(url)
        slowestMs = Math.max(slowestMs, performance.now() - start)
        if (result !== '200') failures.push(result)
        await sleep(50)
      }
    }
    await Promise.all(Array.from({ length: connections }, caller))
    return { requests: started, failures, slowestMs }
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

process.on('message', async (/** @type {{ order: string, argument: object }} */ { order, argument }) => {
  if (order === 'stop') stopped = true
  else process.send?.(await orders[order]?.(argument))
})
process.send?.('ready')
