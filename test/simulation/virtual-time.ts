import { type Clock, install } from '@sinonjs/fake-timers'

const turn = setImmediate
const realRandom = Math.random

/** Time and chance under control: timers, `Date` and `performance` stand still until {@link VirtualTime.pass}. */
export class VirtualTime {
  readonly #clock: Clock

  constructor(seed: number) {
    this.#clock = install({ now: 1_700_000_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
    Math.random = mulberry32(seed)
  }

  /** Runs everything that is due within `ms`, in order. */
  async pass(ms: number): Promise<void> {
    let over = false
    setTimeout(() => {
      over = true
    }, ms)
    await settled()
    while (!over) {
      this.#clock.next()
      await settled()
    }
  }

  /** Moves the wall clock alone: timers and `performance` do not notice. */
  jump(ms: number): void {
    this.#clock.setSystemTime(Date.now() + ms)
  }

  get timers(): number {
    return this.#clock.countTimers()
  }

  [Symbol.dispose](): void {
    Math.random = realRandom
    this.#clock.uninstall()
  }
}

/** Promises that can settle without time passing have settled after one turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => turn(resolve))
}

/** A small generator of random numbers that a seed determines. */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
