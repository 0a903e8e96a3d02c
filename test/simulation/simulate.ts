import { generateKeyPairSync } from 'node:crypto'
import { type AccessToken, type CachingTokenProvider, createTokenProvider, McaAuthError } from '@mca-auth/core'
import { type Key, keys, type Schedule, type Step } from './schedule.ts'
import { type Exchange, TokenEndpoint } from './token-endpoint.ts'
import { VirtualTime } from './virtual-time.ts'

const timeoutMs = 10_000
/** Extra time for the code itself: a timer fires in the millisecond after its time. */
const graceMs = 5

export const invariants = [
  'at most one token request in flight per key',
  'no caller gets an expired token, or one that it has reported as rejected',
  'every caller settles within its budget',
  "callers of one key never see another key's token",
  'no token request during a cool-down except the probe',
  'no token request while a fresh token is cached, and few per flight',
  'an abort affects only its caller, who gets the reason of the signal',
  'nothing is kept for a caller that has left, and nothing is left at the end',
  "no user ever gets another user's token, nor the service's own",
  'a failure of one user blocks no other',
  "the tokens of users are bounded, and expire with the users' own",
] as const

export class BrokenInvariant extends Error {
  readonly number: number

  constructor(number: number, what: string) {
    super(`invariant ${number} (${invariants[number - 1]}): ${what}`)
    this.number = number
  }
}

/** The first token request loads modules, which takes turns of the event loop that virtual time does not see. */
let warmed: Promise<unknown> | undefined

export function warmUp(): Promise<unknown> {
  warmed ??= warm()
  return warmed
}

async function warm(): Promise<void> {
  for (const dpop of [undefined, boundTo]) {
    const endpoint = new TokenEndpoint(
      0,
      () => {},
      () => {},
    )
    if (dpop !== undefined) endpoint.nonce = 0
    const options = { tokenEndpoint: 'https://idp.example.com/token', clientId: 'client', secret: endpoint.secret }
    await createTokenProvider({ ...options, dpop, scope: 'a', fetch: endpoint.fetch }).getToken()
  }
}

/** Runs one schedule against a real provider. Throws {@link BrokenInvariant}. */
export async function simulate(schedule: Schedule): Promise<void> {
  await warmUp()
  using time = new VirtualTime(schedule.seed)
  await new World(schedule, time).run()
}

interface CoolDown {
  readonly from: number
  readonly until: number
  /** The number of token requests made when a caller learnt of it. */
  readonly after: number
}

/** The interface of a provider for adapters, and its cache. */
const internals: unique symbol = Symbol.for('mca-auth.provider.1') as never
interface Cache {
  prepare(request: { readonly scope: string }): { readonly key: string }
  peek(key: string): { readonly accessToken: string; readonly expiredAt: number } | undefined
}

/** One key for all, since making one takes longer than a schedule. */
const boundTo = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

class World {
  readonly #schedule: Schedule
  readonly #time: VirtualTime
  readonly #endpoint: TokenEndpoint
  readonly #provider: CachingTokenProvider
  readonly #inFlight = new Map<Key, number>()
  /** The number of token requests so far, and which of them was the last one of a key. */
  #made = 0
  readonly #latest = new Map<Key, number>()
  /** Token requests since the key last had an outcome. */
  readonly #requests = new Map<Key, number>()
  /** The latest token of a key that callers have seen. */
  readonly #current = new Map<Key, AccessToken & { readonly staleAt: number }>()
  /** Tokens that were reported as rejected, and after how many calls. */
  readonly #reported = new Map<AccessToken, number>()
  #calls = 0
  /** Cool-downs that callers have learnt of: for one key, or for all. */
  readonly #coolDowns = new Map<Key | 'all', CoolDown>()
  /** Keys that may have one needless refresh, because the clock has jumped. */
  readonly #jumped = new Set<Key>()
  readonly #signals: CountingSignal[] = []
  #waiting = 0
  #broken: BrokenInvariant | undefined
  #rotations = 0

  constructor(schedule: Schedule, time: VirtualTime) {
    this.#schedule = schedule
    this.#time = time
    this.#endpoint = new TokenEndpoint(
      // A nonce takes one more round trip, and the budget of the waiting callers stays the same.
      schedule.dpop ? schedule.latency / 2 : schedule.latency,
      (exchange) => this.#started(exchange),
      (exchange, issued) => this.#ended(exchange, issued),
    )
    if (schedule.dpop) this.#endpoint.nonce = 0
    this.#provider = createTokenProvider({
      dpop: schedule.dpop ? boundTo : undefined,
      tokenEndpoint: 'https://idp.example.com/token',
      clientId: 'client',
      secret: () => this.#endpoint.secret,
      fetch: this.#endpoint.fetch,
      timeoutMs,
    })
  }

  async run(): Promise<void> {
    for (const step of this.#schedule.steps) {
      this.#do(step)
      await this.#time.pass(step.ms)
      this.#check()
    }
    await this.#time.pass(timeoutMs + graceMs)
    if (this.#waiting > 0) this.#break(3, `${this.#waiting} callers still wait`)
    this.#check()
    await this.#recovers()
    this.#provider.close()
    await this.#time.pass(25_000) // for a fetch that ignores its signal
    if (this.#provider.health().flights > 0) this.#break(8, 'flights are left')
    if (this.#time.timers > 0) this.#break(8, `${this.#time.timers} timers are left`)
    const held = this.#signals.filter((signal) => signal.listeners > 0)
    if (held.length > 0) this.#break(8, `${held.length} signals are listened to`)
    this.#check()
  }

  /** Once the server has recovered, every key gets a token after the longest cool-down. */
  async #recovers(): Promise<void> {
    this.#endpoint.heal()
    await this.#time.pass(300_000 + graceMs)
    this.#endpoint.lifetimeSeconds = 3600
    for (const key of keys) this.#call(key, undefined, true)
    await this.#time.pass(timeoutMs + graceMs)
    if (this.#waiting > 0) this.#break(3, 'it does not recover')
    this.#check()
  }

  #do(step: Step): void {
    switch (step.do) {
      case 'call':
        this.#call(step.key, step.abortAfter)
        break
      case 'calls':
        for (let i = 0; i < step.count; i++) this.#call(step.key, undefined)
        break
      case 'fault':
        this.#endpoint.add(step.fault, step.count)
        break
      case 'revoke':
        this.#endpoint.revokeAll()
        break
      case 'rotate secret':
        this.#endpoint.secret = `fake-secret-${++this.#rotations}`
        break
      case 'rotate nonce':
        if (this.#endpoint.nonce !== undefined) this.#endpoint.nonce++
        break
      case 'lifetime':
        this.#endpoint.lifetimeSeconds = step.seconds
        break
      case 'clear':
        this.#provider.clear()
        this.#coolDowns.clear()
        this.#current.clear()
        break
      case 'jump':
        this.#time.jump(step.by)
        for (const key of keys) this.#jumped.add(key)
        // A cool-down ends when the clock is set back, instead of lasting that much longer.
        if (step.by < 0) this.#coolDowns.clear()
        break
      case 'pass':
        break
    }
  }

  #call(key: Key, abortAfter: number | undefined, mustSucceed = false): void {
    const started = performance.now()
    const number = this.#calls++
    const controller = abortAfter === undefined ? undefined : new AbortController()
    const reason = new Error('the caller aborted')
    const aborting = controller && setTimeout(() => controller.abort(reason), abortAfter)
    const signal = controller && new CountingSignal(controller.signal)
    if (signal) this.#signals.push(signal)
    this.#waiting++
    const done = () => {
      this.#waiting--
      clearTimeout(aborting)
      const took = performance.now() - started
      const budget = Math.min(timeoutMs, abortAfter ?? timeoutMs) + graceMs
      if (took > budget) this.#break(3, `a caller waited ${took} ms`)
    }
    this.#provider.getToken({ scope: key, signal: signal?.signal }).then(
      (token) => {
        done()
        this.#given(key, token, number)
      },
      (error: unknown) => {
        done()
        if (error === reason) {
          if (!controller?.signal.aborted) this.#break(7, 'a caller got the abort of another')
        } else if (error instanceof McaAuthError) this.#failed(key, error)
        else this.#break(7, `a caller got ${error}`)
        if (mustSucceed) this.#break(3, `it does not recover: ${error}`)
      },
    )
  }

  #given(key: Key, token: AccessToken, call: number): void {
    const now = Date.now()
    if (!token.accessToken.startsWith(`${key}-`)) this.#break(4, `${token.accessToken} was given for ${key}`)
    if (now >= token.expiresAt) this.#break(2, `a token was given ${now - token.expiresAt} ms after its expiry`)
    if (call >= (this.#reported.get(token) ?? Number.POSITIVE_INFINITY)) {
      this.#break(2, 'a token was given that had been reported as rejected')
    }
    this.#current.set(key, token as AccessToken & { staleAt: number })
    // The resource responds at once, or so late that the token may have been replaced meanwhile.
    if (call % 3 > 0) this.#use(key, token)
    else setTimeout(() => this.#use(key, token), 2_500)
  }

  #use(key: Key, token: AccessToken): void {
    if (!this.#endpoint.refuses(token.accessToken)) return
    const before = this.#peek(key)
    const isCurrent = before === token.accessToken
    if (this.#provider.invalidate(token)) {
      this.#current.delete(key)
      this.#reported.set(token, this.#calls)
    } else if (isCurrent) this.#break(2, 'a rejected token was not dropped')
    if (!isCurrent && this.#peek(key) !== before) this.#break(6, 'a late rejection dropped a newer token')
  }

  /** The cached token that would be served. `peek()` throws for tokens that are bound to a key. */
  #peek(key: Key): string | undefined {
    const cache = (this.#provider as unknown as { readonly [internals]: Cache })[internals]
    const token = cache.peek(cache.prepare({ scope: key }).key)
    return token && Date.now() < token.expiredAt ? token.accessToken : undefined
  }

  #failed(key: Key, error: McaAuthError): void {
    const from = Date.now()
    if (error.retryAt === undefined) return // closed
    if (error.retryAt <= from) return // the error of a failure a moment ago
    const own =
      error.code === 'TOKEN_REQUEST_REFUSED' && !['invalid_client', 'use_dpop_nonce'].includes(error.error ?? '')
    this.#coolDowns.set(own ? key : 'all', { from, until: error.retryAt, after: this.#made })
  }

  #started({ key, isSameAttempt }: Exchange): void {
    const now = Date.now()
    const inFlight = (this.#inFlight.get(key) ?? 0) + 1
    this.#inFlight.set(key, inFlight)
    if (inFlight > 1) this.#break(1, `${inFlight} token requests for ${key}`)
    for (const scope of [key, 'all'] as const) {
      const coolDown = this.#coolDowns.get(scope)
      if (coolDown && !isSameAttempt && now >= coolDown.from && now < coolDown.until) {
        this.#break(5, `a token request ${coolDown.until - now} ms before the end of a cool-down`)
      }
    }
    const failing = this.#coolDowns.get('all')
    for (const other of keys) {
      const probing = other !== key && (this.#inFlight.get(other) ?? 0) > 0
      if (probing && failing && !isSameAttempt && (this.#latest.get(other) ?? 0) > failing.after) {
        this.#break(5, `a second probe, for ${key} in addition to ${other}`)
      }
    }
    this.#latest.set(key, ++this.#made)
    const requests = (this.#requests.get(key) ?? 0) + 1
    this.#requests.set(key, requests)
    const current = this.#current.get(key)
    if (
      requests === 1 &&
      current &&
      now >= current.issuedAt &&
      now < current.staleAt &&
      this.#peek(key) !== undefined
    ) {
      if (!this.#jumped.delete(key)) this.#break(6, 'a token request while a fresh token is cached')
    }
    // Three attempts, each of which may be repeated with a rotated secret, and each of these with a nonce; one after each
    // throttling.
    if (requests > (this.#schedule.dpop ? 32 : 16)) this.#break(6, `${requests} token requests in one flight`)
  }

  #ended({ key }: Exchange, issued: boolean): void {
    this.#inFlight.set(key, (this.#inFlight.get(key) ?? 1) - 1)
    if (!issued) return
    this.#requests.set(key, 0)
    this.#coolDowns.delete(key)
    this.#coolDowns.delete('all')
  }

  #check(): void {
    for (const key of keys) if (this.#provider.health().flights === 0) this.#requests.set(key, 0)
    if (this.#broken) throw this.#broken
  }

  #break(number: number, what: string): void {
    this.#broken ??= new BrokenInvariant(number, what)
  }
}

/** An AbortSignal that counts its listeners. */
class CountingSignal {
  listeners = 0
  readonly signal: AbortSignal

  constructor(signal: AbortSignal) {
    this.signal = signal
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      this.listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      this.listeners--
      remove(...args)
    }
    add('abort', () => {
      this.listeners = 0
    })
  }
}
