import * as fc from 'fast-check'

export const keys = ['a', 'b', 'c'] as const
export type Key = (typeof keys)[number]

const faults = [
  'error 500',
  'error 503 for 2 s',
  'throttled for 1 s',
  'throttled for 60 s',
  'throttled',
  'throttled for zero seconds',
  'invalid_scope',
  'temporarily_unavailable',
  'empty 403',
  'a page instead of an error',
  'a page instead of a token',
  'junk',
  'network',
  'hang',
  'deaf hang',
] as const
export type Fault = (typeof faults)[number]

/** One event, after which `ms` pass. */
export type Step = { readonly ms: number } & (
  | { readonly do: 'call'; readonly key: Key; readonly abortAfter: number | undefined }
  | { readonly do: 'calls'; readonly key: Key; readonly count: number }
  | { readonly do: 'revoke' | 'rotate secret' | 'rotate nonce' | 'clear' | 'pass' }
  | { readonly do: 'fault'; readonly fault: Fault; readonly count: number }
  | { readonly do: 'jump'; readonly by: number }
  | { readonly do: 'lifetime'; readonly seconds: number | undefined }
)

export interface Schedule {
  readonly seed: number
  /** Whether tokens are bound to a key, with nonces that the server demands. */
  readonly dpop: boolean
  /** How long a token request takes, in ms. */
  readonly latency: number
  readonly steps: readonly Step[]
}

const key = fc.constantFrom(...keys)
const pause = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 3, arbitrary: fc.integer({ min: 300, max: 12_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 12_000, max: 400_000 }) },
)
const ms = fc.option(pause, { nil: 0, freq: 4 })
const hour = 3_600_000

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      key,
      abortAfter: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined, freq: 2 }),
      ms,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('calls' as const), key, count: fc.integer({ min: 2, max: 6 }), ms }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      fault: fc.constantFrom(...faults),
      count: fc.integer({ min: 1, max: 5 }),
      ms,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('revoke' as const, 'pass' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('rotate secret' as const, 'clear' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rotate nonce' as const), ms }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('jump' as const),
      by: fc.constantFrom(-24 * hour, -hour, -10_000, 10_000, hour, 24 * hour),
      ms,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('lifetime' as const),
      seconds: fc.constantFrom(-1, 0, 1, 2, 5, 20, 300, 3600, undefined),
      ms,
    }),
  },
)

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.integer(),
  // Schedules with DPoP spend most of their time signing.
  dpop: fc.constantFrom(false, false, false, true),
  latency: fc.constantFrom(0, 1, 20, 150, 2_000),
  steps: fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }),
})
