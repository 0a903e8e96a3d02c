// In the worker of each test file: marks the processes that it starts, and fails if it leaves anything open.
import { tmpdir } from 'node:os'
import { relative } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, expect } from 'vitest'
import { fileVariable, runVariable } from './processes.js'

process.env[fileVariable] = relative(`${import.meta.dirname}/..`, expect.getState().testPath ?? '')
// The directory that `mkdtemp` and the like use.
process.env.TMPDIR = process.env[runVariable] ?? tmpdir()

// If the run is killed, its workers end too, and end what they started. This is vitest's worker: no `process.exit` here.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))

afterAll(async () => {
  const started = performance.now()
  while (open().length > 0 && performance.now() - started < 10_000) await turn()
  expect(open(), 'servers and child processes that were still open after the last test of this file').toEqual([])
})

function open(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap' || name === 'ProcessWrap')
}
