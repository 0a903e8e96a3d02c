// Kills the processes that a run has left and removes its folders, however the run ended: `run.ts` starts it.
import { rmSync } from 'node:fs'
import { processesOf } from './processes.js'

const [run = '', ofVitest = ''] = process.argv.slice(2)
for (const { pid } of processesOf(run)) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The process has already ended.
  }
}
for (const folder of [run, ofVitest]) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
