/**
 * Two, because a file system that hangs blocks one thread of libuv for each operation, and there are four by default. With
 * the others, the process can still look up host names, and so request a token.
 */
const laneCount = 2
const maxWaiting = 1_000

interface Lane {
  last: Promise<unknown>
  waiting: number
}

const lanes: readonly Lane[] = Array.from({ length: laneCount }, () => ({ last: Promise.resolve(), waiting: 0 }))

/**
 * Runs `work` after all work of the same lane, so that what a process does with one key is done in that order: a lease is
 * extended before it is released, not the other way round.
 */
export function inLane<T>(key: string, work: () => Promise<T>): Promise<T> {
  const lane = lanes[numberOf(key) % laneCount] as Lane
  if (lane.waiting >= maxWaiting)
    return Promise.reject(new Error('the file system of the token cache does not respond'))
  lane.waiting++
  const result = lane.last.then(work).finally(() => lane.waiting--)
  lane.last = result.catch(() => {})
  return result
}

function numberOf(key: string): number {
  let sum = 0
  for (let i = 0; i < Math.min(key.length, 64); i++) sum += key.charCodeAt(i)
  return sum
}
