import { afterAll, onTestFinished } from 'vitest'

/** Registers work for later, as `onTestFinished` does. */
export type Cleanup = (work: () => unknown) => void

/** Runs the work after all tests of this `describe`, the last one first. */
export function afterAllTests(): Cleanup {
  const works: (() => unknown)[] = []
  afterAll(async () => {
    for (const work of works.reverse()) await work()
  })
  return (work) => works.push(work)
}

export const afterTest: Cleanup = (work) => onTestFinished(async () => void (await work()))
