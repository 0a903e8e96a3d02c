import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterTest, type Cleanup } from './cleanup.ts'

/** A child process that executes commands, as `execute()` of `orders.js` does. */
export class RemoteProcess {
  readonly #process: ChildProcess
  readonly #replies = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  #orders = 0
  #ended = false

  constructor(child: ChildProcess) {
    this.#process = child
    child.setMaxListeners(0)
    child.on('message', ({ id, result }: { id: number; result: unknown }) => this.#replies.get(id)?.resolve(result))
    child.once('exit', (code, signal) => {
      this.#ended = true
      for (const { reject } of this.#replies.values()) reject(new Error(`the process ended: ${code ?? signal}`))
    })
  }

  get pid(): number {
    return this.#process.pid as number
  }

  async ready(): Promise<this> {
    await this.#reply(0)
    return this
  }

  /** Rejects if the process ends before it replies. */
  order<T>(order: string, argument: object = {}): Promise<T> {
    const id = ++this.#orders
    this.#process.send({ id, order, argument })
    return this.#reply(id) as Promise<T>
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  async end(): Promise<void> {
    if (this.#ended) return
    this.kill()
    await once(this.#process, 'exit')
  }

  #reply(id: number): Promise<unknown> {
    if (this.#ended) return Promise.reject(new Error('the process has ended'))
    return new Promise((resolve, reject) => this.#replies.set(id, { resolve, reject })).finally(() =>
      this.#replies.delete(id),
    )
  }
}

/** Starts a process, which ends at the latest when the test ends. It runs another command if `prefix` is one. */
export function startProcess(file: string, prefix: readonly string[] = []): Promise<RemoteProcess> {
  const [command, ...args] = [...prefix, process.execPath, file]
  const child = spawn(command as string, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return started(new RemoteProcess(child), afterTest)
}

export async function started<P extends RemoteProcess>(process: P, cleanup: Cleanup): Promise<P> {
  cleanup(() => process.end())
  return process.ready()
}
