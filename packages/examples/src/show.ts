import type { Run } from './run.js'

/** Runs them all at once, with a line that follows along. */
export async function showProgress(title: string, runs: readonly Run[], halfWay: () => void = () => {}): Promise<void> {
  const total = runs.reduce((sum, run) => sum + run.total, 0)
  let done = 0
  let shown = 0
  const show = () => {
    const percent = Math.floor((done / total) * 100)
    if (percent === shown || (!process.stdout.isTTY && percent % 25 !== 0)) return
    shown = percent
    const line = `${title.padEnd(12)} ${'█'.repeat(percent / 5).padEnd(20, '░')} ${percent} %`
    process.stdout.write(process.stdout.isTTY ? `\r${line}` : `${line}\n`)
  }
  await Promise.all(
    runs.map((run) =>
      run.start(() => {
        done++
        if (done === Math.floor(total / 2)) halfWay()
        show()
      }),
    ),
  )
  if (process.stdout.isTTY) process.stdout.write('\n')
}

export function showTable(rows: readonly Readonly<Record<string, string | number>>[]): void {
  const names = Object.keys(rows[0] ?? {})
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => String(row[name]).length)))
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i] ?? 0) : String(cell).padStart(widths[i] ?? 0)))
      .join('  ')
  console.log(`\n${line(names)}\n${line(widths.map((width) => '─'.repeat(width)))}`)
  for (const row of rows) console.log(line(names.map((name) => row[name] ?? '')))
  console.log()
}
