// Several processes on one key, in one process of the test: each call of the file system waits until the schedule lets it run.
import { AsyncLocalStorage } from 'node:async_hooks'
import { promises as fs, readdirSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { changeState, keyDirectory, readState } from '../../packages/file-cache/src/key-register.ts'
import {
  type Change,
  leased,
  released,
  stored,
  tokenIn,
  withoutToken,
} from '../../packages/file-cache/src/key-state.ts'
import { sweep } from '../../packages/file-cache/src/sweep.ts'
import { fullSize } from '../size.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const gated = ['lstat', 'mkdir', 'readdir', 'open', 'link', 'unlink', 'rmdir'] as const
type Call = (typeof gated)[number]

/** Decides which actor's call of the file system comes next. */
class Schedule {
  readonly #actor = new AsyncLocalStorage<string>()
  readonly #waiting = new Map<string, { readonly call: Call; readonly run: () => void }>()
  readonly #next: (waiting: ReadonlyMap<string, { readonly call: Call }>) => string
  #running = 0

  constructor(next: (waiting: ReadonlyMap<string, { readonly call: Call }>) => string) {
    this.#next = next
    for (const call of gated) {
      const original = fs[call] as (...args: unknown[]) => Promise<unknown>
      const gate = async (...args: unknown[]) => {
        const actor = this.#actor.getStore()
        if (actor !== undefined) await this.#turn(actor, call)
        return original.apply(fs, args)
      }
      vi.spyOn(fs, call).mockImplementation(gate as never)
    }
  }

  async run(actors: Readonly<Record<string, () => Promise<void>>>): Promise<void> {
    this.#running = Object.keys(actors).length
    const runs = Object.entries(actors).map(([name, work]) =>
      this.#actor.run(name, async () => {
        try {
          await work()
        } finally {
          this.#running--
          this.#step()
        }
      }),
    )
    await Promise.all(runs)
  }

  #turn(actor: string, call: Call): Promise<void> {
    return new Promise((run) => {
      this.#waiting.set(actor, { call, run })
      this.#step()
    })
  }

  /** Runs one call when every actor waits for its turn. */
  #step(): void {
    if (this.#running === 0 || this.#waiting.size < this.#running) return
    const actor = this.#next(this.#waiting)
    const turn = this.#waiting.get(actor)
    this.#waiting.delete(actor)
    turn?.run()
  }
}

/** Repeatable random numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('processes that use one key at once', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  it('agree on who has the lease and which token is stored, in whatever order their calls are executed', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    let takeovers = 0
    for (let seed = 0; seed < (fullSize ? 300 : 15); seed++) {
      const directory = temporaryDirectory()
      const path = keyDirectory(directory, 'key')
      const random = randomFrom(seed)
      let last = ''
      const schedule = new Schedule((waiting) => {
        if (random() < 0.02) vi.setSystemTime(Date.now() + 600)
        // Mostly the same actor continues, so that the others are stopped for long.
        if (!waiting.has(last) || random() < 0.15)
          last = [...waiting.keys()][Math.floor(random() * waiting.size)] as string
        return last
      })
      const change = (of: Change) => changeState(directory, path, of)
      /** In the order in which they happened, so that a later one began after all earlier ones had ended. */
      const granted: { readonly holder: string; readonly fence: number }[] = []
      const deleted = new Set<string>()
      let seen = 0

      const worker = (holder: string) => async () => {
        for (let round = 0; round < 3; round++) {
          const before = granted.at(-1)?.fence ?? 0
          const fence = (await change(leased(holder, 1_000)))?.fence
          if (fence === undefined) continue
          expect(fence, 'a fence went back').toBeGreaterThanOrEqual(before)
          expect(
            granted.filter((one) => one.fence === fence && one.holder !== holder),
            'two holders of one fence',
          ).toEqual([])
          granted.push({ holder, fence })
          const newest = Math.max(...granted.map((one) => one.fence))
          if (random() < 0.3) await change(leased(holder, 1_000))
          const digest = `${holder}-${fence}`
          const wasStored = await change(stored({ value: String(fence), digest, expiresInMs: 3_600_000 }, fence))
          if (fence < newest) expect(wasStored, 'stored after a newer lease was granted').toBe(undefined)
          if (random() < 0.3) {
            await change(withoutToken(digest))
            deleted.add(digest)
          }
          await change(released(holder))
        }
      }
      const reader = async () => {
        for (let round = 0; round < 12; round++) {
          const gone = new Set(deleted)
          const least = seen
          const found = tokenIn((await readState(directory, path)).state, Date.now())
          if (found === undefined) continue
          expect(Number(found.value), 'an older token came back').toBeGreaterThanOrEqual(least)
          expect(gone, 'a deleted token came back').not.toContain(found.digest)
          seen = Math.max(seen, Number(found.value))
          if (random() > 0.5) continue
          await change(withoutToken(found.digest))
          deleted.add(found.digest)
        }
      }
      const sweeper = async () => {
        for (let round = 0; round < 3; round++) await sweep(directory)
      }
      await schedule.run({ a: worker('a'), b: worker('b'), c: worker('c'), reader, sweeper })
      vi.restoreAllMocks()
      takeovers += granted.filter(({ holder }, i) => i > 0 && granted[i - 1]?.holder !== holder).length
      const left = readdirSync(path).filter((name) => !/^\d+$/.test(name))
      expect(left, 'temporary files').toEqual([])
    }
    expect(takeovers).toBeGreaterThan(3)
  })

  it('do not both hold the lease if one was stopped while the other made several changes', async () => {
    const directory = temporaryDirectory()
    const path = keyDirectory(directory, 'key')
    await changeState(directory, path, leased('first', 60_000))
    await changeState(directory, path, released('first'))
    // The lease is free. `slow` is stopped right before its link, until `quick` has written three versions.
    const schedule = new Schedule((waiting) => {
      if (waiting.get('slow')?.call === 'link' && waiting.has('quick')) return 'quick'
      return waiting.has('slow') ? 'slow' : 'quick'
    })
    let slow: unknown = 'pending'
    let quick: number | undefined
    await schedule.run({
      slow: async () => {
        slow = await changeState(directory, path, leased('slow', 60_000))
      },
      quick: async () => {
        quick = (await changeState(directory, path, leased('quick', 60_000)))?.fence
        await changeState(directory, path, stored({ value: 'v', digest: 'd', expiresInMs: 60_000 }, quick as number))
        await changeState(directory, path, leased('quick', 60_000))
      },
    })
    expect(quick).toBeTypeOf('number')
    expect(slow).toBe(undefined)
    expect((await readState(directory, path)).state).toMatchObject({ fence: quick, lease: { holder: 'quick' } })
    expect(readdirSync(path)).toHaveLength(1)
  })

  it('do not repeat a change on which another one was already based: a deleted token would come back', async () => {
    const directory = temporaryDirectory()
    const path = keyDirectory(directory, 'key')
    const fence = (await changeState(directory, path, leased('slow', 60_000)))?.fence as number
    // `slow` is stopped right after its link, until `quick` has deleted the token that it stored.
    let isLinked = false
    const schedule = new Schedule((waiting) => {
      if (isLinked && waiting.has('quick')) return 'quick'
      if (waiting.get('slow')?.call === 'link') isLinked = true
      return waiting.has('slow') ? 'slow' : 'quick'
    })
    let stores: unknown
    await schedule.run({
      slow: async () => {
        stores = await changeState(directory, path, stored({ value: 'v', digest: 'd', expiresInMs: 60_000 }, fence))
      },
      quick: async () => {
        expect(await changeState(directory, path, withoutToken('d'))).toBeDefined()
      },
    })
    expect(stores).toMatchObject({ fence, token: { value: 'v' } })
    const { state } = await readState(directory, path)
    expect([state.fence, state.token]).toEqual([fence, undefined])
  })
})
