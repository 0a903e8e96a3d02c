import { clearScreenDown, moveCursor } from 'node:readline'
import { styleText } from 'node:util'

const out = process.stdout
// `hasColors()` handles NO_COLOR, FORCE_COLOR and terminals without colours.
const hasColours = out.isTTY === true && out.hasColors()

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'

export function paint(style: Style, text: string): string {
  return hasColours ? styleText(style, text) : text
}

export const isTerminal: boolean = out.isTTY === true

/** The width of the terminal, limited to a readable length. */
export function columns(): number {
  return Math.min(out.columns ?? 80, 120)
}

/** `850 ms`, `2.5 s` */
export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

/** Breaks a paragraph between words. */
export function wrap(text: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const longer = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`
    if (longer.length < columns()) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines.join('\n')
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** The current frame of the spinner. */
export function spin(): string {
  return spinner[Math.floor(performance.now() / 100) % spinner.length] ?? ''
}

export function say(text = ''): void {
  out.write(`${text}\n`)
}

/**
 * Keeps lines at the bottom of a terminal up to date during the work, and leaves the final ones there. A log gets only the
 * final lines.
 */
export async function withLiveLines<T>(lines: () => readonly string[], work: () => Promise<T>): Promise<T> {
  let shown = 0
  const show = () => {
    const current = lines()
    moveCursor(out, 0, -shown)
    clearScreenDown(out)
    out.write(current.map((line) => `${line}\n`).join(''))
    shown = current.length
  }
  if (!isTerminal) {
    const result = await work()
    for (const line of lines()) say(line)
    return result
  }
  const restore = () => out.write('\u001b[?25h')
  const interrupted = () => {
    restore()
    process.exit(130)
  }
  process.once('SIGINT', interrupted)
  out.write('\u001b[?25l')
  show()
  const timer = setInterval(show, 100)
  try {
    return await work()
  } finally {
    clearInterval(timer)
    show()
    restore()
    process.off('SIGINT', interrupted)
  }
}

// The reader of a log may close the pipe.
out.on('error', () => process.exit())
