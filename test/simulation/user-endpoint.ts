import type { GeneralFault, User, UserFault } from './user-schedule.ts'

/** A signed-in user, with the claims of their token. `seconds` from now. */
export class UserSession {
  static #count = 0
  readonly user: User
  readonly id: string = `s${++UserSession.#count}`
  readonly expiresAt: number | undefined
  readonly token: string

  constructor(user: User, seconds: number | undefined) {
    this.user = user
    this.expiresAt = seconds === undefined ? undefined : Date.now() + seconds * 1000
    const claims = { sub: user, sid: this.id, ...(this.expiresAt !== undefined && { exp: this.expiresAt / 1000 }) }
    this.token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.ZmFrZQ`
  }
}

const general: { readonly [fault in GeneralFault]?: () => Response } = {
  invalid_client: () => Response.json({ error: 'invalid_client' }, { status: 401 }),
  'error 503': () => new Response('', { status: 503 }),
  'throttled for 1 s': () => new Response('', { status: 429, headers: { 'retry-after': '1' } }),
}
const ofUser: { readonly [fault in UserFault]: () => Response } = {
  invalid_grant: () => Response.json({ error: 'invalid_grant' }, { status: 400 }),
  'error 500': () => new Response('oops', { status: 500 }),
  'a page': () => new Response('<h1>Request Entity Too Large</h1>', { status: 413 }),
  junk: () => new Response('Sign in'),
}

/** An authorization server on the virtual clock that exchanges tokens. Each token that it issues names its session. */
export class UserEndpoint {
  lifetimeSeconds = 3_600
  /** Exchanges of one session that are in flight at once. */
  mostInFlight = 0
  /** Until when a fault that affects all users may still have effects. */
  troubledUntil = 0
  readonly faults = new Map<User, UserFault>()
  readonly signedOut = new Set<string>()
  readonly #latency: number
  readonly #general: GeneralFault[] = []
  readonly #inFlight = new Map<string, number>()
  #issued = 0

  constructor(latency: number) {
    this.#latency = latency
  }

  add(fault: GeneralFault, count: number): void {
    for (let i = 0; i < count; i++) this.#general.push(fault)
  }

  heal(): void {
    this.#general.length = 0
    this.faults.clear()
  }

  get isTroubled(): boolean {
    return this.#general.length > 0 || Date.now() < this.troubledUntil
  }

  readonly fetch: typeof globalThis.fetch = async (_url, init) => {
    const subject = new URLSearchParams(init?.body as string).get('subject_token')
    const inFlight = (this.#inFlight.get(String(subject)) ?? 0) + 1
    this.#inFlight.set(String(subject), inFlight)
    this.mostInFlight = Math.max(this.mostInFlight, inFlight)
    try {
      return await this.#answer(subject, init?.signal ?? undefined)
    } finally {
      this.#inFlight.set(String(subject), inFlight - 1)
    }
  }

  async #answer(subject: string | null, signal: AbortSignal | undefined): Promise<Response> {
    const fault = this.#general.shift()
    // The whole wait, plus the longest time for which it is remembered.
    if (fault !== undefined) this.troubledUntil = Date.now() + 10_000 + 300_000
    await wait(fault === 'hang' ? Number.POSITIVE_INFINITY : this.#latency, signal)
    if (fault === 'network') throw new TypeError('fetch failed')
    const reply = fault && general[fault]
    if (reply !== undefined) return reply()
    const headers = { date: new Date().toUTCString() }
    const issue = (name: string) =>
      Response.json({ access_token: `${name}~${++this.#issued}`, expires_in: this.lifetimeSeconds }, { headers })
    if (subject === null) return issue('the-service')
    const { sub, sid, exp } = JSON.parse(Buffer.from(subject.split('.')[1] ?? '', 'base64url').toString())
    const own = this.faults.get(sub)
    if (own !== undefined) return ofUser[own]()
    const isOver = this.signedOut.has(sid) || (exp !== undefined && exp * 1000 <= Date.now())
    return isOver ? ofUser.invalid_grant() : issue(sid)
  }
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(resolve, ms)
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}
