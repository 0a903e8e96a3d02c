import { type ProtectedResource, type Reply, startProtectedResource } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refused } from '../servers/refused.ts'
import { doctor, Fixture, run } from './fixture.ts'

const fixture = new Fixture()
let resource: ProtectedResource
let reply: Reply | undefined

beforeEach(async () => {
  reply = undefined
  resource = await startProtectedResource({ authorizationServer: fixture.server, intercept: () => reply })
})

afterEach(() => resource.close())

const examine = (...args: string[]) => doctor(args, fixture.vcap())

describe('mca-auth doctor --dpop', () => {
  it('sends a proof with the token, and the nonce that the resource demands', async () => {
    resource.dpop.demandsNonce = true
    const { code, rows } = await examine('--dpop', '--url', `${resource.origin}/mine`, '--send')
    expect(code).toBe(0)
    expect(rows).toContainEqual(expect.stringContaining('✓ kind DPoP, a JWT'))
    expect(rows).toContain('· nonce required in the proof; sent again with it')
    expect(rows).toContain('✓ token the resource accepts it')
    expect(resource.dpop.proofs).toHaveLength(1)
  })

  it.each([
    ['DPoP algs="ES256"', [], 'set `dpop: true` in the code'],
    ['Bearer, DPoP algs="ES256"', [], 'set `dpop: true` in the code'],
    ['Bearer error="invalid_token"', ['--dpop'], 'Try without --dpop'],
    ['DPoP error="invalid_dpop_proof"', ['--dpop'], 'compare its clock'],
  ])('says whether the resource wants a bound token: %s', async (challenge, flags, advice) => {
    reply = { status: 401, headers: { 'www-authenticate': challenge }, body: 'no' }
    const { code, rows } = await examine(...flags, '--url', resource.origin, '--send')
    expect(code).toBe(7)
    expect(rows).toContainEqual(expect.stringContaining(advice))
  })

  it('says that the server does not bind tokens', async () => {
    fixture.server.ignoresDpop = true
    const { code, out } = await examine('--dpop')
    expect(code).not.toBe(0)
    expect(out).toContain('not bound to the --dpop key')
  })

  it('cannot be combined with `token`, whose header would be useless', async () => {
    const { code, err } = await run(['token', '--dpop'], fixture.vcap())
    expect(code).toBe(2)
    expect(err).toContain('--dpop goes with `doctor`')
  })
})

describe('mca-auth doctor --url', () => {
  it('says that the request would carry the token, and sends nothing', async () => {
    const { code, rows } = await examine('--url', `${resource.origin}/mine`, '--origin', resource.origin)
    expect(code).toBe(0)
    expect(rows).toContain(`· url ${resource.origin}/mine`)
    expect(rows).toContain('✓ token would be sent')
    expect(rows[0]).toBe('✓ Nothing is wrong: the request would carry a token')
    expect(resource.received).toEqual([])
  })

  it('uses the origin of the URL if the code lists none', async () => {
    const { code, rows } = await examine('--url', 'https://orders.example.com/mine')
    expect(code).toBe(0)
    expect(rows).toContain('✓ token would be sent')
  })

  it.each<[string, string[]]>([
    ['one of several', ['https://a.example.com', 'https://orders.example.com']],
    ['a pattern', ['https://*.example.com']],
    ['plain HTTP with consent', ['http://orders.example.com']],
  ])('decides by the origins that the code lists: %s', async (_what, origins) => {
    const url = origins[0]?.startsWith('http:') ? 'http://orders.example.com/' : 'https://orders.example.com/'
    const { code, rows } = await examine('--url', url, ...origins.flatMap((origin) => ['--origin', origin]))
    expect(code).toBe(0)
    expect(rows).toContain('✓ token would be sent')
  })

  it.each<[string, string, string[]]>([
    ['another host', 'https://invoices.example.com/', ['https://orders.example.com']],
    ['another port', 'https://orders.example.com:8443/', ['https://orders.example.com']],
    ['another scheme', 'http://orders.example.com/', ['https://orders.example.com']],
    ['the domain of a pattern', 'https://example.com/', ['https://*.example.com']],
  ])('says that the origin is not listed: %s', async (_what, url, origins) => {
    const { code, rows } = await examine('--url', url, ...origins.flatMap((origin) => ['--origin', origin]))
    expect(code).toBe(7)
    expect(rows).toContain('✗ token would not be sent: origin-not-listed `origins` does not list this origin')
    expect(rows).toContainEqual(expect.stringContaining(`→ list ${new URL(url).origin} in \`origins\``))
    expect(rows[0]).toBe('✗ The request goes without a token')
    expect(rows).toContainEqual(expect.stringContaining('NODE_DEBUG=mca-auth'))
  })

  it('says that a token endpoint gets no token', async () => {
    const { code, rows } = await examine('--url', fixture.tokenEndpoint)
    expect(code).toBe(7)
    expect(rows).toContainEqual(expect.stringMatching(/^✗ token would not be sent: token-endpoint /))
  })

  it('says that a request over plain HTTP would fail', async () => {
    const { code, rows } = await examine('--url', 'http://orders.example.com/mine')
    expect(code).toBe(3)
    expect(rows).toContainEqual(expect.stringMatching(/^✗ INSECURE_TRANSPORT no token is sent over plain HTTP/))
    expect(rows).toContainEqual(expect.stringMatching(/ in --origin, or set --allow-insecure-requests$/))
    const allowed = await examine('--url', 'http://orders.example.com/mine', '--allow-insecure-requests')
    expect(allowed.rows).toContain('✓ token would be sent')
  })

  it('rejects a malformed origin', async () => {
    const { code, err } = await run(
      ['doctor', '--url', 'https://a.example.com/', '--origin', 'https://*.com'],
      fixture.vcap(),
    )
    expect(code).toBe(2)
    expect(err).toMatch(/^mca-auth: --origin takes `\*` only/)
  })
})

describe('mca-auth doctor --url --send', () => {
  const send = (path = '/mine', ...more: string[]) => examine('--url', `${resource.origin}${path}`, '--send', ...more)

  it('sends the request once, with the token, and says that the resource accepts it', async () => {
    const { code, rows } = await send('/mine?page=1')
    expect(code).toBe(0)
    expect(rows).toContainEqual(expect.stringMatching(/^✓ response 200 after \d+ ms$/))
    expect(rows).toContain('✓ token the resource accepts it')
    expect(resource.received).toEqual([expect.objectContaining({ method: 'GET', path: '/mine?page=1' })])
    expect(fixture.server.tokenRequests).toBe(1)
  })

  it('does not send a request that would go without a token', async () => {
    const { code } = await send('/mine', '--origin', 'https://orders.example.com')
    expect(code).toBe(7)
    expect(resource.received).toEqual([])
  })

  const bearer = (parameters: string) => ({ 'www-authenticate': `Bearer ${parameters}` })
  it.each<[string, Reply, RegExp]>([
    ['the token', { status: 401, headers: bearer('error="invalid_token"') }, /^→ compare the claims `iss`, `aud`/],
    ['the token, without a challenge', { status: 401 }, /^→ compare the claims `iss`, `aud`/],
    [
      'its scope',
      { status: 403, headers: bearer('error="insufficient_scope", scope="orders.read"') },
      /^→ the token lacks a scope: request it with --scope/,
    ],
    [
      'a client instead of a user',
      { status: 401, headers: bearer('error="insufficient_user_authentication"') },
      /^→ the resource requires a user to log in/,
    ],
    ['the client', { status: 403 }, /^→ the resource knows the client but forbids this/],
    [
      'the scheme',
      { status: 401, headers: { 'www-authenticate': 'Basic realm="orders"' } },
      /^→ the resource requires a scheme other than/,
    ],
  ])('says that the resource rejects %s', async (_what, answer, advice) => {
    reply = answer
    const { code, rows } = await send()
    expect(code).toBe(7)
    expect(rows).toContain(`✗ challenge ${answer.headers?.['www-authenticate'] ?? 'none'}`)
    expect(rows).toContainEqual(expect.stringMatching(advice))
    expect(rows[0]).toBe('✗ The resource rejects the token')
    expect(resource.received).toHaveLength(1)
  })

  it('hides a token that the resource repeats', async () => {
    await using echo = await startProtectedResource({
      authorizationServer: fixture.server,
      intercept: ({ headers }) => ({
        status: 401,
        headers: bearer(`error_description="not ${headers.authorization}"`),
      }),
    })
    const { out } = await examine('--url', echo.origin, '--send')
    expect(out).toContain('not Bearer [redacted]')
    expect(out).not.toMatch(/eyJ/)
  })

  it.each([[404], [405], [400]])('warns that %i does not say whether the token is accepted', async (status) => {
    reply = { status }
    const { code, rows } = await send()
    expect(code).toBe(0)
    expect(rows).toContain(`! token ${status} does not say whether the resource accepts it`)
  })

  it.each([[500], [503], [429]])('says that the resource fails with %i', async (status) => {
    reply = { status }
    const { code, rows } = await send()
    expect(code).toBe(5)
    expect(rows[0]).toBe('✗ The resource is unreachable, failing, or rate-limiting')
  })

  it('gives advice about a resource that is unreachable', async () => {
    const { code, rows } = await examine('--url', refused, '--send')
    expect(code).toBe(5)
    expect(rows).toContainEqual(expect.stringMatching(/^· cause ECONNREFUSED: /))
    expect(rows).toContainEqual(expect.stringMatching(/^→ nothing listens there/))
  })

  it('says that the token does not follow a redirect to another origin, and does not follow it', async () => {
    await using other = await startProtectedResource({ authorizationServer: fixture.server })
    reply = { status: 302, headers: { location: `${other.origin}/moved?key=fake` } }
    const { code, rows } = await send()
    expect(code).toBe(7)
    expect(rows).toContain(`· redirect to ${other.origin}/moved?…`)
    expect(rows).toContainEqual(expect.stringMatching(/^✗ token would not be sent: origin-left /))
    expect(other.received).toEqual([])
    const listed = await send('/mine', '--origin', resource.origin, '--origin', other.origin)
    expect(listed.code).toBe(0)
    expect(listed.rows).toContain('✓ token would be sent there too')
  })

  it('says that the token follows a redirect within the origin', async () => {
    reply = { status: 307, headers: { location: '/elsewhere' } }
    const { code, rows } = await send()
    expect(code).toBe(0)
    expect(rows).toContain('✓ token would be sent there too')
  })
})
