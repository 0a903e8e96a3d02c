// On behalf of the caller (RFC 8693): which token is sent, how long it is used, and who is affected by a failure.
import {
  type CachingTokenProvider,
  createTokenProvider,
  forwardIncoming,
  jwtBearer,
  type McaAuthOptions,
  tokenExchange,
} from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Answer, recordingFetch, unsignedJwt } from '../servers/sent-token-requests.ts'

const origin = 'https://stock.example.com'
const get = { url: `${origin}/items`, method: 'GET' }
const rejected = { 'www-authenticate': 'Bearer error="invalid_token"' }
const open: CachingTokenProvider[] = []

afterEach(() => {
  vi.useRealTimers()
  for (const provider of open.splice(0)) provider.close()
})

/** A provider with a client that exchanges, and its recorded token requests. */
function setUp(options: McaAuthOptions = {}, answer?: Answer) {
  const { fetch, sent } = recordingFetch(answer)
  const provider = createTokenProvider({
    tokenEndpoint: 'https://idp.example.com/token',
    clientId: 'orders',
    secret: 'fake-secret',
    origins: origin,
    incoming: 'exchange',
    fetch,
    ...options,
  })
  open.push(provider)
  const authorizer = createRequestAuthorizer('test', provider)
  const begin = (request = get) => authorizer.begin(request)
  const send = async (signal?: AbortSignal) => authorizer.begin({ ...get, signal })?.headersFor(get)
  const as = <T>(token: string | undefined, run: () => T) =>
    forwardIncoming({ headers: { authorization: token && `Bearer ${token}` } }, run)
  /** The header of a request on behalf of this token. */
  const sendAs = (token: string) => as(token, send)
  return { provider, authorizer, sent, begin, send, as, sendAs }
}

/** Responds with a token that names the subject, so that a mix-up shows. */
const tokenFor = (answers: Record<string, () => Response | Promise<Response>> = {}): Answer => {
  return ({ form }, count) => {
    const subject = form.subject_token ?? form.assertion ?? 'the-service'
    return answers[subject]?.() ?? Response.json({ access_token: `for-${subject}-${count}`, expires_in: 3600 })
  }
}
const subjects = (sent: readonly { readonly form: Readonly<Record<string, string>> }[]) =>
  sent.map(({ form }) => form.subject_token ?? form.grant_type)

describe('the token request of an exchange', () => {
  it('is the form of RFC 8693, with the client and the requested token', async () => {
    const { sent, sendAs } = setUp({
      scope: 'stock.read',
      resource: 'https://stock.example.com/api',
      parameters: { audience: 'stock' },
    })
    expect(await sendAs('alice')).toEqual({ authorization: 'Bearer token-1' })
    expect(sent[0]?.form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'alice',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'stock.read',
      resource: 'https://stock.example.com/api',
      audience: 'stock',
    })
    expect(sent[0]?.headers.authorization).toBe(`Basic ${btoa('orders:fake-secret')}`)
  })

  it('has the settings of `tokenExchange()` without a subject: types, and an actor that is read each time', async () => {
    let actors = 0
    const grant = tokenExchange({
      subjectTokenType: 'jwt',
      actorToken: () => `actor-${++actors}`,
      actorTokenType: 'urn:example:actor',
      requestedTokenType: 'access_token',
    })
    const { sent, sendAs } = setUp({ grant })
    await sendAs('alice')
    await sendAs('bob')
    expect(sent.map(({ form }) => form)).toMatchObject([
      {
        subject_token: 'alice',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        actor_token: 'actor-1',
        actor_token_type: 'urn:example:actor',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      },
      { subject_token: 'bob', actor_token: 'actor-2' },
    ])
  })

  it("is Microsoft Entra's form with `jwtBearer()`, whose other settings are form fields", async () => {
    const grant = jwtBearer({ requested_token_use: 'on_behalf_of' })
    const { sent, sendAs } = setUp({ grant, scope: 'api://stock/.default', clientAuth: 'client_secret_post' })
    await sendAs('alice')
    expect(sent[0]?.form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: 'alice',
      requested_token_use: 'on_behalf_of',
      scope: 'api://stock/.default',
      client_id: 'orders',
      client_secret: 'fake-secret',
    })
  })

  it.each([
    ['no `grant`', {}],
    ['tokenExchange()', { grant: tokenExchange() }],
    ['jwtBearer()', { grant: jwtBearer({ requested_token_use: 'on_behalf_of' }) }],
  ])("is the client's own grant if the provider is used directly, with %s", async (_name, options) => {
    const { provider, sent, as, sendAs } = setUp(options)
    await sendAs('alice')
    const own = await as('alice', () => provider.getToken())
    expect(own.accessToken).toBe('token-2')
    expect(sent[1]?.form).toEqual({ grant_type: 'client_credentials' })
    expect(await provider.getAuthorizationHeader()).toBe('Bearer token-2')
    expect(provider.peek()).toBe('Bearer token-2')
    expect((await provider.headersFor({ url: get.url })).authorization).toBe('Bearer token-2')
  })

  it('may have a subject token that is bound to a key, which is never forwarded', async () => {
    const { sent, send } = setUp({}, tokenFor())
    const headers = { authorization: 'DPoP alice' }
    expect(await forwardIncoming({ headers }, send)).toEqual({ authorization: 'Bearer for-alice-1' })
    expect(subjects(sent)).toEqual(['alice'])
    const forwarding = setUp({ incoming: 'forward' })
    expect(await forwardIncoming({ headers }, forwarding.send)).toEqual({})
  })

  it('may have a subject token of 8 KB, and only the access token of `Bearer access identity`', async () => {
    const { sent, sendAs } = setUp()
    const long = 'x'.repeat(8_192)
    await sendAs(`${long} an-identity-token`)
    await sendAs(`${long}y`)
    expect(subjects(sent)).toEqual([long, `${long}y`])
  })
})

describe('without an incoming token', () => {
  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'DPoP',
    'DPoP a b',
    'x Bearer a',
    'Bearer ü',
    'Bearer alice, Bearer bob',
    'Bearer alice,Bearer bob',
    ['Bearer alice'],
  ])('(%j) a request fails, and nothing is requested', async (authorization) => {
    const { sent, send } = setUp()
    const failure = forwardIncoming({ headers: { authorization: authorization as string } }, send)
    await expect(failure).rejects.toMatchObject({
      code: 'MISSING_INCOMING_TOKEN',
      message: expect.stringContaining('respond to it with 401'),
    })
    expect(sent).toHaveLength(0)
  })

  it('(two joined headers) a request fails as well', async () => {
    const { sent, send } = setUp()
    const headers = new Headers([
      ['authorization', 'Bearer alice'],
      ['authorization', 'Bearer bob'],
    ])
    await expect(forwardIncoming({ headers }, send)).rejects.toMatchObject({ code: 'MISSING_INCOMING_TOKEN' })
    expect(sent).toHaveLength(0)
  })

  it('outside of an incoming request it fails, even if the service has its own token', async () => {
    const { provider, sent, send } = setUp()
    await provider.getToken()
    await expect(send()).rejects.toMatchObject({
      code: 'MISSING_INCOMING_TOKEN',
      message: expect.stringContaining('forwardIncoming()'),
    })
    expect(sent).toHaveLength(1)
  })

  it('a request that needs no token is unchanged: another origin, its own Authorization, `tokenRequest: () => false`', async () => {
    const { authorizer } = setUp()
    const elsewhere = { url: 'https://other.example.com/', method: 'GET' }
    expect(authorizer.begin(elsewhere)?.headersFor(elsewhere)).toEqual({})
    const own = { ...get, authorization: 'Basic YTpi' }
    expect(authorizer.begin(own)?.headersFor(own)).toEqual({})
    const { send } = setUp({ tokenRequest: () => false })
    expect(await send()).toEqual({})
  })

  it("an expired subject token is not sent to the server once the server's time is known", async () => {
    const now = Date.now()
    const date = () => ({ headers: { date: new Date().toUTCString() } })
    const { sent, sendAs } = setUp({}, () => Response.json({ access_token: 'fake', expires_in: 3600 }, date()))
    const expired = unsignedJwt({ sub: 'alice', exp: now / 1000 - 10 })
    // The first one may be expired only by our clock.
    await sendAs(expired)
    expect(sent).toHaveLength(1)
    await expect(sendAs(expired)).rejects.toMatchObject({
      code: 'MISSING_INCOMING_TOKEN',
      message: expect.stringContaining('has expired'),
    })
    await expect(sendAs(unsignedJwt({ sub: 'bob', exp: now / 1000 - 10 }))).rejects.toThrow('has expired')
    await sendAs(unsignedJwt({ sub: 'carol', exp: now / 1000 + 100 }))
    expect(sent).toHaveLength(2)
  })
})

describe('the token for a caller', () => {
  it('is cached for each token of a caller, however many requests are made on its behalf', async () => {
    const { sent, sendAs } = setUp({}, tokenFor())
    for (let round = 0; round < 3; round++) {
      expect(await sendAs('alice')).toEqual({ authorization: 'Bearer for-alice-1' })
      expect(await sendAs('bob')).toEqual({ authorization: 'Bearer for-bob-2' })
    }
    expect(sent).toHaveLength(2)
  })

  it('is shared by two tokens of one user only if they are the same: their rights may differ', async () => {
    const claims = { iss: 'https://idp.example.com', sub: 'alice' }
    const [one, two] = [1, 2].map((iat) => unsignedJwt({ ...claims, iat })) as [string, string]
    const { sent, sendAs } = setUp()
    await sendAs(one)
    await sendAs(two)
    await sendAs(one)
    expect(subjects(sent)).toEqual([one, two])
  })

  it('takes one token request for two concurrent requests of one user, and two for two users', async () => {
    const { sent, sendAs } = setUp({}, tokenFor())
    const sending = ['alice', 'bob', 'alice', 'bob', 'alice'].map(sendAs)
    const headers = await Promise.all(sending)
    expect(headers.map((one) => one?.authorization?.split('-')[1])).toEqual(['alice', 'bob', 'alice', 'bob', 'alice'])
    expect(sent).toHaveLength(2)
  })

  it('depends on the requested scope', async () => {
    const { authorizer, sent, as } = setUp({
      tokenRequest: ({ method }) => ({ scope: method === 'GET' ? 'read' : 'write' }),
    })
    const post = { ...get, method: 'POST' }
    await as('alice', () => authorizer.begin(get)?.headersFor(get))
    await as('alice', () => authorizer.begin(post)?.headersFor(post))
    await as('alice', () => authorizer.begin(get)?.headersFor(get))
    expect(sent.map(({ form }) => form.scope)).toEqual(['read', 'write'])
  })

  it('gets more scope after a challenge, for that caller only', async () => {
    const { sent, begin, as, sendAs } = setUp(
      { tokenRequest: ({ challenge }) => ({ scope: challenge === undefined ? 'read' : 'read write' }) },
      tokenFor(),
    )
    const authorization = as('alice', begin)
    await authorization?.headersFor(get)
    const challenge = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="write"' }
    const verdict = await as('bob', () => authorization?.responded(403, challenge, { replayable: true }))
    expect(verdict).toBe('resend')
    expect(await authorization?.headersFor(get)).toEqual({ authorization: 'Bearer for-alice-2' })
    authorization?.responded(200, {})
    await sendAs('bob')
    expect(await sendAs('alice')).toEqual({ authorization: 'Bearer for-alice-2' })
    expect(sent.map(({ form }) => [form.subject_token, form.scope])).toEqual([
      ['alice', 'read'],
      ['alice', 'read write'],
      ['bob', 'read'],
    ])
  })

  it('cannot be chosen by a parameter of another party', async () => {
    const { sent, as, authorizer } = setUp({
      tokenRequest: () => ({ parameters: { '#': 'x', subject: 'bob', 'subject#': 'y' } }),
    })
    await as('alice', () => authorizer.begin(get)?.headersFor(get))
    await as('bob', () => authorizer.begin(get)?.headersFor(get))
    expect(subjects(sent)).toEqual(['alice', 'bob'])
  })

  it('stays with the request, even if it is sent again from another context', async () => {
    const { sent, begin, as, sendAs } = setUp({}, tokenFor())
    const authorization = as('alice', begin)
    const first = await authorization?.headersFor(get)
    authorization?.responded(503, {})
    await sendAs('bob')
    expect(await as('bob', () => authorization?.headersFor(get))).toEqual(first)
    expect(await as(undefined, () => authorization?.headersFor(get))).toEqual(first)
    expect(sent).toHaveLength(2)
  })

  it("is in a separate cache: users never evict the service's own token, nor do its tokens evict theirs", async () => {
    const { provider, sent, sendAs } = setUp({ cacheSize: 1, exchangeCacheSize: 2 })
    await provider.getToken()
    for (const user of ['alice', 'bob', 'carol']) await sendAs(user)
    expect(provider.health()).toMatchObject({ cachedTokens: 1, exchangedTokens: 2 })
    await provider.getToken()
    for (const scope of ['a', 'b', 'c']) await provider.getToken({ scope })
    sent.length = 0
    await sendAs('carol')
    await sendAs('bob')
    expect(sent).toHaveLength(0)
    await sendAs('alice') // which the other two had evicted
    expect(subjects(sent)).toEqual(['alice'])
  })

  it('is cached for a thousand users by default', async () => {
    const { provider, sendAs } = setUp()
    for (let i = 0; i < 1_010; i++) await sendAs(`user-${i}`)
    expect(provider.health().exchangedTokens).toBe(1_000)
    provider.clear()
    expect(provider.health().exchangedTokens).toBe(0)
  })

  it("is only for its client: one that ignores incoming requests sends the service's own token", async () => {
    const { provider, as, sendAs } = setUp({}, tokenFor())
    const ignoring = createRequestAuthorizer('test', provider, { incoming: 'ignore' })
    const forwarding = createRequestAuthorizer('test', provider, { incoming: 'forward' })
    expect(await sendAs('alice')).toEqual({ authorization: 'Bearer for-alice-1' })
    const own = await as('alice', () => ignoring.begin(get)?.headersFor(get))
    expect(own).toEqual({ authorization: 'Bearer for-the-service-2' })
    const forwarded = await as('alice', () => forwarding.begin(get)?.headersFor(get))
    expect(forwarded).toEqual({ authorization: 'Bearer alice' })
  })
})

describe('its lifetime', () => {
  const hour = 3_600
  const jwtUntil = (seconds: number) => unsignedJwt({ sub: 'alice', exp: Date.now() / 1000 + seconds })
  const date = () => ({ headers: { date: new Date().toUTCString() } })
  const issue: Answer = (_request, count) => Response.json({ access_token: `token-${count}`, expires_in: hour }, date())

  it("never exceeds that of the caller's token, before whose expiry it is not refreshed", async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { sent, sendAs } = setUp({}, issue)
    const alice = jwtUntil(100)
    await sendAs(alice)
    for (const seconds of [50, 45, 4]) {
      vi.setSystemTime(Date.now() + seconds * 1000)
      expect(await sendAs(alice)).toEqual({ authorization: 'Bearer token-1' })
    }
    vi.setSystemTime(Date.now() + 2_000)
    await expect(sendAs(alice)).rejects.toMatchObject({ code: 'MISSING_INCOMING_TOKEN' })
    expect(sent).toHaveLength(1)
  })

  it("is measured by our clock if the server's time is unknown, and then the token is exchanged again", async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { sent, sendAs } = setUp({}, (_request, count) =>
      Response.json({ access_token: `token-${count}`, expires_in: hour }),
    )
    const alice = jwtUntil(100)
    await sendAs(alice)
    vi.setSystemTime(Date.now() + 99_000)
    await sendAs(alice)
    expect(sent).toHaveLength(1)
    vi.setSystemTime(Date.now() + 2_000)
    expect(await sendAs(alice)).toEqual({ authorization: 'Bearer token-2' })
  })

  it("may be shorter, and then the caller's token is exchanged again", async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { sent, sendAs } = setUp({}, issue)
    const alice = jwtUntil(2 * hour)
    await sendAs(alice)
    vi.setSystemTime(Date.now() + (hour + 1) * 1000)
    expect(await sendAs(alice)).toEqual({ authorization: 'Bearer token-2' })
    expect(sent).toHaveLength(2)
  })

  it('is extended by a refresh in the background if it ends first', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { sent, sendAs } = setUp({}, issue)
    const alice = jwtUntil(2 * hour)
    await sendAs(alice)
    vi.setSystemTime(Date.now() + (hour - 60) * 1000)
    expect(await sendAs(alice)).toEqual({ authorization: 'Bearer token-1' })
    await vi.waitFor(async () => expect(await sendAs(alice)).toEqual({ authorization: 'Bearer token-2' }))
    expect(subjects(sent)).toEqual([alice, alice])
  })

  it.each([
    ['behind', -hour],
    ['ahead', hour],
  ])("is measured by the server's clock, if ours is %s", async (_name, skew) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { sent, sendAs } = setUp({}, (_request, count) => {
      const headers = { date: new Date(Date.now() - skew * 1000).toUTCString() }
      return Response.json({ access_token: `token-${count}`, expires_in: 10 * hour }, { headers })
    })
    // By the server's clock, it expires in 100 s.
    const alice = unsignedJwt({ sub: 'alice', exp: Date.now() / 1000 - skew + 100 })
    await sendAs(alice)
    vi.setSystemTime(Date.now() + 95_000)
    expect(await sendAs(alice)).toEqual({ authorization: 'Bearer token-1' })
    vi.setSystemTime(Date.now() + 10_000)
    await expect(sendAs(alice)).rejects.toMatchObject({ code: 'MISSING_INCOMING_TOKEN' })
    expect(sent).toHaveLength(1)
  })

  it.each([
    ['an opaque token', 'opaque'],
    ['no `exp`', unsignedJwt({ sub: 'alice' })],
    ['an `exp` that is text', unsignedJwt({ exp: '1' })],
    ['an `exp` beyond all dates', unsignedJwt({ exp: 1e300 })],
    ['invalid claims', 'a.b.c'],
  ])('is its own for %s', async (_name, token) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { sent, sendAs } = setUp({}, issue)
    await sendAs(token)
    vi.setSystemTime(Date.now() + (hour - 400) * 1000)
    expect(await sendAs(token)).toEqual({ authorization: 'Bearer token-1' })
    expect(sent).toHaveLength(1)
  })
})

describe('a rejected token', () => {
  it('is replaced by an exchange of the same subject token, and the request is resent', async () => {
    const { sent, begin, as, sendAs } = setUp({}, tokenFor())
    await sendAs('bob')
    const authorization = as('alice', begin)
    await authorization?.headersFor(get)
    const verdict = await as('bob', () => authorization?.responded(401, rejected, { replayable: true }))
    expect(verdict).toBe('resend')
    expect(await authorization?.headersFor(get)).toEqual({ authorization: 'Bearer for-alice-3' })
    expect(await authorization?.responded(401, rejected, { replayable: true })).toBe('deliver')
    expect(subjects(sent)).toEqual(['bob', 'alice', 'alice'])
    expect(await sendAs('bob')).toEqual({ authorization: 'Bearer for-bob-1' })
  })

  it('leads to the 401 if the exchange is now denied, e.g. because the session has ended', async () => {
    let answers = 0
    const alice = () =>
      ++answers === 1
        ? Response.json({ access_token: 'fake', expires_in: 3600 })
        : Response.json({ error: 'invalid_grant' }, { status: 400 })
    const { begin, as } = setUp({}, tokenFor({ alice }))
    const authorization = as('alice', begin)
    await authorization?.headersFor(get)
    expect(await authorization?.responded(401, rejected, { replayable: true })).toBe('deliver')
  })

  it('costs at most four exchanges for one user, without affecting the others', async () => {
    const { sent, begin, as } = setUp({}, tokenFor())
    for (let i = 0; i < 10; i++) {
      const authorization = as('alice', begin)
      await authorization?.headersFor(get)
      if ((await authorization?.responded(401, rejected, { replayable: true })) !== 'resend') continue
      await authorization?.headersFor(get)
      expect(await authorization?.responded(401, rejected, { replayable: true })).toBe('deliver')
    }
    expect(sent).toHaveLength(5)
    const bobs = as('bob', begin)
    await bobs?.headersFor(get)
    expect(await bobs?.responded(401, rejected, { replayable: true })).toBe('resend')
  })

  it('is dropped by `provider.invalidate()` as well', async () => {
    const { provider, sendAs } = setUp()
    await sendAs('alice')
    expect(provider.invalidate('Bearer token-1')).toBe(true)
    expect(provider.invalidate('token-1')).toBe(false)
    expect(await sendAs('alice')).toEqual({ authorization: 'Bearer token-2' })
  })
})

describe('a wait', () => {
  const never = () => new Promise<Response>(() => {})

  it('ends for the caller that aborts it, and for no other', async () => {
    let issue: (response: Response) => void = () => {}
    const waiting = new Promise<Response>((resolve) => {
      issue = resolve
    })
    const { sent, as, send } = setUp({}, tokenFor({ alice: () => waiting }))
    const controller = new AbortController()
    const [one, two] = [as('alice', () => send(controller.signal)), as('alice', () => send())]
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    controller.abort(new Error('gone'))
    await expect(one).rejects.toThrow('gone')
    issue(Response.json({ access_token: 'fake' }))
    expect(await two).toEqual({ authorization: 'Bearer fake' })
    await expect(as('bob', () => send(controller.signal))).rejects.toThrow('gone')
    expect(sent).toHaveLength(1)
  })

  it('ends for all users when the provider is closed, and none begins later', async () => {
    const { provider, sent, sendAs } = setUp({}, tokenFor({ alice: never, bob: never }))
    const waiting = [sendAs('alice'), sendAs('bob')]
    await vi.waitFor(() => expect(sent).toHaveLength(2))
    expect(provider.health().flights).toBe(2)
    provider.close()
    for (const one of waiting) await expect(one).rejects.toThrow('closed')
    await expect(sendAs('carol')).rejects.toThrow('closed')
    expect(provider.health().flights).toBe(0)
    expect(sent).toHaveLength(2)
  })

  it('does not begin if the provider was closed before the first client exchanged', async () => {
    const provider = createTokenProvider({
      tokenEndpoint: 'https://idp.example.com/token',
      clientId: 'orders',
      secret: 'fake-secret',
    })
    provider.close()
    const authorizer = createRequestAuthorizer('test', provider, { origins: origin, incoming: 'exchange' })
    const headers = { authorization: 'Bearer alice' }
    const failing = forwardIncoming({ headers }, async () => authorizer.begin(get)?.headersFor(get))
    await expect(failing).rejects.toThrow('closed')
  })
})
