import { constants, promises as fs } from 'node:fs'
import { dirname } from 'node:path'
import type { McaAuthOptions } from '@mca-auth/core'
import { fileTokenCache } from '@mca-auth/file-cache'
import { resultOrProblem } from './problem.js'
import type { Report } from './report.js'
import { inTime, type PrivateKey, reasonOf, tokenStore } from './token-store.js'

/** Shows where `mca-auth token` stores tokens, and how many, but not which. */
export async function showStore(report: Report, options: McaAuthOptions, key: PrivateKey | undefined): Promise<void> {
  report.heading('Stored tokens')
  const cache = fileTokenCache()
  if (cache.directory !== undefined) report.line('plain', 'directory', cache.directory)
  try {
    const entries = await inTime(cache.list(), 10_000)
    const tokens = entries.flatMap(({ expiresInMs }) => (expiresInMs === undefined ? [] : [expiresInMs]))
    const first = tokens.length === 0 ? '' : `; the first expires in ${durationOf(Math.min(...tokens))}`
    report.line('plain', 'tokens', `${tokens.length}${first}`)
    const [problem, ...more] = entries.flatMap((entry) => (entry.problem === undefined ? [] : [entry.problem]))
    if (problem !== undefined) throw new Error(more.length === 0 ? problem : `${problem} (and ${more.length} more)`)
    if (cache.directory !== undefined) await inTime(checkWritable(cache.directory))
  } catch (error) {
    // Without a home directory, as in many containers, nothing is wrong: tokens are just not stored.
    report.line(cache.directory === undefined ? 'plain' : 'warning', 'not used', reasonOf((error as Error).message))
  }
  const store = resultOrProblem(() => tokenStore(options, key, false))
  if (store === undefined) {
    report.line('plain', 'this one', 'is not stored: there is no static secret or key to encrypt it with')
  }
}

/** @throws Error if the directory cannot be written, or created if it does not exist. */
async function checkWritable(directory: string): Promise<void> {
  try {
    await fs.access(directory, constants.W_OK | constants.X_OK)
  } catch (error) {
    const parent = dirname(directory)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === directory) throw error
    await checkWritable(parent)
  }
}

function durationOf(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.floor(ms / 60_000)} min`
}
