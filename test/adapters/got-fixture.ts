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

/** An authorization server, a resource that accepts its tokens, and an unlisted server that accepts everything. */
export interface Fixture {
  readonly server: AuthorizationServer
  readonly home: ProtectedResource
  readonly away: ProtectedResource
  /** Responds in place of `home`. */
  atHome: Intercept
  /** Responds in place of `away`. */
  atAway: Intercept
}

/** A new fixture for each test of the describe block. */
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

/** The paths of the requests to a resource, and whether each had an Authorization header. */
export function asked({ received }: ProtectedResource): [path: string, carried: boolean][] {
  return received.map(({ path, headers }) => [path, headers.authorization !== undefined])
}

/** Makes got retry without a delay, as often as it would otherwise. */
export const retries = {
  limit: 2,
  calculateDelay: ({ computedValue }: { computedValue: number }): number => computedValue && 1,
}
