import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startProcess } from '../fleet/remote-process.ts'
import { fullSize } from '../size.ts'
import type { Recorded } from './contenders.js'
import { temporaryDirectory } from './temporary-directory.ts'

const leaseMs = 40
/** Times of leases are whole milliseconds of another clock. */
const toleranceMs = 5
/** How many leases each process gets before it ends. */
const [processes, leases] = fullSize ? [16, 40] : [4, 6]

it(`keeps its order among ${processes} processes that contend for one key`, { timeout: 600_000 }, async () => {
  const directory = temporaryDirectory()
  const file = join(import.meta.dirname, 'contenders.js')
  const contenders = await Promise.all(Array.from({ length: processes }, () => startProcess(file)))
  const orders = contenders.map((contender, i) =>
    contender.order<Recorded[]>('contend', { directory, key: 'key', leases, leaseMs, name: `process-${i}` }),
  )
  const records = (await Promise.all(orders)).flat()
  const of = (method: Recorded['method']) =>
    records.filter((record) => record.method === method && record.fence !== undefined) as (Recorded & {
      readonly fence: number
    })[]

  expect(records.filter(({ torn }) => torn)).toEqual([])

  // Each fence belongs to one holder, and fences grow.
  const grants = of('lease').sort((a, b) => a.began - b.began)
  const holders = new Map<number, string>()
  for (const { fence, holder } of grants) {
    expect(holders.get(fence) ?? holder, `fence ${fence}`).toBe(holder)
    holders.set(fence, holder)
  }
  expect(holders.size).toBeGreaterThanOrEqual(processes * leases) // a lease that has lapsed is granted again
  expect(backwards(grants)).toEqual([])

  // No lease is granted while another holder has it. The fences say which of two is later, and the times do not: a call may
  // end after its lease has lapsed.
  const releases = new Map(records.filter(({ method }) => method === 'release').map((one) => [one.holder, one.began]))
  const overlapping = grants.filter(({ fence, ended }) =>
    grants.some(
      (earlier) =>
        earlier.fence < fence &&
        ended <
          Math.min(earlier.began + leaseMs - toleranceMs, releases.get(earlier.holder) ?? Number.POSITIVE_INFINITY),
    ),
  )
  expect(overlapping).toEqual([])

  // No token is replaced by an older one, and none is missing once there was one.
  const found = of('get')
  expect(found.length).toBeGreaterThan(processes)
  expect(backwards(found)).toEqual([])
  const first = Math.min(...found.map(({ ended }) => ended))
  const missing = records.filter(({ method, began, fence }) => method === 'get' && began > first && fence === undefined)
  expect(missing).toEqual([])
})

/** Those that began after another one with a greater fence had ended. */
function backwards(records: readonly { began: number; ended: number; fence: number }[]) {
  const byEnd = records.toSorted((a, b) => a.ended - b.ended)
  let next = 0
  let greatest = 0
  return records
    .toSorted((a, b) => a.began - b.began)
    .filter(({ began, fence }) => {
      for (let ended = byEnd[next]; ended !== undefined && ended.ended < began; ended = byEnd[++next]) {
        greatest = Math.max(greatest, ended.fence)
      }
      return fence < greatest
    })
}
