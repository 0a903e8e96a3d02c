// npm run test:load -- [--seconds 600] [--rate 500]
// Requests through axios, got and undici at once, with tokens of two seconds and faults of every kind in one of twenty
// responses of the token endpoint and the resource. Ends with the failures that the faults do not explain: there must be none.
import { fork } from 'node:child_process'
import { Agent as HttpAgent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { createTokenProvider } from '@mca-auth/core'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios from 'axios'
import got from 'got'
import { Agent, request } from 'undici'

if (process.argv[2] === 'servers') await serve()
else await load()

/** The servers, in a separate process: the heap that is measured is that of the client. */
async function serve() {
  const server = await startAuthorizationServer({ lifetimeSeconds: 2 })
  const bearer = { 'www-authenticate': 'Bearer scope="appid_default", error="invalid_token"' }
  /** @type {(() => import('@mca-auth/testing').Reply)[]} */
  const tokenFaults = [
    () => ({ status: 500 }),
    () => ({ status: 503, headers: { 'retry-after': '1' } }),
    () => ({ status: 429, headers: { 'retry-after': '1' } }),
    () => ({ reset: 'headers' }),
    () => ({ reset: 'body', body: { access_token: 'half' } }),
    () => ({ hang: 'headers' }),
    () => ({ status: 502, body: '<h1>Bad gateway</h1>' }),
  ]
  /** @type {(() => import('@mca-auth/testing').Reply)[]} */
  const resourceFaults = [
    () => ({ status: 503 }),
    () => ({ status: 500, body: 'oops' }),
    () => ({ status: 403, body: 'no' }),
    () => ({ status: 401, headers: bearer, body: 'refused' }),
    () => ({ status: 401, body: 'without a challenge' }),
    () => ({ reset: 'headers' }),
    () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }),
    () => ({ status: 200, delayMs: 300, body: 'slow' }),
  ]
  const any = (/** @type {(() => import('@mca-auth/testing').Reply)[]} */ list) =>
    /** @type {() => import('@mca-auth/testing').Reply} */ (list[Math.floor(Math.random() * list.length)])()
  let faults = 0
  const resource = await startProtectedResource({
    authorizationServer: server,
    intercept: () => {
      resource.received.length = 0
      if (Math.random() >= 0.05) return undefined
      faults++
      return any(resourceFaults)
    },
  })
  const timer = setInterval(() => {
    // Ten times a second: one of about twenty token requests gets a fault, and every ten seconds all tokens are revoked.
    if (Math.random() < 0.005) server.script(any(tokenFaults))
    if (Math.random() < 0.01) server.revokeAll()
  }, 100)
  process.send?.({ options: server.appId, url: `${resource.origin}/orders` })
  process.on('message', async () => {
    clearInterval(timer)
    process.send?.({ tokenRequests: server.tokenRequests, faults, answers: Object.fromEntries(resource.answers) })
    await resource.close()
    await server.close()
    process.disconnect()
  })
}

async function load() {
  const { values } = parseArgs({ options: { seconds: { type: 'string' }, rate: { type: 'string' } } })
  const seconds = Number(values.seconds ?? 600)
  const rate = Number(values.rate ?? 500)
  if (!(seconds > 0 && rate > 0)) throw new TypeError('--seconds and --rate must be positive numbers')

  const servers = fork(new URL(import.meta.url), ['servers'])
  const told = () => new Promise((resolve) => servers.once('message', resolve))
  const { options, url } = /** @type {{ options: import('@mca-auth/core').McaAuthOptions, url: string }} */ (
    await told()
  )
  const provider = createTokenProvider({ ...options, timeoutMs: 5_000 })
  const httpAgent = new HttpAgent({ keepAlive: true, maxSockets: 100 })
  const agent = new Agent({ connections: 100 })
  const viaAxios = axios.create({ httpAgent, validateStatus: () => true })
  viaAxios.interceptors.request.use(axiosAuth(provider))
  const viaGot = got.extend(
    { retry: { limit: 0 }, throwHttpErrors: false, agent: { http: httpAgent } },
    gotAuth(provider),
  )
  const dispatcher = agent.compose(undiciAuth(provider))
  const sends = [
    async () => (await viaAxios.get(url)).status,
    async () => (await viaGot(url)).statusCode,
    async () => {
      const { statusCode, body } = await request(url, { dispatcher })
      await body.dump()
      return statusCode
    },
  ]

  /** @type {Map<string, number>} */
  const outcomes = new Map()
  const count = (/** @type {string} */ name) => outcomes.set(name, (outcomes.get(name) ?? 0) + 1)
  let sent = 0
  let open = 0
  const fire = () => {
    sent++
    open++
    const send = /** @type {() => Promise<number>} */ (sends[sent % sends.length])
    send()
      .then((status) => count(String(status)))
      .catch((error) => count(codeOf(error)))
      .finally(() => open--)
  }
  const started = performance.now()
  /** @type {number[]} */
  const heaps = []
  let shownAt = 0
  while (performance.now() - started < seconds * 1000) {
    const elapsed = (performance.now() - started) / 1000
    while (sent < elapsed * rate) fire()
    await sleep(5)
    if (elapsed - shownAt < seconds / 10) continue
    // The heap is measured with nothing in flight; requests that are due meanwhile are sent afterwards.
    shownAt = elapsed
    while (open > 0) await sleep(20)
    heaps.push(await heap())
    console.log(`${Math.round(elapsed)} s: ${sent} requests, heap ${heaps.at(-1)?.toFixed(1)} MB`)
  }
  while (open > 0) await sleep(20)
  await sleep(3_000) // idle sockets close
  heaps.push(await heap())

  const report = /** @type {{ tokenRequests: number, faults: number, answers: Record<string, number> }} */ (
    await new Promise((resolve) => {
      servers.once('message', resolve)
      servers.send('stop')
    })
  )
  provider.close()
  httpAgent.destroy()
  await agent.destroy()
  await sleep(1_500)
  const left = process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name))

  // A fault of the resource explains one failed request; a fault of the token endpoint must not be noticed at all.
  const isToken = (/** @type {string} */ name) => /^(TOKEN|MISSING|INSECURE)/.test(name)
  const sum = (/** @type {[string, number][]} */ list) => list.reduce((total, [, times]) => total + times, 0)
  const failed = [...outcomes].filter(([name]) => name !== '200')
  const unseen = failed.filter(([name]) => isToken(name))
  const unexplained = sum(unseen) + Math.max(0, sum(failed) - sum(unseen) - report.faults)
  const [heapBefore = 0, heapAfter = 0] = [heaps[0], heaps.at(-1)]
  const growth = (heapAfter / heapBefore - 1) * 100
  console.log(`
requests             ${sent} in ${seconds} s, through axios, got and undici
outcomes             ${[...outcomes].map(([name, times]) => `${name} × ${times}`).join(', ')}
faults of resource   ${report.faults}
token requests       ${report.tokenRequests}, for tokens of 2 s
not explained        ${unexplained}
heap after GC        ${heapBefore.toFixed(1)} MB, at the end ${heapAfter.toFixed(1)} MB (${growth.toFixed(1)} %)
sockets, timers left ${left.length}`)
  process.exitCode = unexplained > 0 || growth > 5 || left.length > 0 ? 1 : 0
}

/** @param {any} error @returns {string} */
function codeOf(error) {
  return error.code ?? error.cause?.code ?? String(error)
}

/** The heap in use, in MB, when finalizers have run and weak tables have shrunk. */
async function heap() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  for (let i = 0; i < 5; i++) {
    collect()
    await sleep(200)
  }
  return process.memoryUsage().heapUsed / 1e6
}
