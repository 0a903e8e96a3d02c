// A thousand first requests at once: token requests, and the time until the last response.
import { contenderNamed } from '../contenders.js'
import { Servers } from '../servers.js'

/** @param {{ addresses: import('../servers.js').Addresses, name: string, callers: number }} argument */
export async function measure({ addresses, name, callers }) {
  const servers = new Servers(addresses)
  const { send } = await contenderNamed(name).make(addresses)
  await servers.tokenRequests()
  const start = performance.now()
  const answers = await Promise.allSettled(Array.from({ length: callers }, send))
  const ms = performance.now() - start
  const failures = answers.filter((answer) => answer.status === 'rejected' || answer.value !== 200).length
  return { tokenRequests: await servers.tokenRequests(), ms, failures }
}
