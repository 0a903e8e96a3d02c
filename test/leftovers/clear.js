// Kills what a run has left, and removes its folder, when the run has ended in whatever way: `run.ts` starts it.
import { rmSync } from 'node:fs'
import { processesOf } from './processes.js'

const run = process.argv[2] ?? ''
for (const { pid } of processesOf(run)) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
rmSync(run, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
