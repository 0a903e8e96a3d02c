import { paint } from './screen.js'

/** A column: its title in lines, and a cell for each row. */
export interface Column {
  readonly title: readonly string[]
  readonly cells: readonly (string | number)[]
}

/** Numbers to the right, titles at the bottom, the first column to the left. */
export function table(columns: readonly Column[]): string {
  const text = (cell: string | number) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)
  const height = Math.max(...columns.map(({ title }) => title.length))
  const lines = columns.map(({ title, cells }, i) => {
    const all = [...Array.from({ length: height - title.length }, () => ''), ...title, ...cells.map(text)]
    const width = Math.max(...all.map((line) => line.length))
    const padded = all.map((line) => (i === 0 ? line.padEnd(width) : line.padStart(width)))
    return [...padded.slice(0, height), '─'.repeat(width), ...padded.slice(height)]
  })
  const rows = (lines[0] ?? []).map((_, row) => lines.map((column) => column[row]).join('  '))
  return rows.map((row, i) => (i < height ? paint('bold', row) : i === height ? paint('dim', row) : row)).join('\n')
}
