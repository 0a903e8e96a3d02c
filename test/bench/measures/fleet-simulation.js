// Processes on a virtual clock: each is a provider whose token is used every few seconds.
import { createTokenProvider } from '@mca-auth/core'
import { memoryTokenCache } from '@mca-auth/testing'
import { install } from '@sinonjs/fake-timers'

const lifetimeSeconds = 3600
const tickMs = 5_000
const answerMs = 100

/**
 * Token requests in each minute. All start within the first.
 *
 * @param {{ processes: number, minutes: number, shared: boolean, jitter: boolean }} argument
 */
export async function measure({ processes, minutes, shared, jitter }) {
  const random = Math.random
  await loadAll()
  const clock = install({
    now: 0,
    toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'performance'],
  })
  const counts = new Array(minutes).fill(0)
  const ask = async () => {
    const minute = Math.floor(Date.now() / 60_000)
    if (minute < minutes) counts[minute]++
    await new Promise((resolve) => setTimeout(resolve, answerMs))
    return Response.json({ access_token: 'not-a-real-token', token_type: 'Bearer', expires_in: lifetimeSeconds })
  }
  const options = {
    tokenEndpoint: 'https://idp.example/token',
    clientId: 'bench',
    secret: 'not-a-real-secret',
    cacheSize: 1,
    fetch: ask,
    sharedCache: shared ? memoryTokenCache() : undefined,
  }
  if (!jitter) Math.random = () => 0
  const providers = Array.from({ length: processes }, () => createTokenProvider(options))
  Math.random = random
  const startsAt = providers.map(() => random() * 60_000)
  for (let now = 0; now < minutes * 60_000; now += tickMs) {
    for (const [i, provider] of providers.entries()) {
      if (now >= /** @type {number} */ (startsAt[i])) provider.getToken().catch(() => {})
    }
    for (let step = 0; step < 10; step++) {
      await turns() // work that takes no virtual time takes real time
      await clock.tickAsync(tickMs / 10)
    }
  }
  clock.uninstall()
  return counts
}

/** Loads the modules of the first token request, before the clock is virtual. */
async function loadAll() {
  const fetch = async () => Response.json({ access_token: 'x', token_type: 'Bearer', expires_in: 1 })
  const options = { tokenEndpoint: 'https://idp.example/token', clientId: 'a', secret: 'b', fetch }
  await createTokenProvider({ ...options, sharedCache: memoryTokenCache() }).getToken()
  await turns() // and its work in the background
}

const realImmediate = setImmediate
async function turns() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => realImmediate(resolve))
}
