import {
  type AuthorizationServer,
  type ProtectedResource,
  type ReceivedRequest,
  type Reply,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterEach, beforeEach } from 'vitest'

type Intercept = (request: ReceivedRequest) => Reply | undefined

/** An authorization server, a resource that takes its tokens, and a stranger that takes anything. */
export interface Fixture {
  readonly server: AuthorizationServer
  readonly home: ProtectedResource
  readonly away: ProtectedResource
  /** Answers in the place of `home`. */
  atHome: Intercept
  /** Answers in the place of `away`. */
  atAway: Intercept
}

/** A new one for each test of the describe block. */
export function useFixture(): Fixture {
  const fixture = {} as { -readonly [name in keyof Fixture]: Fixture[name] }
  beforeEach(async () => {
    fixture.atHome = () => undefined
    fixture.atAway = () => ({ body: 'away' })
    fixture.server = await startAuthorizationServer()
    const authorizationServer = fixture.server
    fixture.home = await startProtectedResource({
      authorizationServer,
      intercept: (request) => fixture.atHome(request),
    })
    fixture.away = await startProtectedResource({
      authorizationServer,
      intercept: (request) => fixture.atAway(request),
    })
  })
  afterEach(async () => {
    await Promise.all([fixture.home.close(), fixture.away.close(), fixture.server.close()])
  })
  return fixture
}

/** The paths that a resource was asked for, and whether a header of authorization came along. */
export function asked({ received }: ProtectedResource): [path: string, carried: boolean][] {
  return received.map(({ path, headers }) => [path, headers.authorization !== undefined])
}

/** Lets got try again at once, as often as it would. */
export const retries = {
  limit: 2,
  calculateDelay: ({ computedValue }: { computedValue: number }): number => computedValue && 1,
}
