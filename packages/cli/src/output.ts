import { printable } from './printable.js'
import { columnsOf } from './terminal.js'
import { wrapped } from './text-layout.js'

/**
 * Writes to standard output, and waits until it is written.
 *
 * @throws OutputError if it cannot be written. A reader that closes the pipe early, as `head` does, is not an error.
 */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      const code = (error as NodeJS.ErrnoException | null | undefined)?.code
      if (code === undefined || code === 'EPIPE') resolve()
      else reject(new OutputError(code))
    })
  })
}

/** Standard output cannot be written, for example because the disk is full. */
export class OutputError extends Error {
  constructor(code: string) {
    super(`standard output cannot be written (${code})`)
  }
}

/** Writes a message, and a line about it, to standard error. On a terminal, they are wrapped; elsewhere each is one line. */
export function complain(message: string, hint = ''): void {
  const { stderr } = process
  const lines = [`mca-auth: ${message}`, hint].filter((line) => line !== '').map(printable)
  const shown = stderr.isTTY ? lines.flatMap((line) => wrapped(line, columnsOf(stderr))) : lines
  stderr.write(`${shown.join('\n')}\n`)
}
