// In the worker of each test file: what it starts is marked, and it ends with the run and with nothing left open.
import { tmpdir } from 'node:os'
import { relative } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, expect } from 'vitest'
import { fileVariable, runVariable } from './processes.js'

process.env[fileVariable] = relative(`${import.meta.dirname}/..`, expect.getState().testPath ?? '')
// Where `mkdtemp` and the like put their files.
process.env.TMPDIR = process.env[runVariable] ?? tmpdir()

// A run that was killed takes its workers with it; those end what they started. `process.exit` is not ours to call here.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))

afterAll(async () => {
  const started = performance.now()
  while (open().length > 0 && performance.now() - started < 10_000) await turn()
  expect(open(), 'servers and child processes that are left when all tests of this file have ended').toEqual([])
})

function open(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap' || name === 'ProcessWrap')
}
