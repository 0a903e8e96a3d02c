import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { UsageError } from './exit-codes.js'
import { endByInterrupt } from './interrupt.js'

/**
 * The client secret in a file, or from standard input if `path` is `-`, without the newline that editors and `echo` put
 * at the end.
 *
 * @throws UsageError if it is empty.
 */
export async function readSecret(path: string): Promise<string> {
  const secret = (await textOf(path)).replace(/\r?\n$/, '')
  if (secret !== '') return secret
  throw new UsageError(`--secret-file is empty${path === '-' ? ': standard input had no secret' : ''}`)
}

async function textOf(path: string): Promise<string> {
  try {
    if (path !== '-') return await readFile(path, 'utf8')
    return process.stdin.isTTY ? await prompt() : await readStandardInput()
  } catch (error) {
    throw new UsageError(`--secret-file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
}

/**
 * A key: its PEM, or its JWK.
 *
 * @param what - names the flag or the argument.
 * @throws UsageError if it cannot be read. The message does not show the content.
 */
export async function readKey(what: string, path: string): Promise<string | object> {
  const text = await readText(what, path)
  try {
    const jwk: unknown = JSON.parse(text)
    if (typeof jwk === 'object' && jwk !== null) return jwk
  } catch {}
  return text
}

/** @throws UsageError if it cannot be read. */
export async function readText(what: string, path: string): Promise<string> {
  try {
    return path === '-' ? await readStandardInput() : await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${what} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
}

/** Reads to the end, however long that takes. A read of the descriptor itself would fail on a non-blocking pipe (EAGAIN). */
async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** Prompts on a terminal, which does not show the input. Not on standard output, which a script may read. */
function prompt(): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 })
  process.stderr.write('Client secret (not shown): ')
  return new Promise((resolve) => {
    terminal.once('line', (line) => {
      resolve(line)
      terminal.close()
    })
    // Ctrl+D, which has no effect after a complete line.
    terminal.once('close', () => {
      process.stderr.write('\n')
      resolve('')
    })
    terminal.once('SIGINT', () => {
      // Restores the mode of the terminal.
      terminal.close()
      endByInterrupt()
    })
  })
}
