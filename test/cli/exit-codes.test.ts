import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { refused } from '../servers/refused.ts'
import { Fixture, run, secret } from './fixture.ts'

const fixture = new Fixture()
const explicit = (...more: string[]) => fixture.explicit(...more)

describe('an exit code and one message on standard error', () => {
  const cases: [string, number, RegExp, () => string[]][] = [
    ['options without a command', 2, /a command is missing/, () => ['--json']],
    ['an unknown command', 2, /unknown command; known are: `token`/, () => ['login']],
    ['an unknown option', 2, /unknown option --colour\n\(see mca-auth token --help/, () => ['token', '--colour']],
    [
      'a value after other options',
      2,
      /--timeout-ms must be .*\n\(see mca-auth token --help/,
      () => ['--timeout-ms', 'soon', 'token'],
    ],
    ['a missing value', 2, /--scope needs a value, SCOPE\n/, () => ['token', '--scope']],
    ['a value for a switch', 2, /--json takes no value\n/, () => ['token', '--json=yes']],
    [
      'a value that looks like an option',
      2,
      /--key-id needs a value, ID; if the value begins with a dash, write --key-id=ID\n/,
      () => ['token', '--key-id', '-abc'],
    ],
    [
      'two servers',
      2,
      /only one of --server-url, --token-endpoint/,
      () => ['token', '--server-url', 'https://a.example.com', ...explicit()],
    ],
    ['a malformed URL', 2, /--token-endpoint must be an absolute/, () => ['token', '--token-endpoint', 'x']],
    ['a malformed time', 2, /--timeout-ms must be/, () => ['token', '--timeout-ms', 'soon']],
    ['a malformed parameter', 2, /--parameter must be NAME=VALUE/, () => ['token', '--parameter', 'x']],
    [
      'a request without the doctor',
      2,
      /--url does not go with `token`, but with `doctor`\n\(see mca-auth token --help/,
      () => ['token', '--url', 'https://a.example.com'],
    ],
    ['an origin without a request', 2, /--origin goes with --url/, () => ['doctor', '--origin', 'https://a.example']],
    ['sending without a request', 2, /--send goes with --url/, () => ['doctor', '--send']],
    ['a request to a relative URL', 2, /--url must be an absolute/, () => ['doctor', '--url', '/orders']],
    ['a request with a password', 2, /--url must be an absolute/, () => ['doctor', '--url', 'https://a:b@c.example']],
    [
      'a missing secret file',
      2,
      /--secret-file cannot be read \(ENOENT\)/,
      () => ['token', '--secret-file', join(fixture.directory, 'absent')],
    ],
    [
      'a directory in place of a secret file',
      2,
      /--secret-file cannot be read \(EISDIR\)/,
      () => ['token', '--secret-file', fixture.directory],
    ],
    [
      'an empty secret file',
      2,
      /--secret-file is empty/,
      () => ['token', '--secret-file', fixture.file('empty', '\n')],
    ],
    ['no credentials', 3, /--client-id is missing/, () => ['token']],
    ['a missing binding', 3, /cannot be read/, () => ['token', '--binding', 'absent.json']],
    [
      'plain HTTP',
      3,
      /is plain http: use https, or set --allow-insecure-requests/,
      () => ['token', ...explicit('--token-endpoint', 'http://idp.example.com/token')],
    ],
    [
      'a wrong secret',
      4,
      /invalid_client/,
      () => ['token', ...explicit('--secret-file', fixture.file('wrong', 'is-wrong'))],
    ],
    [
      'a wrong secret that the encoding changes',
      4,
      /set --client-auth client_secret_basic_raw/,
      () => ['token', ...explicit('--secret-file', fixture.file('wrong', 'is wrong'))],
    ],
    ['an unreachable server', 5, /failed/, () => ['token', ...explicit('--token-endpoint', `${refused}/token`)]],
    [
      'a rate limit',
      5,
      /answered 429/,
      () => {
        fixture.server.script({ status: 429, headers: { 'retry-after': '60' } })
        return ['token', ...explicit()]
      },
    ],
    [
      'a login page',
      6,
      /answered 200 with HTML/,
      () => {
        const page = { body: '<html>Log in</html>', headers: { 'content-type': 'text/html' } }
        fixture.server.script(...Array(3).fill(page))
        return ['token', ...explicit()]
      },
    ],
  ]

  it.each(cases)('for %s: %i', async (_what, expected, message, given) => {
    const { code, out, err } = await run(given())
    expect([code, out]).toEqual([expected, ''])
    expect(err).toMatch(message)
    expect(err).toMatch(/^mca-auth: [^\n]+\n\([^\n]+\)\n$/)
    expect(err).not.toContain(secret)
  })

  it('are all tested', () => {
    expect(new Set(cases.map(([, number]) => number))).toEqual(new Set([2, 3, 4, 5, 6]))
  })
})
