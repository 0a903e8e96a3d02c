import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { McaAuthOptions } from '@mca-auth/core'
import { onTestFinished } from 'vitest'

export interface Asked {
  readonly tokens: string[]
  readonly failures: number
  /** The remaining lifetime of the token, as this process sees it. */
  readonly lifeMs: number
}

export interface Loaded {
  readonly requests: number
  /** The status or the error of each failed request. */
  readonly failures: string[]
  readonly slowestMs: number
}

/** A separate process with a provider on a shared Redis. */
export class Worker {
  readonly #process: ChildProcess
  /** Aborted when the process has ended and can no longer reply. */
  readonly #ended = new AbortController()

  constructor(child: ChildProcess) {
    this.#process = child
    child.once('exit', () => this.#ended.abort())
  }

  async ready(): Promise<this> {
    await this.#answer()
    return this
  }

  ask(argument: { callers?: number; scope?: string } = {}): Promise<Asked> {
    return this.#order('ask', argument)
  }

  /** Sends requests one after another on each of four connections: this many in all, or until `stop()`. */
  load(argument: { url: string; requests?: number }): Promise<Loaded> {
    return this.#order('load', argument)
  }

  stop(): void {
    this.#process.send({ order: 'stop' })
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  async end(): Promise<void> {
    if (this.#ended.signal.aborted) return
    this.kill()
    await once(this.#process, 'exit')
  }

  async #order<T>(order: string, argument: object): Promise<T> {
    this.#process.send({ order, argument })
    return (await this.#answer()) as T
  }

  async #answer(): Promise<unknown> {
    const [answer] = await once(this.#process, 'message', { signal: this.#ended.signal })
    return answer
  }
}

/** Starts this many processes, all connected. They end with the test, even if it fails or times out. */
export async function startFleet(
  size: number,
  redisUrl: string,
  options: McaAuthOptions,
  skewsMs: readonly number[] = [],
): Promise<readonly Worker[]> {
  const workers = Array.from({ length: size }, (_, i) => {
    const argument = JSON.stringify({ options, redisUrl, skewMs: skewsMs[i] ?? 0 })
    return new Worker(fork(join(import.meta.dirname, 'worker.js'), [argument]))
  })
  onTestFinished(async () => {
    await Promise.all(workers.map((worker) => worker.end()))
  })
  return Promise.all(workers.map((worker) => worker.ready()))
}
