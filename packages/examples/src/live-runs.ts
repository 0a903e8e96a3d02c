import type { Run } from './run.js'
import { columns, paint, spin, withLiveLines } from './screen.js'
import type { Timeline } from './timeline.js'

/** A run of one client, and the history of its tokens. */
export interface LiveRun {
  readonly name: string
  readonly run: Run
  readonly timeline: Timeline
}

/** Performs all runs at the same time, with a line for each. `onDone` is called after each request. */
export async function showRuns(runs: readonly LiveRun[], onDone?: () => void): Promise<void> {
  await withLiveLines(
    () => runs.map(line),
    () => Promise.all(runs.map(({ run }) => run.start(onDone))),
  )
}

/** Performs the runs without results: the first requests cost more than later ones. */
export async function warmUp(runs: readonly LiveRun[]): Promise<void> {
  await withLiveLines(
    () => (runs.every(({ run }) => run.isOver) ? [] : [`  ${spin()} warming up`]),
    () => Promise.all(runs.map(({ run }) => run.start())),
  )
}

function line({ name, run, timeline }: LiveRun): string {
  const failed = run.failures.length
  const state = !run.isOver ? spin() : failed === 0 ? paint('green', '✓') : paint('red', '✗')
  const tokens = timeline.count('renewed')
  const counts = [
    `${run.done.toLocaleString('en').padStart(6)} requests`,
    ...(tokens > 0 ? [`${String(tokens).padStart(2)} ${tokens === 1 ? 'token' : 'tokens'}`] : []),
    ...(failed > 0 ? [paint('red', `${failed} failed`)] : []),
  ]
  const bar = timeline.draw(Math.max(10, Math.min(60, columns() - 50)), run.progress)
  return `  ${name.padEnd(6)} ${state} ${bar} ${counts.join('  ')}`
}
