import { printable } from './printable.js'
import type { Entry, Findings, Status } from './report.js'
import { columnsOf, painter } from './terminal.js'
import { displayWidth, padded, wrapped } from './text-layout.js'

const signs = { good: ['green', '✓'], bad: ['red', '✗'], warning: ['yellow', '!'], plain: ['dim', '·'] } as const
/** A longer label, such as the name of a claim, does not widen the left column. */
const maxLabelColumns = 20
/** On a narrower terminal, there is one column: what does not fit next to its label is below it. */
const narrowColumns = 60
const narrowLeft = 6

type Paint = ReturnType<typeof painter>

/** The report for a reader: the verdict first, wrapped to the width of the stream. */
export function reportText(
  { verdict, sections, hints }: Findings,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  const columns = columnsOf(stream)
  const paint = painter(stream)
  const headline = wrapped(printable(verdict.text), columns - 2).map(
    (line, index) => (index === 0 ? `${sign(verdict.status, paint)} ` : '  ') + paint('bold', line),
  )
  const blocks = sections
    .filter(({ entries }) => entries.length > 0)
    .map(({ title, entries }) => {
      const layout = new EntryLayout(entries, columns, paint)
      return [paint('bold', title), ...entries.flatMap((entry) => layout.lines(entry))]
    })
  const closing = hints.flatMap((hint) => adviceLines(hint, 0, columns, paint))
  const parts = [headline, ...blocks, closing].filter((lines) => lines.length > 0)
  return parts.map((lines) => `${lines.join('\n')}\n`).join('\n')
}

/** The lines of one section, whose texts are aligned. */
class EntryLayout {
  readonly #columns: number
  readonly #paint: Paint
  /** Where texts begin. */
  readonly #left: number

  constructor(entries: readonly Entry[], columns: number, paint: Paint) {
    this.#columns = columns
    this.#paint = paint
    const widths = entries
      .map(({ label }) => displayWidth(printable(label)))
      .filter((width) => width <= maxLabelColumns)
    this.#left = columns < narrowColumns ? narrowLeft : 4 + Math.max(0, ...widths) + 2
  }

  lines({ status, label, text, note, advice }: Entry): string[] {
    const start = `  ${sign(status, this.#paint)} `
    const below = advice.flatMap((one) => adviceLines(printable(one), 4, this.#columns, this.#paint))
    return [...this.#labelled(start, printable(label), printable(text), printable(note)), ...below]
  }

  #labelled(start: string, label: string, text: string, note: string): string[] {
    const labelColumns = this.#left - 6
    if (displayWidth(label) <= labelColumns) {
      const [first = '', ...rest] = this.#values(text, note, this.#left)
      return [`${start}${padded(label, labelColumns)}  ${first.trimStart()}`, ...rest]
    }
    const width = 4 + displayWidth(label) + 2 + displayWidth(text)
    if (width > this.#columns) return [start + label, ...this.#values(text, note, narrowLeft)]
    const fits = note !== '' && width + 2 + displayWidth(note) <= this.#columns
    const notes = note === '' || fits ? [] : this.#values('', note, narrowLeft)
    return [`${start}${label}  ${text}${fits ? `  ${this.#paint('dim', note)}` : ''}`, ...notes]
  }

  /** The text and then the note, indented: on one line if they fit. */
  #values(text: string, note: string, left: number): string[] {
    const columns = this.#columns - left
    const indented = (line: string) => ' '.repeat(left) + line
    const lines = text === '' && note !== '' ? [] : wrapped(text, columns)
    if (note === '') return lines.map(indented)
    const last = lines.at(-1)
    if (last !== undefined && displayWidth(last) + 2 + displayWidth(note) <= columns) {
      return [...lines.slice(0, -1), `${last}  ${this.#paint('dim', note)}`].map(indented)
    }
    return [...lines, ...wrapped(note, columns).map((line) => this.#paint('dim', line))].map(indented)
  }
}

function adviceLines(text: string, indent: number, columns: number, paint: Paint): string[] {
  const lines = wrapped(text, columns - indent - 2)
  return lines.map((line, index) => `${' '.repeat(indent)}${index === 0 ? paint('cyan', '→') : ' '} ${line}`)
}

function sign(status: Status, paint: Paint): string {
  const [colour, character] = signs[status]
  return paint(colour, character)
}
