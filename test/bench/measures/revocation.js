// Fifty callers, and a token that is rejected from one moment on.
import { setTimeout as sleep } from 'node:timers/promises'
import { contenderNamed } from '../contenders.js'
import { Servers } from '../servers.js'

/** @param {{ addresses: import('../servers.js').Addresses, name: string, atOnce: number, seconds: number }} argument */
export async function measure({ addresses, name, atOnce, seconds }) {
  const servers = new Servers(addresses)
  const { send } = await contenderNamed(name).make(addresses)
  await send()
  let ended = false
  let requests = 0
  let failures = 0
  const callers = Array.from({ length: atOnce }, async () => {
    while (!ended) {
      const status = await send().catch(() => 0)
      requests++
      if (status === 200) continue
      failures++
      await sleep(10) // otherwise, a caller whose token is rejected at once would do nothing else
    }
  })
  await sleep((seconds * 1000) / 3)
  await servers.tokenRequests()
  requests = 0
  await servers.revoke()
  await sleep((seconds * 2000) / 3)
  ended = true
  await Promise.all(callers)
  return { requests, failures, tokenRequests: await servers.tokenRequests() }
}
