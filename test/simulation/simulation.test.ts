import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { schedules } from './schedule.ts'
import { simulate } from './simulate.ts'
import { simulateUsers } from './simulate-users.ts'
import { userSchedules } from './user-schedule.ts'

/** Takes about 10 s on a small machine. `npm run test:soak` runs as many as you like. */
const numRuns = Number(process.env.SCHEDULES ?? 600)

it(`${numRuns} random schedules break no invariant`, { timeout: 600_000 }, async () => {
  const details = await fc.check(fc.asyncProperty(schedules, simulate), { numRuns })
  // The report contains the seed and the path that reproduce a failure, as options of fc.check.
  expect(details.failed, `${details.errorInstance}\n${fc.defaultReportMessage(details)}`).toBe(false)
})

const userRuns = Math.ceil(numRuns / 3)

it(`${userRuns} random schedules of users who sign in and out break no invariant`, { timeout: 600_000 }, async () => {
  const details = await fc.check(fc.asyncProperty(userSchedules, simulateUsers), { numRuns: userRuns })
  expect(details.failed, `${details.errorInstance}\n${fc.defaultReportMessage(details)}`).toBe(false)
})
