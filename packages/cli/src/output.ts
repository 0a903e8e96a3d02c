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
