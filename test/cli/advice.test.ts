import type { Reply } from '@mca-auth/testing'
import { describe, expect, it } from 'vitest'
import { refused } from '../servers/refused.ts'
import { doctor, Fixture } from './fixture.ts'

const fixture = new Fixture()
const explicit = (...more: string[]) => fixture.explicit(...more)
const scripted = (...replies: Reply[]) => {
  fixture.server.script(...replies)
  return explicit()
}

describe('the doctor gives advice about', () => {
  it.each<[string, number, string, () => string[]]>([
    [
      'a wrong secret',
      4,
      '→ compare id and secret',
      () => explicit('--secret-file', fixture.file('wrong', 'is wrong')),
    ],
    [
      'an unknown tenant',
      4,
      '→ the tenant or the path is wrong',
      () => explicit('--token-endpoint', `${fixture.server.origin}/oauth/v4/absent/token`),
    ],
    [
      'a port on which nothing listens',
      5,
      '→ nothing listens there',
      () => explicit('--token-endpoint', `${refused}/token`),
    ],
    [
      'an unknown host',
      5,
      '→ this host name does not exist here',
      () => explicit('--timeout-ms', '60000', '--token-endpoint', 'https://absent.invalid/token'),
    ],
    [
      'a server that hangs',
      5,
      '→ no response: look for a firewall',
      () => {
        fixture.server.script(...Array(4).fill({ hang: 'headers' }))
        return explicit('--timeout-ms', '500')
      },
    ],
    ['a server that fails', 5, '→ the server itself fails', () => scripted(...Array(4).fill({ status: 500 }))],
    [
      'an ingress that is starting',
      5,
      '→ a proxy answered with a page',
      () => scripted(...Array(4).fill({ status: 404, body: '<html>default backend - 404</html>' })),
    ],
    [
      'a server that cannot respond now',
      5,
      '→ the server itself fails',
      () => scripted(...Array(4).fill({ status: 400, body: { error: 'temporarily_unavailable' } })),
    ],
    ['a rate limit', 5, '→ wait until 20', () => scripted({ status: 429, headers: { 'retry-after': '60' } })],
    [
      'a scope that is denied',
      4,
      '→ this client may not have that --scope',
      () => scripted({ status: 400, body: { error: 'invalid_scope' } }),
    ],
    [
      'a grant that is not allowed',
      4,
      '→ allow the client-credentials grant',
      () => scripted({ status: 400, body: { error: 'unauthorized_client' } }),
    ],
    ['a login page', 6, '→ check the URL', () => scripted(...Array(3).fill({ body: '<html>Log in</html>' }))],
  ])('%s', async (_what, expected, advice, given) => {
    const { code, rows } = await doctor(given())
    expect(code).toBe(expected)
    expect(rows.filter((row) => row.startsWith(advice))).toHaveLength(1)
  })

  it('a proxy that Node does not use', async () => {
    const args = explicit('--token-endpoint', `${refused}/token`)
    const { out } = await doctor(args, { HTTPS_PROXY: 'http://proxy.example.com' })
    expect(out).toContain('NODE_USE_ENV_PROXY=1')
  })
})

describe('the doctor warns that', () => {
  const warns = async (args: readonly string[], row: string | RegExp) => {
    const { code, rows } = await doctor(args)
    expect(code).toBe(0)
    const [verdict, ...others] = rows
    const marked = others.filter((line) => line.startsWith('!'))
    expect(marked).toEqual([expect.stringMatching(row)])
    expect(verdict).toBe('! It works, with a warning (see the line marked !)')
  }

  it('the clocks differ', () => {
    const headers = { date: 'Thu, 01 Jan 2099 00:00:00 GMT' }
    fixture.server.script({ body: { access_token: 'opaque', expires_in: 3600 }, headers })
    return warns(explicit(), /^! clock this machine's is \d+ s behind the server's$/)
  })

  it('the token and the response give different expiry times', async () => {
    fixture.issueJwt({ exp: 4e9 })
    await warns(explicit(), '! lifetime its own `exp` is 2096-10-02T07:06:40.000Z')
  })

  it('the expiry time of the token is beyond all dates', async () => {
    fixture.issueJwt({ exp: 1e99, iat: 'yesterday' })
    await warns(explicit(), /^! lifetime its own `exp` is 1e\+99$/)
  })

  it('the token is short-lived', () => {
    fixture.server.lifetimeSeconds = 60
    return warns(explicit(), '! lifetime so short')
  })

  it('a scope was not granted', () => {
    fixture.server.script({ body: { access_token: 'opaque', expires_in: 3600, scope: 'read' } })
    return warns(explicit('--scope', 'read write', '--scope', 'audit'), '! scope not granted: write audit')
  })

  it('the token is too large for many proxies', () => {
    fixture.server.script({ body: { access_token: 'x'.repeat(8000), expires_in: 3600 } })
    return warns(explicit(), '! size larger than')
  })

  it('the secret begins or ends with white space', async () => {
    fixture.server.rotateSecret(' spaces around ')
    await warns(explicit('--secret-file', fixture.file('spaces', ' spaces around \n')), '! secret begins or ends')
  })
})
