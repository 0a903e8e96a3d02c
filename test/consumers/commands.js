// Runs commands, each in its own process group, which ends with the command and with the run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** For one command. A longer one counts as hanging. */
const timeoutMs = 8 * 60_000

/** The current process groups. @type {Set<number>} */
const groups = new Set()

process.once('exit', () => {
  for (const group of groups) kill(group)
})
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, started?: (child: import('node:child_process').ChildProcess) => unknown }} options
 *   `started` is called with the process, which then has an IPC channel.
 * @returns {Promise<string>} Its output. If the command fails, the error has it as `output`.
 */
export async function execute(command, args, { cwd, env, started }) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, CI: '1', ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(started === undefined ? [] : [/** @type {const} */ ('ipc')])],
  })
  const group = child.pid ?? 0
  groups.add(group)
  let printed = ''
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null)
  for (const stream of streams) {
    stream.setEncoding('utf8').on('data', (text) => {
      printed += text
    })
  }
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    kill(group)
  }, timeoutMs)
  const exited = once(child, 'exit')
  // The child does not emit `close` after a `disconnect()`.
  const closed = Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))))
  try {
    const [[code]] = await Promise.all([exited, started?.(child)])
    // A process that it has left behind may keep its output open.
    kill(group)
    await closed
    if (code !== 0) throw new Error(isLate ? 'it hangs' : `it ended with ${code}`)
    return printed
  } catch (error) {
    const name = [command.replace(/^.*\//, ''), ...args].join(' ').replaceAll(`${cwd}/`, '')
    const message = `${name}: ${error instanceof Error ? error.message : error}\n${printed.trim().slice(-6_000)}`
    throw Object.assign(new Error(message), { output: printed })
  } finally {
    clearTimeout(timer)
    kill(group)
    groups.delete(group)
  }
}

/** @param {number} group */
function kill(group) {
  try {
    if (group > 0) process.kill(-group, 'SIGKILL')
  } catch {
    // The group has already ended.
  }
}
