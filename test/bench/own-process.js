// Each measurement has its own process, so that no contender affects the next.
import { fork } from 'node:child_process'
import { once } from 'node:events'

/**
 * Calls `measure(argument)` of a module of `measures/` in a new process.
 *
 * @param {string} module
 * @param {object} argument
 * @param {readonly string[]} [execArgv]
 * @returns {Promise<any>}
 */
export async function measureApart(module, argument, execArgv = []) {
  // The output of a contender is of no interest, and costs it time.
  const stdio = /** @type {const} */ (['ignore', 'ignore', 'inherit', 'ipc'])
  const child = fork(new URL(import.meta.url), [module], { execArgv: [...execArgv], stdio: [...stdio] })
  child.send(argument)
  const ended = once(child, 'exit')
  const [answer] = await Promise.race([once(child, 'message'), ended.then(([code]) => [{ error: `exit ${code}` }])])
  child.kill()
  await ended
  if (answer.error !== undefined) throw new Error(`${module}: ${answer.error}`)
  return answer.result
}

const [, , module] = process.argv
if (process.send !== undefined && module !== undefined && process.argv[1]?.endsWith('own-process.js')) {
  const [argument] = await once(process, 'message')
  const { measure } = await import(`./measures/${module}.js`)
  const answer = await measure(argument).then(
    (/** @type {unknown} */ result) => ({ result }),
    (/** @type {Error} */ error) => ({ error: error.stack }),
  )
  process.send(answer)
}
