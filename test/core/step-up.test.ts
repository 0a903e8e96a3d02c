import { AsyncLocalStorage } from 'node:async_hooks'
import {
  createTokenProvider,
  forwardIncoming,
  type McaAuthOptions,
  type OutgoingRequest,
  type ScopeChallenge,
  type TokenProvider,
  type TokenRequest,
} from '@mca-auth/core'
import { createRequestAuthorizer, type RequestAuthorization } from '@mca-auth/core/adapter'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WiderRequests } from '../../packages/core/src/authorization/wider-requests.ts'
import { prepareTokenRequest } from '../../packages/core/src/token-endpoint/token-request.ts'
import { type Answer, recordingFetch, type SentRequest } from '../servers/sent-token-requests.ts'

const api = 'https://orders.example.com'
const insufficient = (scope?: string) => ({
  'www-authenticate': `Bearer error="insufficient_scope"${scope === undefined ? '' : `, scope="${scope}"`}`,
})
const invalid = { 'www-authenticate': 'Bearer error="invalid_token"' }

type Choose = (outgoing: OutgoingRequest) => TokenRequest | false | undefined

/** Adds the scope that a challenge names. */
const widening: Choose = ({ challenge }) => ({ scope: challenge ? `read ${challenge.scope}` : 'read' })

/** A token that names its scope, with a number for each token of that scope. */
function issuing(): Answer {
  const counts = new Map<string, number>()
  return ({ form: { scope = '' } }) => {
    counts.set(scope, (counts.get(scope) ?? 0) + 1)
    return Response.json({ access_token: `${scope.replaceAll(' ', '+')}-${counts.get(scope)}`, expires_in: 3600 })
  }
}

function start(tokenRequest: Choose, options: McaAuthOptions = {}, answer: Answer = issuing()) {
  const { fetch, sent } = recordingFetch(answer)
  const choose = vi.fn(tokenRequest)
  const own = { tokenEndpoint: 'https://idp.example.com/token', clientId: 'orders', secret: 'not-a-real-secret', fetch }
  const provider = createTokenProvider({ ...own, origins: api, tokenRequest: choose, ...options })
  const challenges = () => choose.mock.calls.map(([{ challenge }]) => challenge).filter((one) => one !== undefined)
  return { authorizer: createRequestAuthorizer('test', provider), provider, sent, choose, challenges }
}

type Authorizer = ReturnType<typeof start>['authorizer']
type Resource = (token: string, path: string) => readonly [status: number, headers?: Record<string, string>]

/** Accepts tokens whose scope contains the name of the path. */
const byPath: Resource = (token, path) => (token.includes(path.slice(1)) ? [200] : [403, insufficient(path.slice(1))])

interface Sent {
  readonly carried: string[]
  readonly status: number
  readonly authorization: RequestAuthorization
}

/** Sends like an adapter, until a response is delivered. */
async function send(authorizer: Authorizer, path: string, resource: Resource = byPath, more = {}): Promise<Sent> {
  const {
    origin = api,
    method = 'GET',
    details = { replayable: true },
    signal,
  } = more as {
    origin?: string
    method?: string
    details?: object
    signal?: AbortSignal
  }
  const request = { url: origin + path, method }
  const authorization = authorizer.begin({ ...request, signal }) as RequestAuthorization
  return resume(authorization, path, resource, request, details)
}

async function resume(
  authorization: RequestAuthorization,
  path: string,
  resource: Resource,
  request = { url: api + path, method: 'GET' },
  details: object = { replayable: true },
): Promise<Sent> {
  const carried: string[] = []
  for (;;) {
    if (carried.length > 10) throw new Error(`one request was sent ${carried.length} times`)
    const { authorization: header = '' } = await authorization.headersFor(request)
    carried.push(header.replace('Bearer ', ''))
    const [status, headers = {}] = resource(carried.at(-1) ?? '', path)
    if ((await authorization.responded(status, headers, details)) === 'deliver') {
      return { carried, status, authorization }
    }
  }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('a challenge for more scope', () => {
  it('calls tokenRequest again, and resends the request with the token that it chooses', async () => {
    const { authorizer, choose } = start(widening)
    const { carried, status } = await send(authorizer, '/write?a=b', (token) =>
      token.includes('write') ? [200] : [403, insufficient('write')],
    )
    expect({ carried, status }).toEqual({ carried: ['read-1', 'read+write-1'], status: 200 })
    const challenge = { error: 'insufficient_scope', scope: 'write', resourceMetadata: undefined }
    const outgoing = { url: new URL(`${api}/write?a=b`), method: 'GET' }
    expect(choose.mock.calls).toEqual([[outgoing], [{ ...outgoing, challenge }]])
  })

  it('is remembered for the next request with the same first result, and for no other', async () => {
    const other = 'https://stock.example.com'
    const { authorizer, sent, challenges } = start(
      ({ url, challenge }) => ({
        scope: `${url.pathname.startsWith('/other') ? 'other' : 'read'} ${challenge?.scope ?? ''}`,
      }),
      { origins: [api, other] },
    )
    await send(authorizer, '/write')
    expect((await send(authorizer, '/write')).carried).toEqual(['read+write-1'])
    expect((await send(authorizer, '/read')).carried).toEqual(['read+write-1'])
    expect((await send(authorizer, '/other')).carried).toEqual(['other-1'])
    expect((await send(authorizer, '/read', byPath, { origin: other })).carried).toEqual(['read-1'])
    expect(challenges()).toHaveLength(1)
    expect(sent.map(({ form }) => form.scope)).toEqual(['read', 'read write', 'other'])
  })

  it.each<[string, unknown]>([
    ['the same token request', { scope: 'read' }],
    ['the same scope, twice', { scope: ['read', 'read'] }],
    ['nothing', undefined],
    ['null', null],
    ['false', false],
  ])('is delivered if tokenRequest then returns %s', async (_what, then) => {
    const { authorizer, sent, challenges } = start(({ challenge }) => (challenge ? (then as false) : { scope: 'read' }))
    const { carried, status, authorization } = await send(authorizer, '/write')
    expect({ carried, status }).toEqual({ carried: ['read-1'], status: 403 })
    expect((await resume(authorization, '/write', byPath)).carried).toEqual(['read-1'])
    expect(challenges()).toHaveLength(1) // even if a layer repeats the request
    expect((await send(authorizer, '/read')).status).toBe(200)
    expect(sent).toHaveLength(1)
  })

  it.each<[string, Choose]>([
    [
      'throws',
      ({ challenge }) => {
        if (challenge) throw new Error('no')
        return { scope: 'read' }
      },
    ],
    ['returns a promise', ({ challenge }) => (challenge ? (Promise.resolve({}) as never) : { scope: 'read' })],
    ['returns text', ({ challenge }) => (challenge ? ('write' as never) : { scope: 'read' })],
    ['returns unknown fields', ({ challenge }) => (challenge ? ({ scopes: 'write' } as never) : { scope: 'read' })],
  ])('is delivered if tokenRequest then %s', async (_what, tokenRequest) => {
    const { authorizer } = start(tokenRequest)
    expect(await send(authorizer, '/write')).toMatchObject({ carried: ['read-1'], status: 403 })
    expect(await send(authorizer, '/read')).toMatchObject({ carried: ['read-1'], status: 200 })
  })

  it('still fails a request for which tokenRequest returns nothing at first', async () => {
    const { authorizer } = start(() => undefined)
    await expect(send(authorizer, '/read')).rejects.toThrow('`tokenRequest` must return a token request or false')
  })

  it.each<[string, McaAuthOptions]>([
    ['without `origins`', { origins: undefined }],
    ['from a default token request', { tokenRequest: undefined, scope: 'read' }],
  ])('has no effect %s', async (_when, options) => {
    const { authorizer, challenges } = start(widening, options)
    expect(await send(authorizer, '/write')).toMatchObject({ carried: ['read-1'], status: 403 })
    expect(challenges()).toEqual([])
  })

  it('is handled for any subdomain that `origins` lists', async () => {
    const { authorizer } = start(widening, { origins: 'https://*.example.com' })
    expect(await send(authorizer, '/write')).toMatchObject({ status: 200 })
  })

  it.each<[string, number, string, Partial<ScopeChallenge> | undefined]>([
    ['names scopes', 403, 'Bearer error="insufficient_scope", scope="write admin"', { scope: 'write admin' }],
    ['names none', 403, 'Bearer error="insufficient_scope"', { scope: undefined }],
    ['comes with a 401, without commas', 401, 'bearer Scope="write" ERROR="Insufficient_Scope"', { scope: 'write' }],
    ['is not quoted', 403, 'Bearer error=insufficient_scope,scope=write', { scope: 'write' }],
    ['is escaped', 403, 'Bearer error="insufficient\\_scope", scope="a\\"b\\\\c"', { scope: 'a"b\\c' }],
    [
      'names metadata',
      403,
      'Bearer resource_metadata="https://orders.example.com/.well-known/x?a=b,c", error="insufficient_scope"',
      { scope: undefined, resourceMetadata: 'https://orders.example.com/.well-known/x?a=b,c' },
    ],
    [
      'follows other challenges',
      403,
      'Basic realm="x", scope="no", Bearer error="insufficient_scope", scope="write", DPoP scope="no"',
      { scope: 'write' },
    ],
    ['is of another scheme', 403, 'DPoP error="insufficient_scope", scope="write"', undefined],
    ['is of another scheme, in a 401', 401, 'Bearer, DPoP error="insufficient_scope"', undefined],
    ['is about the token', 403, 'Bearer error="insufficient_user_authentication", scope="write"', undefined],
    ['has no error', 403, 'Bearer scope="write"', undefined],
    ['comes with another status', 404, 'Bearer error="insufficient_scope", scope="write"', undefined],
    ['comes with a success', 200, 'Bearer error="insufficient_scope", scope="write"', undefined],
  ])('that %s is read according to the scheme of the token', async (_what, status, challenge, expected) => {
    const { authorizer, challenges } = start(() => ({ scope: 'read' }))
    await send(authorizer, '/', () => [status, { 'www-authenticate': challenge }])
    const given = { error: 'insufficient_scope', resourceMetadata: undefined, ...expected }
    expect(challenges()).toEqual(expected === undefined ? [] : [given])
  })

  it('has an effect only for our own token, not for that of an incoming request', async () => {
    const { authorizer, choose } = start(widening, { incoming: 'forward' })
    const incoming = { headers: { authorization: 'Bearer alice' } }
    const { carried, status } = await forwardIncoming(incoming, () => send(authorizer, '/write'))
    expect({ carried, status, calls: choose.mock.calls.length }).toEqual({ carried: ['alice'], status: 403, calls: 1 })
  })

  it('from a cache is delivered', async () => {
    const { authorizer, challenges } = start(widening)
    const details = { replayable: true, fromCache: true }
    expect(await send(authorizer, '/write', byPath, { details })).toMatchObject({ status: 403 })
    await send(authorizer, '/write', () => [403, { ...insufficient('write'), age: '7' }])
    expect(challenges()).toEqual([])
  })

  it('runs tokenRequest in the async context of the caller', async () => {
    const tenant = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const { authorizer } = start((outgoing) => {
      seen.push(tenant.getStore())
      return widening(outgoing)
    })
    const request = { url: `${api}/write`, method: 'GET' }
    const authorization = tenant.run('alice', () => authorizer.begin(request)) as RequestAuthorization
    await tenant.run('bob', () => resume(authorization, '/write', byPath, request))
    expect(seen).toEqual(['alice', 'alice'])
  })
})

describe('the wider token', () => {
  it('that the resource does not accept causes one resend, and is not remembered', async () => {
    const { authorizer, challenges } = start(widening)
    for (const status of [403, 401]) {
      const never: Resource = () => [status, insufficient('write')]
      for (const _ of [1, 2]) {
        expect(await send(authorizer, '/write', never)).toMatchObject({ carried: ['read-1', 'read+write-1'], status })
      }
    }
    const forbidden: Resource = (token) => (token.includes('write') ? [403] : [403, insufficient('write')])
    await send(authorizer, '/write', forbidden)
    expect((await send(authorizer, '/read')).carried).toEqual(['read-1'])
    expect(challenges()).toHaveLength(5)
  })

  it.each<[string, Choose]>([
    ['the first token request', ({ challenge }) => ({ scope: challenge?.scope === 'write' ? 'read write' : 'read' })],
    ['the wider one', ({ challenge }) => ({ scope: challenge ? 'read write' : 'read' })],
  ])('that is enough for one path is kept if another path demands more and gets %s', async (_what, tokenRequest) => {
    const { authorizer } = start(tokenRequest)
    await send(authorizer, '/write')
    expect(await send(authorizer, '/admin')).toMatchObject({ carried: ['read+write-1'], status: 403 })
    expect((await send(authorizer, '/write')).carried).toEqual(['read+write-1'])
  })

  it('does not use up the resend after a rejection, whichever comes first', async () => {
    const { authorizer } = start(widening)
    const rejectFirst: Resource = (token) =>
      token.endsWith('-1') ? [401, invalid] : token.includes('write') ? [200] : [403, insufficient('write')]
    expect(await send(authorizer, '/write', rejectFirst)).toMatchObject({
      carried: ['read-1', 'read-2', 'read+write-1'],
      status: 401, // the second rejection of one request
    })
    const { authorizer: other, challenges } = start(widening)
    const rejectWider: Resource = (token) =>
      token.includes('write') ? (token.endsWith('-1') ? [401, invalid] : [200]) : [403, insufficient('write')]
    expect(await send(other, '/write', rejectWider)).toMatchObject({
      carried: ['read-1', 'read+write-1', 'read+write-2'],
      status: 200,
    })
    expect((await send(other, '/write')).carried).toEqual(['read+write-2'])
    expect(challenges()).toHaveLength(1)
  })

  it.each<[string, Resource]>([
    ['401s', (token) => (token.includes('write') ? [401, invalid] : [403, insufficient('write')])],
    [
      'a 401, then a 403',
      (token) => (token.includes('write') ? [token.endsWith('1') ? 401 : 403, {}] : [403, insufficient('write')]),
    ],
  ])(
    'that the resource rejects by %s is not remembered: the next request is sent with the first one',
    async (_by, rejecting) => {
      const { authorizer } = start(widening)
      await send(authorizer, '/write', rejecting)
      expect((await send(authorizer, '/read')).carried).toEqual(['read-1'])
    },
  )

  it.each<[string, (status: 401 | 403) => readonly [401 | 403, Record<string, string>?]]>([
    ['a 403', () => [403]],
    ['401s', () => [401, invalid]],
  ])('that was accepted once and is then rejected by %s is forgotten', async (_by, reject) => {
    const { authorizer } = start(widening)
    expect((await send(authorizer, '/write')).status).toBe(200)
    await send(authorizer, '/read', () => reject(401))
    expect((await send(authorizer, '/read')).carried).toEqual(['read-1'])
  })

  it('is for the origin that demanded it: a redirect to another listed one carries the first token', async () => {
    const other = 'https://stock.example.com'
    const { authorizer } = start(widening, { origins: [api, other] })
    await send(authorizer, '/write')
    const authorization = authorizer.begin({ url: `${api}/read`, method: 'GET' }) as RequestAuthorization
    const first = await authorization.headersFor({ url: `${api}/read`, method: 'GET' })
    const hop = { url: `${other}/read`, method: 'GET' }
    authorization.redirected(hop, { hopIsOurs: true })
    expect([first, authorization.headersFor(hop)]).toEqual([
      { authorization: 'Bearer read+write-1' },
      { authorization: 'Bearer read-1' },
    ])
  })

  it('that the authorization server denies leads to delivery of the response, and fails no other request', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const issue = issuing()
    const { authorizer, sent } = start(widening, {}, (request, count) =>
      request.form.scope === 'read'
        ? issue(request, count)
        : Response.json({ error: 'invalid_scope' }, { status: 400 }),
    )
    for (const _ of [1, 2]) {
      expect(await send(authorizer, '/write')).toMatchObject({ carried: ['read-1'], status: 403 })
    }
    expect(sent).toHaveLength(2) // the denial is remembered like any other
    vi.setSystemTime(Date.now() + 60_000)
    expect(await send(authorizer, '/read')).toMatchObject({ carried: ['read-1'], status: 200 })
    expect(sent).toHaveLength(2) // and a request with enough scope does not wait for another token
  })

  it('that is no longer available is replaced by the first one, since the request may not need it', async () => {
    const issue = issuing()
    let denies = false
    const { authorizer, provider } = start(widening, {}, (request, count) =>
      denies && request.form.scope !== 'read'
        ? Response.json({ error: 'invalid_scope' }, { status: 400 })
        : issue(request, count),
    )
    await send(authorizer, '/write')
    provider.clear()
    denies = true
    expect(await send(authorizer, '/read')).toMatchObject({ carried: ['read-2'], status: 200 })
    expect(await send(authorizer, '/read')).toMatchObject({ carried: ['read-2'], status: 200 })
  })

  it('that equals the first one does not cause a resend', async () => {
    const { authorizer } = start(widening, {}, () => Response.json({ access_token: 'the-same', expires_in: 3600 }))
    expect(await send(authorizer, '/write')).toMatchObject({ carried: ['the-same'], status: 403 })
  })

  it('is sent with the next request if the body of this one cannot be sent again', async () => {
    const { authorizer, challenges } = start(widening)
    const once = { method: 'POST', details: { replayable: false } }
    expect(await send(authorizer, '/write', byPath, once)).toMatchObject({ carried: ['read-1'], status: 403 })
    expect(await send(authorizer, '/write', byPath, once)).toMatchObject({ carried: ['read+write-1'], status: 200 })
    expect(challenges()).toHaveLength(1)
  })

  it('takes one token request for 40 concurrent requests', async () => {
    const { authorizer, sent } = start(widening)
    const all = await Promise.all(Array.from({ length: 40 }, () => send(authorizer, '/write')))
    expect(all.every(({ status }) => status === 200)).toBe(true)
    expect(sent.map(({ form }) => form.scope)).toEqual(['read', 'read write'])
  })

  it('causes four token requests, then one every 15 s, if the resource demands a different one each time', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { authorizer, sent, challenges } = start(widening)
    let count = 0
    const insatiable: Resource = () => [403, insufficient(`scope-${++count}`)]
    for (let i = 0; i < 10; i++) expect(await send(authorizer, '/', insatiable)).toMatchObject({ status: 403 })
    expect(challenges()).toHaveLength(10)
    expect(sent).toHaveLength(1 + 4)
    vi.setSystemTime(Date.now() + 15_000)
    for (let i = 0; i < 3; i++) await send(authorizer, '/', insatiable)
    expect(sent).toHaveLength(1 + 5)
    // The budget of rejected tokens is separate.
    const rejecting: Resource = (token) => (token === 'read-1' ? [401, invalid] : [200])
    expect(await send(authorizer, '/', rejecting)).toMatchObject({ carried: ['read-1', 'read-2'], status: 200 })
  })

  it('does not use up the budget if the resource accepts it', async () => {
    let tenant = 0
    const { authorizer } = start(({ challenge }) => ({ scope: challenge ? `read write-${tenant}` : 'read' }))
    for (tenant = 1; tenant <= 10; tenant++) {
      const wants: Resource = (token) => (token.includes(`write-${tenant}-`) ? [200] : [403, insufficient('write')])
      expect(await send(authorizer, '/', wants)).toMatchObject({ status: 200 })
    }
  })

  it('is awaited until the caller aborts', async () => {
    const controller = new AbortController()
    const issue = issuing()
    let asked: (request: SentRequest) => void = () => {}
    const waiting = new Promise<SentRequest>((resolve) => {
      asked = resolve
    })
    const { authorizer, provider } = start(widening, {}, (request, count) => {
      if (request.form.scope === 'read') return issue(request, count)
      asked(request)
      return new Promise(() => {})
    })
    const sending = send(authorizer, '/write', byPath, { signal: controller.signal }).catch((error) => error)
    await waiting
    controller.abort(new Error('enough'))
    expect(await sending).toBe(controller.signal.reason)
    provider.close()
  })

  it('comes from any provider, even one that is not ours', async () => {
    const given: TokenProvider = {
      getToken: async ({ scope = '' } = {}) => ({ accessToken: `for-${scope}`, expiresAt: Date.now() + 60_000 }),
    }
    const authorizer = createRequestAuthorizer('test', given, {
      origins: api,
      tokenRequest: ({ challenge }) => ({
        scope: challenge ? 'write' : 'read',
      }),
    })
    expect(await send(authorizer, '/write')).toMatchObject({ carried: ['for-read', 'for-write'], status: 200 })
    expect((await send(authorizer, '/write')).carried).toEqual(['for-write'])
  })
})

describe('on behalf of callers, the wider token', () => {
  const exchanging = (denied: readonly string[] = []): Answer => {
    return ({ form: { subject_token: user = 'the-service', scope = '' } }) =>
      denied.includes(user) && scope !== 'read'
        ? Response.json({ error: 'invalid_scope' }, { status: 400 })
        : Response.json({
            access_token: `${user}-${scope.replaceAll(' ', '+')}`,
            token_type: 'Bearer',
            expires_in: 3600,
          })
  }
  const startExchanging = (answer: Answer) => {
    const started = start(widening, { incoming: 'exchange' }, answer)
    const as = (user: string, path: string) =>
      forwardIncoming({ headers: { authorization: `Bearer ${user}` } }, () => send(started.authorizer, path))
    return { ...started, as }
  }

  it('is requested for the caller who needs it, never for the service, and inherited by no other caller', async () => {
    const { as, sent } = startExchanging(exchanging())
    expect(await as('alice', '/write')).toMatchObject({ carried: ['alice-read', 'alice-read+write'], status: 200 })
    expect((await as('bob', '/read')).carried).toEqual(['bob-read'])
    expect(await as('bob', '/write')).toMatchObject({ carried: ['bob-read', 'bob-read+write'], status: 200 })
    expect((await as('alice', '/write')).carried).toEqual(['alice-read+write'])
    expect(sent.map(({ form }) => form.subject_token)).toEqual(['alice', 'alice', 'bob', 'bob'])
  })

  it('that is denied to many is not denied to the next', async () => {
    const users = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6']
    const { as } = startExchanging(exchanging(users))
    for (const user of users) expect(await as(user, '/write')).toMatchObject({ carried: [`${user}-read`], status: 403 })
    expect(await as('alice', '/write')).toMatchObject({ carried: ['alice-read', 'alice-read+write'], status: 200 })
  })

  it('that can be had no more is given up for the first one of the same caller', async () => {
    const denied: string[] = []
    const { as, provider } = startExchanging(exchanging(denied))
    await as('alice', '/write')
    provider.clear()
    denied.push('alice')
    expect(await as('alice', '/read')).toMatchObject({ carried: ['alice-read'], status: 200 })
  })
})

describe('a request that is sent more than once', () => {
  it('keeps the wider token when a layer repeats it, and does not step up again', async () => {
    const { authorizer, challenges } = start(widening)
    let failures = 1
    const failing: Resource = (token, path) => {
      if (!token.includes('write')) return byPath(token, path)
      return failures-- > 0 ? [503] : [403, insufficient('admin')]
    }
    const first = await send(authorizer, '/write', failing)
    expect(first).toMatchObject({ carried: ['read-1', 'read+write-1'], status: 503 })
    const repeated = await resume(first.authorization, '/write', failing)
    expect(repeated).toMatchObject({ carried: ['read+write-1'], status: 403 })
    expect(challenges()).toHaveLength(1)
  })

  it('does not step up again if the layer that repeats it hides its identity', async () => {
    const { authorizer, challenges } = start(({ challenge }) => ({ scope: `read ${challenge?.scope ?? ''}` }))
    let count = 0
    const insatiable: Resource = () => [403, insufficient(`scope-${++count}`)]
    const request = { url: `${api}/`, method: 'GET' }
    const { authorization } = await send(authorizer, '/', insatiable)
    let repeated: RequestAuthorization | undefined
    authorizer.runEnd({}, authorization, () => {
      repeated = authorizer.beginOrContinue({}, request)
    })
    expect(repeated).not.toBe(authorization)
    await resume(repeated as RequestAuthorization, '/', insatiable, request)
    expect(challenges()).toHaveLength(1)
  })

  const hop = `${api}/hop`
  const follow = async (authorizer: Authorizer, target: string, hopIsOurs: boolean) => {
    const request = { url: `${api}/start`, method: 'GET' }
    const authorization = authorizer.begin(request) as RequestAuthorization
    await authorization.headersFor(request)
    authorization.redirected({ url: target, method: 'GET' }, { hopIsOurs })
    if (hopIsOurs) await authorization.headersFor({ url: target, method: 'GET' })
    return authorization.responded(403, insufficient('write'), { replayable: true })
  }

  it('steps up at a hop that the adapter sends, for the URL of the hop', async () => {
    const { authorizer, choose } = start(widening)
    expect(await follow(authorizer, hop, true)).toBe('resend')
    expect(choose.mock.calls.map(([{ url }]) => url.href)).toEqual([`${api}/start`, hop])
  })

  it('does not step up after a redirect that the client followed, nor at the target of one', async () => {
    const { authorizer, challenges } = start(widening)
    expect(await follow(authorizer, hop, false)).toBe('deliver')
    for (const hopIsOurs of [false, true]) {
      expect(await follow(authorizer, 'https://stranger.example.net/', hopIsOurs)).toBe('deliver')
    }
    expect(challenges()).toEqual([])
  })
})

it('the memory of wider token requests is bounded, with separate entries by origin and first result', () => {
  const known = new WiderRequests()
  const [read, other, wide, wider] = ['read', 'other', 'wide', 'wider'].map((scope) => prepareTokenRequest({ scope }))
  if (!read || !other || !wide || !wider) throw new Error('unreachable')
  known.remember(api, read, wide)
  expect(known.find(api, read)).toBe(wide)
  expect([known.find(api, other), known.find('https://stock.example.com', read)]).toEqual([undefined, undefined])
  known.forget(api, read, wider) // another one has been remembered since
  expect(known.find(api, read)).toBe(wide)
  known.forget(api, read, wide)
  expect(known.find(api, read)).toBeUndefined()
  for (let i = 0; i <= 1000; i++) known.remember(`https://${i}.example.com`, read, wide)
  expect([0, 1, 1000].map((i) => known.find(`https://${i}.example.com`, read))).toEqual([undefined, wide, wide])
})
