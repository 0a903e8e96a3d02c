import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTokenEndpoints, type TokenEndpoint } from '../servers/token-endpoints.ts'
import { fullSize } from '../size.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { isShared, tokenOf, user } from './users.ts'
import { type FileCall, watchFiles } from './watched-files.js'

const codes = [
  'EACCES',
  'EBUSY',
  'EDQUOT',
  'EEXIST',
  'EFBIG',
  'EIO',
  'ELOOP',
  'EMFILE',
  'ENOENT',
  'ENOSPC',
  'ENOTDIR',
  'ENOTSUP',
  'EPERM',
  'EROFS',
  'ESTALE',
  'EXDEV',
]

/** One user requests a token that a resource rejects, and another token; a second user needs a token as well. */
async function cycle(directory: string, endpoint: TokenEndpoint): Promise<void> {
  const { provider, settled } = user(directory, endpoint)
  provider.invalidate(await provider.getToken())
  await settled()
  await provider.getToken()
  await settled()
  await tokenOf(directory, endpoint)
}

/** Several at a time, since they also wait for leases. */
async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: 16 }, lane))
}

describe('a file system on which a call fails', () => {
  it.each(['once', 'from then on'])('fails no caller, whichever call fails %s', { timeout: 600_000 }, async (mode) => {
    const folder = temporaryDirectory()
    mkdirSync(folder, { mode: 0o700 })
    const addEndpoint = await startTokenEndpoints()
    const calls: FileCall[] = []
    const stop = watchFiles(join(folder, 'healthy'), { before: (call) => calls.push(call) })
    await cycle(join(folder, 'healthy'), addEndpoint())
    stop()
    expect(calls.length).toBeGreaterThan(20)
    // Others could not be made to fail here.
    expect(calls.filter(({ api }) => api !== 'promises')).toEqual([])

    const steps = Array.from(calls.keys(), (index) => index + 1)
    // In small size, each error is that of a few calls.
    const faults = codes.flatMap((code, i) =>
      steps.filter((at) => fullSize || (at + 4 * i) % 64 === 0).map((at) => ({ code, at })),
    )
    let failed = 0
    await inLanes(faults, async ({ code, at }) => {
      const directory = join(folder, `${code}-${at}`)
      const endpoint = addEndpoint()
      let count = 0
      let open = 0
      const unwatch = watchFiles(directory, {
        before({ name, path }) {
          count++
          if (name !== 'close' && (count === at || (mode !== 'once' && count > at))) {
            throw Object.assign(new Error(`${code}: ${name} '${path}'`), { code })
          }
          if (name === 'open') open++
        },
        after({ name }) {
          if (name === 'close') open--
        },
        failed({ name }) {
          if (name === 'open') open--
        },
      })
      onTestFinished(unwatch)
      await cycle(directory, endpoint)
      const what = `${code} of call ${at}`
      if (count >= at) failed++
      expect(endpoint.issued.length, what).toBeLessThanOrEqual(3)
      // Work in the background may still have one open.
      await expect.poll(() => open, { message: `open files after ${what}` }).toBe(0)
      unwatch()
      expect(await isShared(directory, addEndpoint()), `after ${what}`).toBe(true)
    })
    // All but some of the last ones, since the number of calls varies.
    expect(failed).toBeGreaterThan(faults.length * 0.8)
  })
})

describe('a file system that does not respond', () => {
  it('fails no caller, whichever call is the first without a response, and is used again when it responds', async () => {
    const addEndpoint = await startTokenEndpoints()
    let stuck = 0
    // The calls of one cycle without a response, and in small size some of them.
    for (let at = 1; at === 1 || stuck > 0; at += fullSize ? 1 : 29) {
      const directory = temporaryDirectory()
      let count = 0
      stuck = 0
      let respond = () => {}
      const responding = new Promise<void>((resolve) => {
        respond = resolve
      })
      const unwatch = watchFiles(directory, {
        before() {
          if (++count < at) return
          stuck++
          return responding
        },
      })
      onTestFinished(unwatch)
      for (let i = 0; i < 3; i++) {
        const endpoint = addEndpoint()
        const impatient = { sharedCacheTimeoutMs: 20 }
        const started = performance.now()
        await user(directory, endpoint, impatient).provider.getToken()
        await user(directory, endpoint, impatient).provider.getToken()
        expect(performance.now() - started).toBeLessThan(25_000) // much less than `timeoutMs`
        expect(endpoint.issued.length).toBeLessThanOrEqual(2)
      }
      // Each call that does not respond occupies one of the four threads of Node.js, which also resolve host names.
      expect(stuck).toBeLessThanOrEqual(2)
      unwatch()
      respond()
      await expect.poll(() => isShared(directory, addEndpoint())).toBe(true)
    }
  })
})
