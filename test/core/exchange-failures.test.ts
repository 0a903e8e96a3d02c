// A failure of one user does not affect the others; a failure of the client or of the network affects all.
import { createTokenProvider, forwardIncoming, type McaAuthOptions } from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Answer, recordingFetch } from '../servers/sent-token-requests.ts'

const origin = 'https://stock.example.com'
const get = { url: `${origin}/items`, method: 'GET' }

afterEach(() => {
  vi.useRealTimers()
})

function setUp(answer: Answer, options: McaAuthOptions = {}) {
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
  const authorizer = createRequestAuthorizer('test', provider)
  const sendAs = (token: string) =>
    forwardIncoming({ headers: { authorization: `Bearer ${token}` } }, async () =>
      authorizer.begin(get)?.headersFor(get),
    )
  const sentFor = (subject: string | undefined) => sent.filter(({ form }) => form.subject_token === subject).length
  return { provider, sent, sendAs, sentFor }
}

const good = () => Response.json({ access_token: 'fake', expires_in: 3600 })
const denied = (error: string, status = 400) => Response.json({ error }, { status })

describe('a failure of one user', () => {
  it.each<[string, () => Response]>([
    ['invalid_grant', () => denied('invalid_grant')],
    ['invalid_request', () => denied('invalid_request')],
    ['invalid_target', () => denied('invalid_target')],
    ['access_denied', () => denied('access_denied', 403)],
    ['interaction_required', () => denied('interaction_required')],
    ['a server that fails at this token', () => new Response('oops', { status: 500 })],
    ['server_error', () => denied('server_error', 500)],
    ['a token that is too long', () => new Response('<h1>413 Request Entity Too Large</h1>', { status: 413 })],
    ['a firewall', () => new Response('<h1>blocked</h1>', { status: 403 })],
    ['an empty 403', () => new Response('', { status: 403 })],
    ['an empty 400', () => new Response('', { status: 400 })],
    ['a redirect', () => new Response('', { status: 302, headers: { location: 'https://idp.example.com/login' } })],
    ['a token of another type', () => Response.json({ access_token: 'fake', token_type: 'N_A' })],
  ])('(%s) blocks neither other users nor the service', async (_name, answer) => {
    const { provider, sendAs, sentFor } = setUp(({ form }) => (form.subject_token === 'alice' ? answer() : good()))
    await sendAs('carol')
    const first = await sendAs('alice').catch((error: unknown) => error)
    const before = sentFor('alice')
    expect(await sendAs('alice').catch((error: unknown) => error)).toBe(first)
    expect(sentFor('alice')).toBe(before)
    expect(await sendAs('bob')).toEqual({ authorization: 'Bearer fake' })
    expect((await provider.getToken()).accessToken).toBe('fake')
    expect(provider.health().failure).toBeUndefined()
  })

  it('is remembered for that user: a thousand requests cause one token request', async () => {
    const { sendAs, sentFor } = setUp(({ form }) => (form.subject_token === 'alice' ? denied('invalid_grant') : good()))
    const outcomes = await Promise.allSettled(Array.from({ length: 1_000 }, () => sendAs('alice')))
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    for (let i = 0; i < 10; i++) await expect(sendAs('alice')).rejects.toMatchObject({ error: 'invalid_grant' })
    expect(sentFor('alice')).toBe(1)
  })

  it('is theirs alone if a firewall rejects their token with a 401 that has no reason', async () => {
    const { sendAs } = setUp(({ form }) =>
      form.subject_token === 'alice' ? new Response('', { status: 401 }) : good(),
    )
    await expect(sendAs('alice')).rejects.toMatchObject({ code: 'TOKEN_REQUEST_REFUSED' })
    await sendAs('bob')
  })

  it('is retried after half a minute, and then less often', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const { sendAs, sentFor } = setUp(() => denied('invalid_grant'))
    for (const seconds of [0, 29, 2, 31, 30]) {
      vi.setSystemTime(Date.now() + seconds * 1000)
      await expect(sendAs('alice')).rejects.toThrow()
    }
    expect(sentFor('alice')).toBe(3)
  })

  it('is forgotten in order of age, so that callers with invalid tokens cannot fill the memory', async () => {
    const { sent, sendAs, sentFor } = setUp(() => denied('invalid_grant'), { exchangeCacheSize: 10 })
    for (let i = 0; i <= 10; i++) await expect(sendAs(`junk-${i}`)).rejects.toThrow()
    await expect(sendAs('junk-10')).rejects.toThrow()
    expect(sent).toHaveLength(11)
    await expect(sendAs('junk-0')).rejects.toThrow()
    expect(sentFor('junk-0')).toBe(2)
  })

  it("does not evict any user's token", async () => {
    const answer: Answer = ({ form }) => (form.subject_token?.startsWith('junk') ? denied('invalid_grant') : good())
    const { sendAs, sentFor } = setUp(answer, { exchangeCacheSize: 2 })
    await sendAs('alice')
    for (let i = 0; i < 20; i++) await expect(sendAs(`junk-${i}`)).rejects.toThrow()
    await sendAs('alice')
    expect(sentFor('alice')).toBe(1)
  })

  it('is forgotten by `clear()`', async () => {
    const { provider, sendAs, sentFor } = setUp(() => denied('invalid_grant'))
    await expect(sendAs('alice')).rejects.toThrow()
    provider.clear()
    await expect(sendAs('alice')).rejects.toThrow()
    expect(sentFor('alice')).toBe(2)
  })
})

describe('a failure of the client or of the server', () => {
  it.each<[string, () => Response]>([
    ['invalid_client', () => denied('invalid_client', 401)],
    ['unauthorized_client', () => denied('unauthorized_client')],
    ['unsupported_grant_type', () => denied('unsupported_grant_type')],
    ['502', () => new Response('<h1>Bad Gateway</h1>', { status: 502 })],
    ['503', () => new Response('', { status: 503 })],
    ['429', () => new Response('', { status: 429, headers: { 'retry-after': '60' } })],
    ['temporarily_unavailable', () => denied('temporarily_unavailable')],
    ['no response', () => Response.error()],
  ])("(%s) affects all users, but not the service's own token", async (_name, answer) => {
    const { provider, sendAs, sentFor } = setUp(({ form }) => {
      if (form.subject_token === undefined) return good()
      const response = answer()
      if (response.type === 'error') throw new TypeError('fetch failed')
      return response
    })
    const first = await sendAs('alice').catch((error: unknown) => error)
    expect(await sendAs('bob').catch((error: unknown) => error)).toBe(first)
    expect(sentFor('bob')).toBe(0)
    expect(provider.health().failure).toBe(first)
    expect((await provider.getToken()).accessToken).toBe('fake')
  })

  it("of the service's own token request does not affect the users", async () => {
    const { provider, sendAs } = setUp(({ form }) =>
      form.grant_type === 'client_credentials' ? denied('unauthorized_client') : good(),
    )
    await expect(provider.getToken()).rejects.toMatchObject({ error: 'unauthorized_client' })
    expect(await sendAs('alice')).toEqual({ authorization: 'Bearer fake' })
  })

  it('ends with the first successful exchange', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    let isDown = true
    const { provider, sendAs } = setUp(() => (isDown ? new Response('', { status: 503 }) : good()))
    await expect(sendAs('alice')).rejects.toThrow()
    isDown = false
    vi.setSystemTime(Date.now() + 2_000)
    expect(await Promise.all(['alice', 'bob', 'carol'].map(sendAs))).toHaveLength(3)
    expect(provider.health().failure).toBeUndefined()
  })

  it('may be an unreadable actor token, which affects all users', async () => {
    const { tokenExchange } = await import('@mca-auth/core')
    const grant = tokenExchange({ actorToken: { file: '/nonexistent/actor' } })
    const { sent, sendAs } = setUp(good, { grant })
    const first = await sendAs('alice').catch((error: unknown) => error)
    expect(first).toMatchObject({ code: 'INVALID_CREDENTIALS_SOURCE' })
    expect(await sendAs('bob').catch((error: unknown) => error)).toBe(first)
    expect(sent).toHaveLength(0)
  })
})

it('that follows an outage, for callers that the server denies, does not delay others', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  let isDown = true
  const held: ((response: Response) => void)[] = []
  const { sendAs, sentFor } = setUp(({ form }) => {
    if (isDown) return new Response('', { status: 503 })
    if (form.subject_token === 'junk-1') return denied('invalid_grant')
    return new Promise<Response>((resolve) => held.push(resolve))
  })
  await expect(sendAs('alice')).rejects.toThrow()
  isDown = false
  vi.setSystemTime(Date.now() + 2_000)
  await expect(sendAs('junk-1')).rejects.toMatchObject({ error: 'invalid_grant' })
  // If the server still counted as down, the second one would wait for the first.
  const both = [sendAs('bob'), sendAs('carol')]
  await vi.waitFor(() => expect([sentFor('bob'), sentFor('carol')]).toEqual([1, 1]))
  for (const answer of held) answer(good())
  await Promise.all(both)
})
