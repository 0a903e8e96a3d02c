import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { UsageError } from './exit-codes.js'

/**
 * The client secret in a file, or from standard input if `path` is `-`, without the newline that editors and `echo` put
 * at the end.
 *
 * @throws UsageError if there is none.
 */
export async function readSecret(path: string): Promise<string> {
  const secret = (await textOf(path)).replace(/\r?\n$/, '')
  if (secret !== '') return secret
  throw new UsageError(`--secret-file is empty${path === '-' ? ': standard input had no secret' : ''}`)
}

async function textOf(path: string): Promise<string> {
  try {
    if (path !== '-') return await readFile(path, 'utf8')
    return process.stdin.isTTY ? await ask() : await readStandardInput()
  } catch (error) {
    throw new UsageError(`--secret-file can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
}

/**
 * A key: its PEM, or its JWK.
 *
 * @param what - names the flag or the argument.
 * @throws UsageError if it can't be read. It shows nothing of the content.
 */
export async function readKey(what: string, path: string): Promise<string | object> {
  let text: string
  try {
    text = path === '-' ? await readStandardInput() : await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${what} can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  try {
    const jwk: unknown = JSON.parse(text)
    if (typeof jwk === 'object' && jwk !== null) return jwk
  } catch {}
  return text
}

/** To its end, however long that takes: a read of the descriptor itself fails on a pipe that does not block (EAGAIN). */
async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** Asks on a terminal, which does not show what is typed. Nothing is asked on standard output, which a script reads. */
function ask(): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 })
  process.stderr.write('Client secret (not shown): ')
  return new Promise((resolve) => {
    terminal.once('line', (line) => {
      resolve(line)
      terminal.close()
    })
    // Ctrl+D; after a line it changes nothing.
    terminal.once('close', () => {
      process.stderr.write('\n')
      resolve('')
    })
    terminal.once('SIGINT', () => {
      terminal.close()
      process.kill(process.pid, 'SIGINT')
    })
  })
}
