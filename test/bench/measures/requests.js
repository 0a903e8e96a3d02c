// CPU and time per request: the floor, the floor repeated, and the contenders take turns in one process.
import { contenders } from '../contenders.js'
import { median, pairedRatios } from '../statistics.js'

/**
 * @param {{ addresses: import('../servers.js').Addresses, client: string, atOnce: number, rounds: number, sliceMs: number }} argument
 */
export async function measure({ addresses, client, atOnce, rounds, sliceMs }) {
  const group = contenders.filter((contender) => contender.client === client)
  const floor = group.filter(({ role }) => role === 'floor')
  const names = [...floor, ...floor, ...group.filter(({ role }) => role !== 'floor')]
  const turns = []
  let requests = 0
  for (const contender of names) {
    const { send } = await contender.make(addresses)
    await slice(send, 200, atOnce)
    const { ms } = await slice(send, 200, atOnce)
    requests ||= Math.max(2 * atOnce, Math.ceil((200 * sliceMs) / ms))
    // The same number for each, except for those that would take all the time.
    const share = Math.min(1, (5 * sliceMs * 200) / (requests * ms))
    turns.push({ send, requests: Math.max(atOnce, Math.ceil(requests * share)) })
  }
  /** @type {number[][]} */
  const cpu = []
  /** @type {number[][]} */
  const time = []
  // The first rounds are for compilation.
  for (let round = -3; round < rounds; round++) {
    /** @type {number[]} */
    const cpuOfRound = []
    /** @type {number[]} */
    const timeOfRound = []
    for (let i = 0; i < turns.length; i++) {
      // Each one follows each other one equally often.
      const place =
        round % 2 === 0 ? (i + round + 6) % turns.length : (turns.length * 2 - i - 1 + round + 6) % turns.length
      const { send, requests } = /** @type {(typeof turns)[0]} */ (turns[place])
      const { cpuUs, ms } = await slice(send, requests, atOnce)
      cpuOfRound[place] = cpuUs / requests
      timeOfRound[place] = (ms * 1000) / requests
    }
    if (round < 0) continue
    cpu.push(cpuOfRound)
    time.push(timeOfRound)
  }
  const cpuRatios = pairedRatios(cpu)
  const timeRatios = pairedRatios(time)
  return names.map(({ name, role }, i) => ({
    name: i === 1 ? `${name}, repeated` : name,
    client,
    role: i === 1 ? 'control' : role,
    atOnce,
    cpuUs: median(cpu.map((round) => round[i] ?? Number.NaN)),
    cpuRatio: cpuRatios[i],
    perSecond: 1e6 / median(time.map((round) => round[i] ?? Number.NaN)),
    throughputRatio: invert(/** @type {import('../statistics.js').Quartiles} */ (timeRatios[i])),
  }))
}

async function slice(
  /** @type {() => Promise<number>} */ send,
  /** @type {number} */ requests,
  /** @type {number} */ atOnce,
) {
  let left = requests
  const caller = async () => {
    while (left-- > 0) {
      const status = await send()
      if (status !== 200) throw new Error(`answered ${status}`)
    }
  }
  const cpuBefore = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: atOnce }, caller))
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpuBefore)
  return { cpuUs: user + system, ms }
}

function invert(/** @type {import('../statistics.js').Quartiles} */ { low, median: middle, high }) {
  return { low: 1 / high, median: 1 / middle, high: 1 / low }
}
