// One process of a fleet, told by its parent what to do.
import { createTokenProvider } from '@mca-auth/core'
import { redisTokenCache } from '@mca-auth/redis'
import { mcaAuth } from '@mca-auth/undici'
import { createClient } from 'redis'
import { Agent, request } from 'undici'

const { options, redisUrl, skewMs } = JSON.parse(process.argv[2] ?? '{}')
const now = Date.now
Date.now = () => now() + skewMs

const redis = createClient({ url: redisUrl })
redis.on('error', () => {})
await redis.connect()
const sharedCache = redisTokenCache(/** @type {any} */ (redis))
const provider = createTokenProvider({ ...options, sharedCache })
const dispatcher = new Agent({ connections: 4 }).compose(mcaAuth(provider))

/** @type {Record<string, (argument: any) => Promise<object>>} */
const orders = {
  /** So many callers at once. */
  async ask({ callers = 1, scope }) {
    const start = performance.now()
    const wanted = scope === undefined ? undefined : { scope }
    const answers = await Promise.allSettled(Array.from({ length: callers }, () => provider.getToken(wanted)))
    const tokens = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.accessToken] : []))
    const ms = performance.now() - start
    const lifeMs = (await provider.getToken(wanted)).expiresAt - Date.now()
    return { tokens: [...new Set(tokens)], failures: callers - tokens.length, ms, lifeMs }
  },
  /** Requests at a steady rate. */
  async load({ url, rate, seconds }) {
    let failures = 0
    const going = []
    for (let i = 0; i < rate * seconds; i++) {
      going.push(
        request(url, { dispatcher }).then(
          async ({ statusCode, body }) => {
            await body.dump()
            if (statusCode !== 200) failures++
          },
          () => failures++,
        ),
      )
      await new Promise((resolve) => setTimeout(resolve, 1000 / rate))
    }
    await Promise.all(going)
    return { requests: going.length, failures }
  },
}

process.on('message', async (/** @type {{ order: string, argument: object }} */ { order, argument }) => {
  process.send?.(await orders[order]?.(argument))
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
