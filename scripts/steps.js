// Runs commands as steps, and says how long each takes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import { clearLine, cursorTo } from 'node:readline'
import { styleText } from 'node:util'

/**
 * @typedef {object} Step
 * @property {string} name What it does, for its reader.
 * @property {readonly string[]} command With the tools of `node_modules`.
 * @property {boolean} [live] Whether its output is shown at once. Otherwise it is shown if it fails.
 */

const out = process.stdout
const isTerminal = out.isTTY === true
const hasColours = isTerminal && out.hasColors()
const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** @type {{ name: string, ms: number }[]} */
const times = []
/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()
/** @type {NodeJS.Signals | undefined} */
let interrupted

/** Whoever ends this process ends its commands; it waits until they are gone. @param {NodeJS.Signals} signal */
function interrupt(signal) {
  interrupted = signal
  for (const child of running) child.kill(signal)
}

const signals = /** @type {const} */ (['SIGHUP', 'SIGINT', 'SIGTERM'])

/** Runs steps beside each other. Ends this process if one of them fails. @param {...Step} steps */
export async function run(...steps) {
  for (const signal of signals) process.on(signal, interrupt)
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
  for (const signal of signals) process.off(signal, interrupt)
  if (failures.every((failure) => failure === undefined)) return
  if (interrupted === undefined) for (const output of failures) if (output) console.error(`\n${output.trim()}`)
  process.exit(1)
}

/** One line with the time of everything that ran. @param {string} what */
export function total(what) {
  const sum = seconds(performance.now())
  out.write(
    `\n${paint('green', what)} in ${sum}: ${times.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', ')}\n`,
  )
}

/** @param {Step} step @returns {Promise<string | undefined>} what it wrote if it failed */
async function execute({ name, command: [command = '', ...args], live = false }) {
  if (!isTerminal) out.write(`… ${name}\n`)
  const path = [join(import.meta.dirname, '../node_modules/.bin'), process.env.PATH].join(delimiter)
  const env = { ...process.env, PATH: path, ...(hasColours && { FORCE_COLOR: '1' }) }
  const child = spawn(command, args, { env, stdio: live ? 'inherit' : ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const [code] = await once(child, 'close')
  running.delete(child)
  return code === 0 ? undefined : output
}

/** Shows on a terminal what is running. @param {ReadonlySet<string>} names */
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
