import { expect, it } from 'vitest'
import { ServerClock } from '../../packages/core/src/credentials/server-clock.ts'

const start = Date.UTC(2026, 10, 25, 12, 0, 0)

/** By how much the server's clock is ahead, as far as a response says that was dated so many ms after it was requested. */
function skewAfter({ datedMs, roundTripMs, aheadMs = 0 }: { datedMs: number; roundTripMs: number; aheadMs?: number }) {
  const clock = new ServerClock()
  const date = new Date(start + datedMs + aheadMs).toUTCString()
  clock.observe(new Headers({ date }), start, start + roundTripMs)
  return start - clock.toOurs(start)
}

// A server that takes long writes its `Date` at the very end, or, if the network is slow, at the very beginning.
it.each([0, 400, 999, 4_000, 6_000, 11_000, 11_400, 12_000])(
  'a slow response that was dated after %i ms of 12 s makes no difference of two equal clocks',
  (datedMs) => {
    expect(skewAfter({ datedMs, roundTripMs: 12_000 })).toBe(0)
  },
)

it('a slow response does not replace a difference that an earlier one has shown', () => {
  const clock = new ServerClock()
  const observe = (datedMs: number, roundTripMs: number) =>
    clock.observe(new Headers({ date: new Date(start + datedMs - 4_000).toUTCString() }), start, start + roundTripMs)
  observe(0, 10)
  const known = clock.toOurs(start) - start
  expect(known).toBeGreaterThan(3_000)
  observe(4_500, 9_000)
  expect(clock.toOurs(start) - start).toBe(known)
})

it.each([-3_600_000, -60_000, 60_000, 3_600_000])(
  'a clock that is %i ms ahead is noticed within the round trip',
  (aheadMs) => {
    for (const roundTripMs of [10, 5_000, 12_000]) {
      for (const datedMs of [0, roundTripMs / 2, roundTripMs]) {
        const off = skewAfter({ datedMs, roundTripMs, aheadMs }) - aheadMs
        expect(Math.abs(off)).toBeLessThanOrEqual(roundTripMs / 2 + 500)
      }
    }
  },
)
