// Requests at a steady rate, independent of the responses, while tokens expire.
import { contenderNamed } from '../contenders.js'
import { Servers } from '../servers.js'
import { quartiles } from '../statistics.js'

/** @param {{ addresses: import('../servers.js').Addresses, name: string, rate: number, seconds: number }} argument */
export async function measure({ addresses, name, rate, seconds }) {
  const servers = new Servers(addresses)
  const { send } = await contenderNamed(name).make(addresses)
  for (let i = 0; i < 100; i++) await send() // so that the code is compiled, and a token cached
  await servers.tokenRequests()
  /** @type {number[]} */
  const latencies = []
  let failures = 0
  const going = new Set()
  const start = performance.now()
  let sent = 0
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(rate * seconds, ((performance.now() - start) / 1000) * rate)
      for (; sent < due; sent++) {
        const one = timedSend()
        going.add(one)
        one.finally(() => going.delete(one))
      }
      if (sent < rate * seconds) return
      clearInterval(timer)
      resolve(undefined)
    }, 1)
  })
  await Promise.all(going)

  async function timedSend() {
    const begun = performance.now()
    const status = await send().catch(() => 0)
    latencies.push(performance.now() - begun)
    if (status !== 200) failures++
  }
  latencies.sort((a, b) => a - b)
  return {
    requests: sent,
    failures,
    tokenRequests: await servers.tokenRequests(),
    slowestMs: latencies.at(-1),
    p99Ms: latencies[Math.floor(latencies.length * 0.99)],
    medianMs: quartiles(latencies).median,
  }
}
