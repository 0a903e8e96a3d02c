import { startProtectedResource } from '@mca-auth/testing'
import { describe, expect, it } from 'vitest'
import { refused } from '../servers/refused.ts'
import { Fixture, run, secret } from './fixture.ts'

const fixture = new Fixture()
const examine = async (...args: string[]) => {
  const { code, out, err } = await run(['doctor', '--json', ...args])
  expect(err).toBe('')
  expect(out).toMatch(/^[^\n]+\n$/)
  expect(out).not.toContain(secret)
  return { code, report: JSON.parse(out), out }
}

describe('doctor --json', () => {
  it('prints the report as one line of JSON, without a secret or a token', async () => {
    const { code, report, out } = await examine(...fixture.explicit())
    expect(code).toBe(0)
    expect(report).toEqual({
      status: 'good',
      exitCode: 0,
      verdict: 'Nothing is wrong: the server issued a token',
      code: null,
      sections: ['Platform', 'Credentials', 'Token endpoint', 'Token', 'Stored tokens'].map((title) => ({
        title,
        entries: expect.any(Array),
      })),
      hints: [expect.any(String), expect.any(String)],
    })
    expect(report.sections[1].entries).toContainEqual({
      status: 'good',
      label: 'secret',
      text: '••••••••',
      note: 'from the command line',
      advice: [],
    })
    expect(out).not.toMatch(/eyJ/)
  })

  it.each<[string, number, string, () => string[]]>([
    ['missing credentials', 3, 'MISSING_CLIENTID_ERROR', () => []],
    [
      'a wrong secret',
      4,
      'TOKEN_REQUEST_REFUSED',
      () => fixture.explicit('--secret-file', fixture.file('wrong', 'is wrong')),
    ],
    [
      'a server that does not respond',
      5,
      'TOKEN_REQUEST_FAILED',
      () => fixture.explicit('--token-endpoint', `${refused}/token`),
    ],
    [
      'an origin that is not listed',
      7,
      'origin-not-listed',
      () => fixture.explicit('--url', 'https://a.example.com', '--origin', 'https://b.example.com'),
    ],
    ['a resource that is unreachable', 5, 'resource-unavailable', () => fixture.explicit('--url', refused, '--send')],
  ])('has the code, the advice and the exit code for %s', async (_what, exitCode, code, args) => {
    const result = await examine(...args())
    expect(result.code).toBe(exitCode)
    expect(result.report).toMatchObject({ status: 'bad', exitCode, code })
    const entries = result.report.sections.flatMap((section: { entries: object[] }) => section.entries)
    const failed = entries.filter(
      ({ status, advice }: { status: string; advice: [] }) => status === 'bad' || advice.length > 0,
    )
    expect(failed.at(-1).advice.length).toBeGreaterThan(0)
  })

  it('says that the resource rejects the token, without repeating it', async () => {
    await using resource = await startProtectedResource({
      authorizationServer: fixture.server,
      intercept: ({ headers }) => ({
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="${headers.authorization}"` },
      }),
    })
    const { code, report, out } = await examine(...fixture.explicit('--url', resource.origin, '--send'))
    expect([code, report.code]).toEqual([7, 'resource-rejects-token'])
    expect(out).toContain('[redacted]')
    expect(out).not.toMatch(/eyJ/)
  })

  it('prints nothing on standard output if the command line is invalid', async () => {
    const { code, out, err } = await run(['doctor', '--json', '--timeout-ms', 'soon'])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^mca-auth: --timeout-ms must be/)
  })

  it('counts warnings in its status', async () => {
    fixture.server.lifetimeSeconds = 60
    const { code, report } = await examine(...fixture.explicit())
    expect([code, report.status, report.code]).toEqual([0, 'warning', null])
  })
})
