// Kills the processes that a run has left and removes its folder, however the run ended: `run.ts` starts it.
import { rmSync } from 'node:fs'
import { processesOf } from './processes.js'

const run = process.argv[2] ?? ''
for (const { pid } of processesOf(run)) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The process has already ended.
  }
}
rmSync(run, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
