import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

const defaultColumns = 80
const minColumns = 20

/** The width of the terminal. In a pipe or a file, `COLUMNS`, or 80. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  const columns = stream.isTTY ? stream.columns : Number(process.env.COLUMNS)
  // A terminal that does not know its size reports 0.
  return Number.isSafeInteger(columns) && columns > 0 ? Math.max(columns, minColumns) : defaultColumns
}

/**
 * Colours texts if the stream is a terminal. `FORCE_COLOR` and `NO_COLOR` (no-color.org) take precedence, in this order.
 * Node's own check prints a warning if both are set.
 */
export function painter(stream: NodeJS.WriteStream): (format: Format, text: string) => string {
  if (!hasColours(stream)) return (_format, text) => text
  return (format, text) => (text === '' ? '' : styleText(format, text, { validateStream: false }))
}

function hasColours({ isTTY }: NodeJS.WriteStream): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no = '', TERM: terminal } = process.env
  if (force !== undefined) return force !== '0' && force !== 'false'
  return isTTY === true && no === '' && terminal !== 'dumb'
}

/**
 * A line on standard error that says what the command is waiting for. Only on a terminal, and gone when the command ends.
 */
export class Progress {
  #isShown = false

  show(text: string): void {
    const { isTTY } = process.stderr
    if (!isTTY || process.env.TERM === 'dumb') return
    const columns = columnsOf(process.stderr) - 1
    process.stderr.write(`\r\u001b[2K${text.length > columns ? `${text.slice(0, columns - 1)}…` : text}`)
    this.#isShown = true
  }

  clear(): void {
    if (this.#isShown) process.stderr.write('\r\u001b[2K')
    this.#isShown = false
  }
}
