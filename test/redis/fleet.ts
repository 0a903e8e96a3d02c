import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { McaAuthOptions } from '@mca-auth/core'

export interface Asked {
  readonly tokens: string[]
  readonly failures: number
  readonly ms: number
  /** How much longer the token lives, as this process sees it. */
  readonly lifeMs: number
}

export interface Loaded {
  readonly requests: number
  readonly failures: number
}

/** A process of its own with a provider on a shared Redis. */
export class Worker {
  readonly #process: ChildProcess

  constructor(child: ChildProcess) {
    this.#process = child
  }

  ask(argument: { callers?: number; scope?: string } = {}): Promise<Asked> {
    return this.#order('ask', argument)
  }

  load(argument: { url: string; rate: number; seconds: number }): Promise<Loaded> {
    return this.#order('load', argument)
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  async #order<T>(order: string, argument: object): Promise<T> {
    this.#process.send({ order, argument })
    const [answer] = await once(this.#process, 'message')
    return answer
  }
}

/** As many processes, all connected; ended with the fleet. */
export async function startFleet(
  size: number,
  redisUrl: string,
  options: McaAuthOptions,
  skewsMs: readonly number[] = [],
): Promise<{ readonly workers: readonly Worker[]; [Symbol.asyncDispose](): Promise<void> }> {
  const children = Array.from({ length: size }, (_, i) => {
    const argument = JSON.stringify({ options, redisUrl, skewMs: skewsMs[i] ?? 0 })
    return fork(join(import.meta.dirname, 'worker.js'), [argument])
  })
  await Promise.all(children.map((child) => once(child, 'message')))
  return {
    workers: children.map((child) => new Worker(child)),
    [Symbol.asyncDispose]: async () => {
      const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      for (const child of running) child.disconnect()
      await Promise.all(running.map((child) => once(child, 'exit')))
    },
  }
}
