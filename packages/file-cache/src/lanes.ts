/**
 * Two, because a file system that hangs blocks one thread of libuv for each operation, and there are four by default. With
 * the others, the process can still look up host names, and so request a token.
 */
const laneCount = 2
const tickMs = 500
/** Slower work counts as stuck. In ticks of a timer, not in time, because an event loop that was blocked has a single tick. */
const maxTicks = 4

interface Lane {
  /** Settles with the last work, and never rejects. */
  last: Promise<unknown>
  /** The current work, and the ticks since it was started. */
  current: { ticks: number } | undefined
}

const lanes: readonly Lane[] = Array.from({ length: laneCount }, () => ({
  last: Promise.resolve(),
  current: undefined,
}))

/**
 * Runs `work` after all work of the same lane, so that what a process does with one key is done in that order: a lease is
 * extended before it is released, not the other way round.
 *
 * @throws Error at once, without running it, if the lane is stuck.
 */
export async function inLane<T>(key: string, work: () => Promise<T>): Promise<T> {
  const lane = laneOf(key)
  if ((lane.current?.ticks ?? 0) >= maxTicks) throw new Error('the file system of the token cache does not respond')
  return enqueue(lane, work)
}

/** As {@link inLane}, but waits for a lane that is stuck: for work that must be done, and that no caller waits for. */
export function inLaneAtLast<T>(key: string, work: () => Promise<T>): Promise<T> {
  return enqueue(laneOf(key), work)
}

function enqueue<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
  const result = lane.last.then(() => counting(lane, work))
  lane.last = result.catch(() => {})
  return result
}

async function counting<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
  const current = { ticks: 0 }
  lane.current = current
  const ticking = setInterval(() => current.ticks++, tickMs).unref()
  try {
    return await work()
  } finally {
    clearInterval(ticking)
    lane.current = undefined
  }
}

function laneOf(key: string): Lane {
  return lanes[numberOf(key) % laneCount] as Lane
}

function numberOf(key: string): number {
  let sum = 0
  for (let i = 0; i < Math.min(key.length, 64); i++) sum += key.charCodeAt(i)
  return sum
}
