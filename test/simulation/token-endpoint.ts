import type { Fault, Key } from './schedule.ts'

/** The outcome of a token request. */
export interface Exchange {
  readonly key: Key
  readonly secret: string
  /** Whether it immediately follows a demand for a nonce, as part of the same attempt. */
  readonly isSameAttempt: boolean
}

const replies: { readonly [fault in Fault]?: () => Response } = {
  'error 500': () => new Response('oops', { status: 500 }),
  'error 503 for 2 s': () => new Response('', { status: 503, headers: { 'retry-after': '2' } }),
  'throttled for 1 s': () => new Response('', { status: 429, headers: { 'retry-after': '1' } }),
  'throttled for 60 s': () => new Response('', { status: 429, headers: { 'retry-after': '60' } }),
  throttled: () => new Response('', { status: 429 }),
  'throttled for zero seconds': () => new Response('', { status: 429, headers: { 'retry-after': '0' } }),
  invalid_scope: () => Response.json({ error: 'invalid_scope' }, { status: 400 }),
  'empty 403': () => new Response('', { status: 403 }),
  temporarily_unavailable: () => Response.json({ error: 'temporarily_unavailable' }, { status: 400 }),
  'a page instead of an error': () => new Response('<h1>default backend</h1>', { status: 404 }),
  'a page instead of a token': () => new Response('<h1>Sign in</h1>'),
  junk: () => new Response('Sign in'),
}

/** A token endpoint on the virtual clock, scripted by a schedule. */
export class TokenEndpoint {
  secret = 'fake-secret-0'
  lifetimeSeconds: number | undefined = 3600
  /** The nonce that a proof must have; `undefined` if tokens are not bound. */
  nonce: number | undefined
  readonly #latency: number
  readonly #faults: Fault[] = []
  readonly #revoked = new Set<string>()
  readonly #live = new Set<string>()
  readonly #onStart: (exchange: Exchange) => void
  readonly #onEnd: (exchange: Exchange, issued: boolean) => void
  /** When the token request of a key was told to use a nonce. */
  readonly #challenged = new Map<Key, number>()
  #issued = 0

  constructor(
    latency: number,
    onStart: (exchange: Exchange) => void,
    onEnd: (exchange: Exchange, issued: boolean) => void,
  ) {
    this.#latency = latency
    this.#onStart = onStart
    this.#onEnd = onEnd
  }

  /** The next token requests have this outcome. */
  add(fault: Fault, count: number): void {
    for (let i = 0; i < count; i++) this.#faults.push(fault)
  }

  heal(): void {
    this.#faults.length = 0
  }

  revokeAll(): void {
    for (const token of this.#live) this.#revoked.add(token)
    this.#live.clear()
  }

  refuses(token: string): boolean {
    return this.#revoked.has(token)
  }

  readonly fetch: typeof globalThis.fetch = async (_url, init) => {
    const authorization = new Headers(init?.headers).get('authorization') ?? ''
    const [, secret = ''] = Buffer.from(authorization.slice(6), 'base64').toString().split(':')
    const proof = new Headers(init?.headers).get('dpop')?.split('.')[1] ?? ''
    const key = new URLSearchParams(init?.body as URLSearchParams).get('scope') as Key
    const exchange = { key, secret, isSameAttempt: this.#challenged.get(key) === performance.now() }
    const signal = init?.signal ?? undefined
    this.#onStart(exchange)
    let ended = false
    const end = (issued: boolean) => {
      if (!ended) this.#onEnd(exchange, issued)
      ended = true
    }
    // Even if the response is still to come: no caller waits for it any more.
    signal?.addEventListener('abort', () => end(false), { once: true })
    try {
      const response = await this.#answer(exchange, proof, signal)
      end(response.headers.has('issued'))
      return response
    } finally {
      end(false)
    }
  }

  async #answer({ key, secret }: Exchange, proof: string, signal: AbortSignal | undefined): Promise<Response> {
    const fault = this.#faults.shift()
    if (fault === 'hang') await wait(Number.POSITIVE_INFINITY, signal)
    // A custom fetch that ignores its signal, and responds when no caller waits any more.
    if (fault === 'deaf hang') await wait(20_000, undefined)
    await wait(this.#latency, signal)
    if (fault === 'network') throw new TypeError('fetch failed')
    const reply = fault && replies[fault]
    if (reply) return reply()
    if (secret !== this.secret) return Response.json({ error: 'invalid_client' }, { status: 401 })
    const claims = proof === '' ? {} : JSON.parse(Buffer.from(proof, 'base64url').toString())
    if (this.nonce !== undefined && claims.nonce !== String(this.nonce)) {
      this.#challenged.set(key, performance.now())
      const headers = { 'dpop-nonce': String(this.nonce) }
      return Response.json({ error: 'use_dpop_nonce' }, { status: 400, headers })
    }
    const token = `${key}-${++this.#issued}`
    this.#live.add(token)
    const type = this.nonce === undefined ? 'Bearer' : 'DPoP'
    const fields = { access_token: token, token_type: type, expires_in: this.lifetimeSeconds }
    return new Response(JSON.stringify(fields), { headers: { issued: 'yes' } })
  }
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(resolve, ms)
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        reject(signal.reason)
      },
      { once: true },
    )
  })
}
