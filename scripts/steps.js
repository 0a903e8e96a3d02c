// Runs commands as steps, and shows how long each takes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { clearLine, cursorTo } from 'node:readline'
import { styleText } from 'node:util'

/**
 * @typedef {object} Step
 * @property {string} name A description for the reader.
 * @property {readonly string[]} command With the tools of `node_modules`.
 * @property {boolean} [live] Whether its output is shown at once, rather than only if it fails.
 */

const out = process.stdout
const isTerminal = out.isTTY === true
const hasColours = isTerminal && out.hasColors()
const path = [join(import.meta.dirname, '../node_modules/.bin'), process.env.PATH].join(delimiter)
const environment = { ...process.env, PATH: path, ...(hasColours && { FORCE_COLOR: '1' }) }
const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** @type {{ name: string, ms: number }[]} */
const times = []
/** Process ids; negative ones are groups of processes. @type {Set<number>} */
const running = new Set()
/** @type {NodeJS.Signals | undefined} */
let interrupted

/** A signal that ends this process ends its commands too; it waits until they have ended. @param {NodeJS.Signals} signal */
function interrupt(signal) {
  interrupted = signal
  for (const id of running) kill(id, signal)
}

/** npm passes a signal only to a shell, which may die of it without passing it on. */
const parent = process.ppid
const signals = /** @type {const} */ (['SIGHUP', 'SIGINT', 'SIGTERM'])

/** Runs steps in parallel. Ends this process if one of them fails. @param {...Step} steps */
export async function run(...steps) {
  for (const signal of signals) process.on(signal, interrupt)
  const orphaned = setInterval(() => process.ppid !== parent && interrupt('SIGTERM'), 500)
  const open = new Set(steps.map(({ name }) => name))
  const spinning = steps.some(({ live }) => live) ? undefined : spin(open)
  const failures = await Promise.all(
    steps.map(async (step) => {
      const before = performance.now()
      const failure = await execute(step)
      const ms = performance.now() - before
      times.push({ name: step.name, ms })
      open.delete(step.name)
      erase()
      out.write(`${failure === undefined ? paint('green', '✓') : paint('red', '✗')} ${step.name}, ${seconds(ms)}\n`)
      return failure
    }),
  )
  clearInterval(spinning)
  erase()
  clearInterval(orphaned)
  for (const signal of signals) process.off(signal, interrupt)
  if (interrupted !== undefined) process.exit(128 + constants.signals[interrupted])
  if (failures.every((failure) => failure === undefined)) return
  for (const output of failures) if (output) console.error(`\n${output.trim()}`)
  process.exit(1)
}

/** Prints one line with the time of all steps. @param {string} what */
export function total(what) {
  const sum = seconds(performance.now())
  out.write(
    `\n${paint('green', what)} in ${sum}: ${times.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', ')}\n`,
  )
}

/** @param {Step} step @returns {Promise<string | undefined>} its output if it failed */
async function execute(step) {
  if (!isTerminal) out.write(`… ${step.name}\n`)
  return step.live ? executeLive(step) : executeQuietly(step)
}

/** Shares the terminal with its command. @param {Step} step */
async function executeLive({ command: [command = '', ...args] }) {
  const child = spawn(command, args, { env: environment, stdio: 'inherit' })
  const code = await ended(child, child.pid)
  return code === 0 ? undefined : ''
}

/** No process that the command has started outlives it, and no temporary file. @param {Step} step */
async function executeQuietly({ command: [command = '', ...args] }) {
  const folder = mkdtempSync(join(tmpdir(), 'mca-auth-step-'))
  const env = { ...environment, TMPDIR: folder }
  const child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const group = child.pid && -child.pid
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const closed = once(child, 'close')
  const code = await ended(child, group)
  kill(group, 'SIGKILL')
  await closed
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  return code === 0 ? undefined : output
}

/** @param {import('node:child_process').ChildProcess} child @param {number | undefined} id @returns {Promise<number>} */
async function ended(child, id) {
  if (id !== undefined) running.add(id)
  const [code] = await once(child, 'exit')
  if (id !== undefined) running.delete(id)
  return code
}

/** @param {number | undefined} id @param {NodeJS.Signals} signal */
function kill(id, signal) {
  try {
    if (id !== undefined) process.kill(id, signal)
  } catch {
    // The process has already ended.
  }
}

/** Shows on a terminal which steps are running. @param {ReadonlySet<string>} names */
function spin(names) {
  if (!isTerminal) return undefined
  const started = performance.now()
  return setInterval(() => {
    const ms = performance.now() - started
    const picture = spinner[Math.floor(ms / 100) % spinner.length]
    erase()
    out.write(`${picture} ${[...names].join(', ')} … ${Math.floor(ms / 1000)} s`.slice(0, (out.columns ?? 80) - 1))
  }, 100)
}

function erase() {
  if (!isTerminal) return
  clearLine(out, 0)
  cursorTo(out, 0)
}

/** @param {Parameters<typeof styleText>[0]} style @param {string} text */
function paint(style, text) {
  return hasColours ? styleText(style, text) : text
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`
}
