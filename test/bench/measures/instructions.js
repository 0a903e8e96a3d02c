// Instructions per request, counted by valgrind if it is installed: they do not depend on other load on the machine.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { contenderNamed } from '../contenders.js'

/** Counted over two numbers of requests: in between, hot code has been compiled. */
const counts = { few: 1500, many: 4000 }
const countsOfUndici = { few: 3000, many: 9000 }

/** @param {{ addresses: import('../servers.js').Addresses, name: string }} argument */
export async function measure({ addresses, name }) {
  if (spawnSync('valgrind', ['--version']).error !== undefined) return undefined
  const { few, many } = contenderNamed(name).client === 'undici' ? countsOfUndici : counts
  // Both include the cost of start and compilation.
  const [before, after] = await Promise.all([few, many].map((requests) => count(addresses, name, requests)))
  return (Number(after) - Number(before)) / (many - few)
}

async function count(
  /** @type {import('../servers.js').Addresses} */ addresses,
  /** @type {string} */ name,
  /** @type {number} */ requests,
) {
  const node = [process.execPath, '--single-threaded', '--predictable-gc-schedule', import.meta.filename]
  const valgrind = spawn(
    'valgrind',
    ['--tool=callgrind', '--callgrind-out-file=/dev/null', '--smc-check=all-non-file', ...node],
    {
      env: { ...process.env, MCA_AUTH_BENCH: JSON.stringify({ addresses, name, requests }) },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let text = ''
  valgrind.stderr.on('data', (chunk) => {
    text += chunk
  })
  await once(valgrind, 'exit')
  const counted = /Collected : (\d+)/.exec(text)?.[1]
  if (counted === undefined) throw new Error(text)
  return Number(counted)
}

if (process.env.MCA_AUTH_BENCH !== undefined) {
  const { addresses, name, requests } = JSON.parse(process.env.MCA_AUTH_BENCH)
  const { send } = await contenderNamed(name).make(addresses)
  let left = requests
  const caller = async () => {
    while (left-- > 0) await send()
  }
  await Promise.all(Array.from({ length: 10 }, caller))
  process.exit()
}
