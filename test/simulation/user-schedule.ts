import * as fc from 'fast-check'

export const users = ['u0', 'u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7'] as const
export type User = (typeof users)[number]

/** Responses of the server to the next token request of any user. */
const generalFaults = ['invalid_client', 'error 503', 'throttled for 1 s', 'network', 'hang'] as const
/** Responses to one user only. */
const userFaults = ['invalid_grant', 'error 500', 'a page', 'junk'] as const
export type GeneralFault = (typeof generalFaults)[number]
export type UserFault = (typeof userFaults)[number]

/** The fate of a request once it has its token: it is sent again, in the context of another user. */
type Fate = 'answered' | 'repeated' | 'rejected'

/** One event, after which `ms` pass. */
export type UserStep = { readonly ms: number } & (
  | {
      readonly do: 'request'
      readonly user: User
      readonly fate: Fate
      /** The user in whose context a layer sends it again; `undefined`: outside of any. */
      readonly other: User | undefined
      readonly abortAfter: number | undefined
    }
  | { readonly do: 'crowd'; readonly size: number }
  | { readonly do: 'sign in'; readonly user: User; readonly seconds: number | undefined }
  | { readonly do: 'sign out' | 'recover'; readonly user: User }
  | { readonly do: 'user fault'; readonly user: User; readonly fault: UserFault }
  | { readonly do: 'fault'; readonly fault: GeneralFault; readonly count: number }
  | { readonly do: 'own' | 'anonymous' | 'clear' | 'pass' }
  | { readonly do: 'lifetime'; readonly seconds: number }
)

export interface UserSchedule {
  readonly seed: number
  /** How long a token request takes, in ms. */
  readonly latency: number
  /** How many tokens of users are kept. */
  readonly cacheSize: number
  readonly steps: readonly UserStep[]
}

const user = fc.constantFrom(...users)
const ms = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 3_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 3_000, max: 100_000 }) },
)
const step: fc.Arbitrary<UserStep> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('request' as const),
      user,
      fate: fc.constantFrom<Fate>('answered', 'repeated', 'rejected'),
      other: fc.option(user, { nil: undefined, freq: 4 }),
      abortAfter: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined, freq: 4 }),
      ms,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('crowd' as const), size: fc.integer({ min: 2, max: 24 }), ms }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('sign in' as const),
      user,
      seconds: fc.constantFrom(5, 60, 600, 7_200, undefined),
      ms,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('sign out' as const, 'recover' as const), user, ms }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('user fault' as const), user, fault: fc.constantFrom(...userFaults), ms }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      fault: fc.constantFrom(...generalFaults),
      count: fc.integer({ min: 1, max: 4 }),
      ms,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('own' as const, 'anonymous' as const, 'pass' as const), ms }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), ms }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('lifetime' as const), seconds: fc.constantFrom(0, 2, 20, 300, 3_600), ms }),
  },
)

export const userSchedules: fc.Arbitrary<UserSchedule> = fc.record({
  seed: fc.integer(),
  latency: fc.constantFrom(0, 1, 20, 150, 2_000),
  cacheSize: fc.constantFrom(1, 3, 100),
  steps: fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }),
})
