import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { McaAuthOptions } from '@mca-auth/core'
import type { CacheKind } from './cache-kinds.js'
import { afterTest, type Cleanup } from './cleanup.ts'
import { RemoteProcess, started } from './remote-process.ts'

export interface Asked {
  readonly tokens: string[]
  readonly failures: number
  /** The remaining lifetime of the token, as this process sees it. */
  readonly lifeMs: number
  /** Until the last of these callers had its token. */
  readonly slowestMs: number
}

interface Failure {
  /** The status, or the error. */
  readonly result: string
  readonly tookMs: number
}

export interface Loaded {
  readonly requests: number
  readonly failures: Failure[]
  readonly slowestMs: number
}

/** A separate process with a provider on a shared cache. */
export class Worker extends RemoteProcess {
  ask(argument: { callers?: number; scope?: string } = {}): Promise<Asked> {
    return this.order('ask', argument)
  }

  /** The calls of the shared cache so far: each counts when it begins, and when it ends. */
  cacheCalls(): Promise<number> {
    return this.order('cacheCalls')
  }

  /** Sends requests one after another on each of four connections: this many in all, or until `stop()`. */
  load(argument: { url: string; requests?: number }): Promise<Loaded> {
    return this.order('load', argument)
  }

  /** Moves the clock of this process. */
  shiftClock(byMs: number): Promise<void> {
    return this.order('shiftClock', { byMs })
  }

  stop(): Promise<void> {
    return this.order('stop')
  }
}

interface FleetOptions {
  /** How far the clock of each process is ahead. */
  readonly skewsMs?: readonly number[]
  readonly cleanup?: Cleanup
}

/** Starts this many processes, all ready to send requests. They end with the test, even if it fails or times out. */
export function startFleet(
  size: number,
  cache: CacheKind,
  options: McaAuthOptions,
  { skewsMs = [], cleanup = afterTest }: FleetOptions = {},
): Promise<readonly Worker[]> {
  const workers = Array.from({ length: size }, (_, i) => {
    const argument = JSON.stringify({ options, cache, skewMs: skewsMs[i] ?? 0 })
    return started(new Worker(fork(join(import.meta.dirname, 'worker.js'), [argument])), cleanup)
  })
  return Promise.all(workers)
}
