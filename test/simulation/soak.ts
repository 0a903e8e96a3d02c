// npm run test:soak -- --schedules 1000000 [--seed 1]
// Runs random schedules, in batches that each have their own seed, and counts which invariants they break.
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import * as fc from 'fast-check'
import { schedules } from './schedule.ts'
import { BrokenInvariant, invariants, simulate } from './simulate.ts'
import { simulateUsers } from './simulate-users.ts'
import { userSchedules } from './user-schedule.ts'

const batch = 1_000

/** The result of a batch of schedules. */
interface Report {
  readonly ran: number
  readonly broken?: { readonly invariant: number; readonly message: string; readonly reproduction: string }
}

if (process.send === undefined) await supervise()
else await work(Number(process.argv[2]), Number(process.argv[3]), Number(process.argv[4]))

async function supervise(): Promise<void> {
  const { values } = parseArgs({ options: { schedules: { type: 'string' }, seed: { type: 'string' } } })
  const total = Number(values.schedules ?? 100_000)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 30))
  if (!(total >= 1) || !Number.isSafeInteger(seed)) throw new TypeError('--schedules and --seed must be numbers')
  console.log(`seed ${seed}: ${total} schedules in batches of ${batch}`)

  const broken = invariants.map(() => 0)
  const started = Date.now()
  let ran = 0
  let shown = 0
  const workers = Math.max(1, Math.min(availableParallelism(), Math.ceil(total / batch)))
  const share = Math.ceil(total / workers)
  await Promise.all(
    Array.from({ length: workers }, async (_, i) => {
      const child = fork(new URL(import.meta.url), [String(share), String(seed + i), String(workers)])
      child.on('message', (report: Report) => {
        ran += report.ran
        if (report.broken) {
          const at = report.broken.invariant - 1
          broken[at] = (broken[at] ?? 0) + 1
          console.log(`BROKEN: ${report.broken.message}\n  ${report.broken.reproduction}`)
        }
        if (Date.now() - shown < 10_000) return
        shown = Date.now()
        console.log(`${ran} schedules, ${Math.round(ran / ((shown - started) / 1000))} a second`)
      })
      const code = await new Promise((resolve) => child.on('exit', resolve))
      if (code !== 0) throw new Error(`a worker ended with ${code}`)
    }),
  )
  console.log(`\nran ${ran} schedules in ${Math.round((Date.now() - started) / 1000)} s; broken, by invariant:`)
  for (const [i, name] of invariants.entries()) console.log(`  ${broken[i]}  ${i + 1}. ${name}`)
  process.exitCode = broken.some((count) => count > 0) ? 1 : 0
}

async function work(share: number, firstSeed: number, stride: number): Promise<void> {
  process.on('disconnect', () => process.exit())
  for (let done = 0, seed = firstSeed; done < share; done += batch, seed += stride) {
    const numRuns = Math.min(batch, share - done)
    await send(await fc.check(fc.asyncProperty(schedules, simulate), { seed, numRuns }))
    // Plus some schedules of users who sign in and out.
    const userRuns = Math.ceil(numRuns / 4)
    await send(await fc.check(fc.asyncProperty(userSchedules, simulateUsers), { seed, numRuns: userRuns }))
  }
  process.disconnect()
}

async function send<Schedule>(details: fc.RunDetails<[Schedule]>): Promise<void> {
  const error = details.errorInstance
  if (details.failed && !(error instanceof BrokenInvariant)) throw error
  const report: Report = {
    ran: details.numRuns,
    ...(error instanceof BrokenInvariant && {
      broken: {
        invariant: error.number,
        message: error.message,
        reproduction: `{ seed: ${details.seed}, path: '${details.counterexamplePath}' } ${fc.stringify(details.counterexample)}`,
      },
    }),
  }
  await new Promise((resolve) => process.send?.(report, resolve))
}
