import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { onTestFinished, vi } from 'vitest'
import type { CacheCall } from '../fleet/observed-cache.js'
import type { HoldArgument, HoldEvent, prepareHold } from './hold.js'
import { type FileCall, watchFiles } from './watched-files.js'

export interface HolderArgument extends HoldArgument {
  /** The file-system call after which it is interrupted. */
  readonly at: number
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

type HolderEvent = HoldEvent | { readonly file: FileCall } | { readonly interrupted: true }

/** Gets a token through the cache, and is interrupted on the way. */
export interface Holder {
  readonly history: History
  /** Whether it was interrupted; false if it ended without having made so many calls. */
  readonly interrupted: Promise<boolean>
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<unknown>
  continue(): void
  /** It is no longer watched. */
  forget(): void
}

/** The events of one holder so far. */
class History {
  readonly #events: HolderEvent[] = []
  readonly #listeners = new Set<() => void>()

  add(event: HolderEvent): void {
    this.#events.push(event)
    for (const listener of this.#listeners) listener()
  }

  /** Resolves when this is true. */
  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (isTrue()) resolve()
      }
      this.#listeners.add(check)
      check()
    })
  }

  get fileCalls(): readonly FileCall[] {
    return this.#events.flatMap((event) => ('file' in event ? [event.file] : []))
  }

  get cacheCalls(): readonly CacheCall[] {
    return this.#events.flatMap((event) => ('cache' in event ? [event.cache] : []))
  }

  get tokens(): readonly string[] {
    return this.#events.flatMap((event) => ('token' in event ? [event.token] : []))
  }

  get errors(): readonly string[] {
    return this.#events.flatMap((event) => ('error' in event ? [event.error] : []))
  }

  get isInterrupted(): boolean {
    return this.#events.some((event) => 'interrupted' in event)
  }
}

/** A process, which ends with the test. */
export function startHolder(argument: HolderArgument): Holder {
  const history = new History()
  const child = fork(join(import.meta.dirname, 'holder.js'), [JSON.stringify(argument)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  createInterface(child.stdout as Readable).on('line', (line) => history.add(JSON.parse(line)))
  // Unlike `exit`, this comes after the last of its output.
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const interrupted = Promise.race([
    history.until(() => history.isInterrupted).then(() => true),
    ended.then(() => history.isInterrupted),
  ])
  // It reports this before it stops, which may be much later on a busy machine.
  const resume = () => {
    const again = setInterval(() => child.kill('SIGCONT'), 100)
    void ended.finally(() => clearInterval(again))
  }
  return { history, interrupted, ended, continue: resume, forget() {} }
}

/**
 * The same in this process, and a hundred times cheaper: from this call on, none of its file-system calls begins, as if it
 * had been killed or stopped.
 */
export function simulateHolder(argument: HolderArgument): Holder {
  const { at, signal, directory } = argument
  const history = new History()
  let resume = () => {}
  const resumed = new Promise<void>((resolve) => {
    resume = resolve
  })
  let count = 0
  const pause = () => (count < at ? undefined : resumed)
  const watch = () =>
    watchFiles(directory, {
      before: pause,
      after(file) {
        history.add({ file })
        if (++count === at) history.add({ interrupted: true })
        return pause()
      },
    })
  let unwatch = () => {}
  const finished = ownCopy(argument, (event) => history.add(event)).then((hold) => {
    unwatch = watch()
    return hold()
  })
  const killed = history.until(() => history.isInterrupted && signal === 'SIGKILL')
  return {
    history,
    interrupted: Promise.race([
      history.until(() => history.isInterrupted).then(() => true),
      finished.then(() => history.isInterrupted),
    ]),
    ended: Promise.race([killed.then(() => signal), finished.then(() => 0)]),
    continue: resume,
    forget: () => unwatch(),
  }
}

let copying: Promise<unknown> = Promise.resolve()

/** With its own copy of the packages, because a call that never ends would hold up the next holder. One after the other. */
function ownCopy(...args: Parameters<typeof prepareHold>): ReturnType<typeof prepareHold> {
  const copy = copying.then(async () => {
    vi.resetModules()
    const { prepareHold } = await import('./hold.js')
    return prepareHold(...args)
  })
  copying = copy
  return copy
}
