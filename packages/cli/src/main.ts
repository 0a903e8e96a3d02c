#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { clearTokens } from './clear-tokens.js'
import { readCommandLine } from './command-line.js'
import { isCommand } from './commands.js'
import { exitCodeOf } from './exit-codes.js'
import { withFlagNames } from './flag-names.js'
import { help } from './help.js'
import { endByInterrupt } from './interrupt.js'
import { complain, OutputError, print } from './output.js'
import { printToken } from './print-token.js'
import { stuckCall } from './stuck-call.js'
import { Progress } from './terminal.js'

const progress = new Progress()

// Errors of writing are handled where text is written. `mca-auth doctor | head` closes the pipe early.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})
process.once('SIGINT', () => {
  progress.clear()
  endByInterrupt()
})

const args = process.argv.slice(2)
/** Also if the arguments are invalid. */
const command = args.find(isCommand)
process.exitCode = await run(args).catch(explain)
// A call of the file system that never responds blocks a thread, and Node.js waits for that, even in `process.exit()`.
if (stuckCall.isKnown) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1_000).unref()

// Only the code of the command is loaded: `mca-auth token` may run in a loop.
async function run(given: readonly string[]): Promise<number> {
  if (given.length === 0) {
    process.stderr.write(help(undefined, process.stderr))
    return 2
  }
  const line = await readCommandLine(given)
  switch (line.command) {
    case 'help':
      await print(help(line.about))
      return 0
    case 'version':
      await print(`${version()}\n`)
      return 0
    case 'token':
      await printToken(line)
      return 0
    case 'clear':
      await clearTokens()
      return 0
    case 'doctor': {
      const { doctor } = await import('./doctor.js')
      return doctor(line, progress)
    }
    case 'jwk': {
      const { printPublicJwk } = await import('./public-jwk.js')
      await printPublicJwk(line.file, line.id)
      return 0
    }
  }
}

/** Prints the error, and what to read next. Gives the exit code. */
function explain(error: unknown): number {
  progress.clear()
  const text = error instanceof Error ? error.message : String(error)
  const message = command === undefined ? text : withFlagNames(text, command)
  const code = exitCodeOf(error)
  complain(message, next(error, code))
  return code
}

function next(error: unknown, code: number): string {
  if (code !== 2) return error instanceof OutputError || command === 'doctor' ? '' : '(mca-auth doctor says more)'
  return `(see mca-auth ${command === undefined ? '' : `${command} `}--help)`
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}
