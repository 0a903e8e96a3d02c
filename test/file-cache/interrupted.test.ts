import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CacheCall } from '../fleet/observed-cache.js'
import { startProcess } from '../fleet/remote-process.ts'
import { startTokenEndpoints, type TokenEndpoint } from '../servers/token-endpoints.ts'
import { fullSize } from '../size.ts'
import { type Holder, type HolderArgument, simulateHolder, startHolder } from './holder.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** The results of other processes. */
interface Asked {
  readonly tokens: readonly string[]
  readonly failures: number
  readonly calls: readonly CacheCall[]
  /** One of them had a lease, and could not extend it in time on this busy machine. */
  readonly hasLapsed: boolean
}

/** One directory with a token endpoint, and other processes that use it. */
interface Run {
  readonly directory: string
  readonly endpoint: TokenEndpoint
  /** Ten callers in two other users of the cache. */
  ask(directory?: string): Promise<Asked>
  nextFence(key: string): Promise<number>
}

interface Scenario {
  /** Returns the calls of the cache that are part of the run. */
  readonly prepare?: (run: Run) => Promise<readonly CacheCall[]>
  readonly rejects?: boolean
}

const scenarios: Record<string, Scenario> = {
  'requests the first token': {},
  'replaces a rejected token': {
    prepare: async (run) => (await run.ask()).calls,
    rejects: true,
  },
  'takes over the lease of a dead process': {
    async prepare(run) {
      const { calls } = await run.ask(`${run.directory}-other`)
      await run.nextFence(keyOf(calls))
      return []
    },
  },
}

function keyOf(calls: readonly CacheCall[]): string {
  return calls[0]?.args[0] as string
}

/** The fences that were granted. None was granted to two holders. */
function fencesOf(calls: readonly CacheCall[]): readonly number[] {
  const holders = new Map<number, string>()
  for (const { method, args, result } of calls) {
    if (method !== 'lease' || result?.value === undefined) continue
    const holder = args[1] as string
    expect(holders.get(result.value) ?? holder, `fence ${result.value}`).toBe(holder)
    holders.set(result.value, holder)
  }
  return [...holders.keys()]
}

/** No torn text is read: every entry that was found is one that was stored, or was about to be. */
function expectWhole(calls: readonly CacheCall[]): void {
  const stored = new Set(calls.flatMap(({ method, args }) => (method === 'set' ? [args[1].value] : [])))
  const found = calls.flatMap(({ method, result }) => (method === 'get' && result?.value ? [result.value.value] : []))
  expect(found.filter((value) => !stored.has(value))).toEqual([])
}

/** Interrupts one process, and has others continue. */
async function interrupt(
  run: Run,
  { prepare, rejects = false }: Scenario,
  start: (argument: HolderArgument) => Holder,
  at: number,
  signal: HolderArgument['signal'],
): Promise<Holder> {
  const { endpoint, directory } = run
  const earlier = (await prepare?.(run)) ?? []
  const before = endpoint.issued.length
  const holder = start({ options: endpoint.options, directory, rejects, at, signal })
  const { history } = holder
  // The token request takes so long that the lease must be extended.
  const leased = () => history.cacheCalls.filter(({ method, result }) => method === 'lease' && result).length
  endpoint.held = Promise.race([history.until(() => leased() >= 2), holder.interrupted])
  const interrupted = await holder.interrupted

  const asked = await run.ask()
  expect(asked.failures).toBe(0)
  if (!asked.hasLapsed) expect(asked.tokens.length).toBe(1)
  const stopped = interrupted && signal === 'SIGSTOP'
  if (stopped) holder.continue()
  expect(await holder.ended).toBe(interrupted && !stopped ? 'SIGKILL' : 0)
  expect(history.errors).toEqual([])

  const last = await run.ask()
  expect(last.failures).toBe(0)
  // A process that was stopped does not replace the newer token of another one, unless it has a newer one itself.
  const rejected = rejects ? history.tokens[0] : undefined
  const newest = asked.tokens[0] === rejected ? history.tokens.at(-1) : asked.tokens[0]
  if (!asked.hasLapsed && !last.hasLapsed) {
    expect(last.tokens).toEqual([newest])
    // Its own token request, and at most one more.
    expect(endpoint.issued.length - before).toBeLessThanOrEqual(interrupted ? 2 : 1)
  }

  const calls = [...earlier, ...history.cacheCalls, ...asked.calls, ...last.calls]
  expectWhole(calls)
  const fences = fencesOf(calls)
  if (fences.length > 0) expect(await run.nextFence(keyOf(calls))).toBeGreaterThan(Math.max(...fences))
  holder.forget()
  return holder
}

const file = join(import.meta.dirname, 'others.js')

/** Which file-system calls a holder is interrupted after: the first one, and how many calls later the next one. */
interface Steps {
  readonly first: number
  readonly stride: number
}

/** Interrupts holders after these calls, until one ends without having made so many. */
async function atEachStep(
  { first, stride }: Steps,
  scenario: Scenario,
  start: (argument: HolderArgument) => Holder,
  signal: HolderArgument['signal'],
): Promise<Holder> {
  const folder = temporaryDirectory()
  const addEndpoint = await startTokenEndpoints()
  const others = await startProcess(file)
  let next = first
  let complete: Holder | undefined
  let failed = false
  const lane = async () => {
    while (complete === undefined && !failed) {
      const at = next
      next += stride
      const directory = join(folder, String(at))
      const endpoint = addEndpoint()
      const { options } = endpoint
      const run: Run = {
        directory,
        endpoint,
        ask: (where = directory) => others.order('ask', { directory: where, options }),
        nextFence: (key) => others.order('nextFence', { directory, key }),
      }
      const holder = await interrupt(run, scenario, start, at, signal).catch((error) => {
        failed = true
        throw error
      })
      if (!(await holder.interrupted)) complete = holder
    }
  }
  // All of them end before this fails, since they need the other process.
  const lanes = await Promise.allSettled(Array.from({ length: start === startHolder ? 4 : 16 }, lane))
  for (const one of lanes) if (one.status === 'rejected') throw one.reason
  rmSync(folder, { recursive: true })
  return complete as unknown as Holder
}

describe.each(Object.entries(scenarios))('a process that %s', (name, scenario) => {
  const signals = [
    ['killed', 'SIGKILL'],
    ['stopped until others have its lease', 'SIGSTOP'],
  ] as const
  const turn = Object.keys(scenarios).indexOf(name) * signals.length
  const timeout = 600_000

  it.each(signals)('may be %s after any of its file-system calls', { timeout }, async (_name, signal) => {
    // In small size, each of the six tests takes some calls, beginning with another one.
    const first = 1 + 3 * (turn + (signal === 'SIGSTOP' ? 1 : 0))
    const steps = fullSize ? { first: 1, stride: 1 } : { first, stride: 18 }
    const { history } = await atEachStep(steps, scenario, simulateHolder, signal)
    expect(history.fileCalls.length).toBeGreaterThan(30)
    // The others cannot be held up, so the holder was not interrupted after them.
    expect(history.fileCalls.filter(({ api }) => api !== 'promises')).toEqual([])
  })

  it.runIf(fullSize || turn === 0).each(signals)('may be %s, as a real process', { timeout }, async (_name, signal) => {
    // In small size, this only shows that the simulation resembles a process.
    const steps = fullSize ? { first: 1, stride: 1 } : { first: 30, stride: 60 }
    const { history } = await atEachStep(steps, scenario, startHolder, signal)
    expect(history.fileCalls.length).toBeGreaterThan(30)
  })
})
