import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterTest } from '../fleet/cleanup.ts'

/** The path of a directory that does not exist yet. It is removed after the test. */
export function temporaryDirectory(cleanup = afterTest): string {
  const folder = mkdtempSync(join(tmpdir(), 'mca-auth-file-cache-'))
  cleanup(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'cache')
}
