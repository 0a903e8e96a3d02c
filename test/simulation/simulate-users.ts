import { type CachingTokenProvider, createTokenProvider, forwardIncoming, McaAuthError } from '@mca-auth/core'
import { createRequestAuthorizer, type RequestAuthorization, type RequestAuthorizer } from '@mca-auth/core/adapter'
import { BrokenInvariant, warmUp } from './simulate.ts'
import { UserEndpoint, UserSession } from './user-endpoint.ts'
import { type User, type UserSchedule, type UserStep, users } from './user-schedule.ts'
import { VirtualTime } from './virtual-time.ts'

const timeoutMs = 10_000
const graceMs = 5
const origin = 'https://stock.example.com'
const get = { url: `${origin}/items`, method: 'GET' }
const rejection = { 'www-authenticate': 'Bearer error="invalid_token"' }

/** Runs one schedule of users who sign in and out against a real provider that exchanges. Throws {@link BrokenInvariant}. */
export async function simulateUsers(schedule: UserSchedule): Promise<void> {
  await warmUp()
  using time = new VirtualTime(schedule.seed)
  await new UserWorld(schedule, time).run()
}

class UserWorld {
  readonly #schedule: UserSchedule
  readonly #time: VirtualTime
  readonly #endpoint: UserEndpoint
  readonly #provider: CachingTokenProvider
  readonly #authorizer: RequestAuthorizer
  readonly #sessions: Map<User, UserSession>
  /** Users whose last failures may still be remembered. */
  readonly #hadFault = new Set<User>()
  #waiting = 0
  #broken: BrokenInvariant | undefined

  constructor(schedule: UserSchedule, time: VirtualTime) {
    this.#schedule = schedule
    this.#time = time
    this.#endpoint = new UserEndpoint(schedule.latency)
    this.#sessions = new Map(users.map((user) => [user, new UserSession(user, 7_200)]))
    this.#provider = createTokenProvider({
      tokenEndpoint: 'https://idp.example.com/token',
      clientId: 'client',
      secret: 'fake-secret',
      fetch: this.#endpoint.fetch,
      origins: origin,
      incoming: 'exchange',
      exchangeCacheSize: schedule.cacheSize,
      timeoutMs,
    })
    this.#authorizer = createRequestAuthorizer('simulation', this.#provider)
  }

  async run(): Promise<void> {
    for (const step of this.#schedule.steps) {
      this.#do(step)
      await this.#time.pass(step.ms)
      this.#check()
    }
    await this.#time.pass(timeoutMs + graceMs)
    await this.#recovers()
    this.#provider.close()
    await this.#time.pass(timeoutMs)
    if (this.#provider.health().flights > 0) this.#break(8, 'flights are left')
    if (this.#time.timers > 0) this.#break(8, `${this.#time.timers} timers are left`)
    this.#check()
  }

  /** Once the server has recovered, and all users have signed in again, all are served. */
  async #recovers(): Promise<void> {
    this.#endpoint.heal()
    // Longer than any failure is remembered.
    await this.#time.pass(320_000)
    this.#hadFault.clear()
    this.#endpoint.lifetimeSeconds = 3_600
    for (const user of users) this.#sessions.set(user, new UserSession(user, 600))
    for (const user of users) this.#request(this.#sessionOf(user), this.#sessionOf('u0'), 'repeated')
    await this.#time.pass(timeoutMs + graceMs)
    if (this.#waiting > 0) this.#break(3, `${this.#waiting} requests still wait`)
    this.#check()
  }

  #sessionOf(user: User): UserSession {
    return this.#sessions.get(user) as UserSession
  }

  #do(step: UserStep): void {
    switch (step.do) {
      case 'request': {
        const other = step.other && this.#sessionOf(step.other)
        this.#request(this.#sessionOf(step.user), other, step.fate, step.abortAfter)
        break
      }
      case 'crowd':
        for (let i = 0; i < step.size; i++) {
          const [user, next] = [users[i % users.length], users[(i + 1) % users.length]] as [User, User]
          this.#request(this.#sessionOf(user), this.#sessionOf(next), i % 3 === 0 ? 'rejected' : 'repeated')
        }
        break
      case 'sign in':
        this.#sessions.set(step.user, new UserSession(step.user, step.seconds))
        break
      case 'sign out':
        this.#endpoint.signedOut.add(this.#sessionOf(step.user).id)
        break
      case 'user fault':
        this.#endpoint.faults.set(step.user, step.fault)
        break
      case 'recover':
        this.#endpoint.faults.delete(step.user)
        break
      case 'fault':
        this.#endpoint.add(step.fault, step.count)
        break
      case 'own':
        this.#provider.getToken().then(
          ({ accessToken }) => {
            if (!accessToken.startsWith('the-service~')) this.#break(9, `the service was given ${accessToken}`)
          },
          () => {},
        )
        break
      case 'anonymous':
        this.#anonymous()
        break
      case 'clear':
        this.#provider.clear()
        break
      case 'lifetime':
        this.#endpoint.lifetimeSeconds = step.seconds
        break
      case 'pass':
        break
    }
  }

  /** Outside of an incoming request, and in one without a token. */
  #anonymous(): void {
    for (const within of [
      (run: () => unknown) => run(),
      (run: () => unknown) => forwardIncoming({ headers: {} }, run),
    ]) {
      within(() =>
        Promise.resolve(this.#authorizer.begin(get)?.headersFor(get)).then(
          (headers) => this.#break(9, `a request without a caller was given ${JSON.stringify(headers)}`),
          (error) => {
            if (error.code !== 'MISSING_INCOMING_TOKEN') this.#break(10, `an anonymous request got ${error.code}`)
          },
        ),
      )
    }
  }

  /** On behalf of one session; sent again in the context of another one, or outside of any. */
  async #request(
    session: UserSession,
    other: UserSession | undefined,
    fate: 'answered' | 'repeated' | 'rejected',
    abortAfter?: number,
  ): Promise<void> {
    const controller = new AbortController()
    const reason = new Error('the caller aborted')
    const aborting = abortAfter === undefined ? undefined : setTimeout(() => controller.abort(reason), abortAfter)
    const begin = () => this.#authorizer.begin({ ...get, signal: controller.signal })
    const authorization = as(session, begin) as RequestAuthorization
    try {
      await this.#headers(session, () => as(session, () => authorization.headersFor(get)))
      if (fate === 'answered') return
      const status = fate === 'rejected' ? 401 : 503
      const verdict = await as(other, () => authorization.responded(status, rejection, { replayable: true }))
      if (fate === 'repeated' || verdict === 'resend') {
        await this.#headers(session, () => as(other, () => authorization.headersFor(get)))
      }
    } catch (error) {
      if (error === reason) {
        if (!controller.signal.aborted) this.#break(7, 'a caller got the abort of another')
      } else this.#failed(session, error)
    } finally {
      clearTimeout(aborting)
    }
  }

  async #headers(session: UserSession, get: () => unknown): Promise<void> {
    const { expiresAt = Number.POSITIVE_INFINITY } = session
    const [started, isOver] = [performance.now(), Date.now() >= expiresAt]
    this.#waiting++
    try {
      const { authorization } = (await get()) as { authorization?: string }
      if (!authorization?.startsWith(`Bearer ${session.id}~`)) {
        this.#break(9, `${session.user} (${session.id}) was given ${authorization}`)
      }
      if (isOver) this.#break(11, `a token was given ${Date.now() - expiresAt} ms after the end of the session`)
    } finally {
      this.#waiting--
      const took = performance.now() - started
      if (took > timeoutMs + graceMs) this.#break(3, `a request waited ${took} ms`)
    }
  }

  /** A user without failures is served, whatever the failures of others. */
  #failed({ user, id, expiresAt = Number.POSITIVE_INFINITY }: UserSession, error: unknown): void {
    if (!(error instanceof McaAuthError)) {
      this.#break(7, `a caller got ${error}`)
      return
    }
    const { faults, signedOut, isTroubled } = this.#endpoint
    const isTheirs = faults.has(user) || this.#hadFault.has(user) || signedOut.has(id) || Date.now() >= expiresAt
    if (!isTheirs && !isTroubled) this.#break(10, `${user} (${id}) got ${error.code}: ${error.message}`)
  }

  #check(): void {
    const { exchangedTokens, cachedTokens } = this.#provider.health()
    if (exchangedTokens > this.#schedule.cacheSize) this.#break(11, `${exchangedTokens} tokens of users are kept`)
    if (cachedTokens > 1) this.#break(9, `${cachedTokens} tokens of the service`)
    if (this.#endpoint.mostInFlight > 1) this.#break(1, 'two exchanges of one token')
    for (const user of this.#endpoint.faults.keys()) this.#hadFault.add(user)
    if (this.#broken) throw this.#broken
  }

  #break(number: number, what: string): void {
    this.#broken ??= new BrokenInvariant(number, what)
  }
}

function as<T>(session: UserSession | undefined, run: () => T): T {
  return session === undefined ? run() : forwardIncoming({ headers: { authorization: `Bearer ${session.token}` } }, run)
}
