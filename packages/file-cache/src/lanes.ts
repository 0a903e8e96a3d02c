/**
 * Two, because a file system that hangs blocks one thread of libuv for each operation, and there are four by default. With
 * the others, the process can still look up host names, and so request a token.
 */
const laneCount = 2
/** Work that takes longer than this is stuck. */
const stuckMs = 2_000

interface Lane {
  /** Settles with the last work, and never rejects. */
  last: Promise<unknown>
  /** When the current work was started, on the clock of `performance.now()`. */
  startedAt: number | undefined
}

const lanes: readonly Lane[] = Array.from({ length: laneCount }, () => ({
  last: Promise.resolve(),
  startedAt: undefined,
}))

/**
 * Runs `work` after all work of the same lane, so that what a process does with one key is done in that order: a lease is
 * extended before it is released, not the other way round.
 *
 * @throws Error at once, without running it, if the lane is stuck.
 */
export function inLane<T>(key: string, work: () => Promise<T>): Promise<T> {
  const lane = lanes[numberOf(key) % laneCount] as Lane
  if (!isStuck(lane)) return add(lane, work)
  return nextTurn().then(() => {
    if (isStuck(lane)) throw new Error('the file system of the token cache does not respond')
    return add(lane, work)
  })
}

function add<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
  const result = lane.last.then(async () => {
    lane.startedAt = performance.now()
    try {
      return await work()
    } finally {
      lane.startedAt = undefined
    }
  })
  lane.last = result.catch(() => {})
  return result
}

function isStuck({ startedAt }: Lane): boolean {
  return startedAt !== undefined && performance.now() - startedAt > stuckMs
}

/** If it was the event loop of this process that was blocked, results of the file system are waiting to be read. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function numberOf(key: string): number {
  let sum = 0
  for (let i = 0; i < Math.min(key.length, 64); i++) sum += key.charCodeAt(i)
  return sum
}
