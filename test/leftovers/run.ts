// Nothing outlives a run: it has one folder for temporary files, and its processes are found by their environment.
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'
import { processesOf, runVariable } from './processes.js'

/** How long a process may take to end on a busy machine. */
const graceMs = 30_000

export default function setup({ tmpDir }: TestProject): () => Promise<void> {
  const run = mkdtempSync(join(tmpdir(), 'mca-auth-test-'))
  chmodSync(run, 0o711) // a process of another user may reach the files that a test has made for it
  clearAfter(run, tmpDir)
  process.env[runVariable] = run
  return async () => {
    const deadline = Date.now() + graceMs
    while (startedBy(run).length > 0 && Date.now() < deadline) await sleep(100)
    const processes = startedBy(run).map(({ pid, command, file }) => `process ${pid} of ${file}: ${command}`)
    const left = [...processes, ...readdirSync(run).map((name) => join(run, name))]
    if (left.length === 0) return
    console.error(`\nThe tests left behind:\n${left.map((one) => `  ${one}\n`).join('')}`)
    // An error thrown here would only be printed, and the run would pass.
    process.exitCode = 1
  }
}

/** The processes that the test files started. Vitest's own workers may still be about to end. */
function startedBy(run: string): { readonly pid: number; readonly command: string; readonly file: string }[] {
  return processesOf(run).filter(({ file }) => file !== '')
}

/**
 * Also removes vitest's own temporary folder, which stays if vitest is killed. The standard input of a shell ends with this
 * process, even if it is killed; the shell also survives a Ctrl-C.
 */
function clearAfter(run: string, ofVitest: string): void {
  const script = `trap '' HUP INT TERM; while read -r _; do :; done; exec "$@"`
  const clear = [process.execPath, join(import.meta.dirname, 'clear.js'), run, ofVitest]
  const shell = spawn('sh', ['-c', script, 'sh', ...clear], { stdio: ['pipe', 'ignore', 'ignore'] })
  shell.unref()
  ;(shell.stdin as unknown as { unref(): void }).unref()
}
