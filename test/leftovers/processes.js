// Finds the processes of a run by their environment. In JavaScript, since Node.js runs it after vitest has ended.
import { readdirSync, readFileSync } from 'node:fs'

/** Contains the folder of the run; set in the environment of its workers and of all processes that they start. */
export const runVariable = 'MCA_AUTH_TEST_RUN'
/** Contains the test file; set in the environment of the processes that a worker starts, but not of the worker itself. */
export const fileVariable = 'MCA_AUTH_TEST_FILE'

/** Both of them, for a process that is started with its own variables. @returns {Record<string, string>} */
export function marks() {
  return Object.fromEntries([runVariable, fileVariable].map((name) => [name, process.env[name] ?? '']))
}

/**
 * The workers of a run, and every process that they started. Works only on Linux: elsewhere the list is empty.
 *
 * @param {string} run @returns {{ pid: number, command: string, file: string }[]} `file` is empty for a worker.
 */
export function processesOf(run) {
  if (process.platform !== 'linux') return []
  const ids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return ids.flatMap((pid) => {
    const variables = fields(pid, 'environ')
    if (!variables.includes(`${runVariable}=${run}`)) return []
    const file = variables.find((variable) => variable.startsWith(`${fileVariable}=`))?.slice(fileVariable.length + 1)
    return [{ pid, command: fields(pid, 'cmdline').join(' '), file: file ?? '' }]
  })
}

/**
 * Empty for a process that has ended, or that belongs to another user.
 *
 * @param {number} pid @param {string} name
 */
function fields(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0').filter(Boolean)
  } catch {
    return []
  }
}
