import { describe, expect, it } from 'vitest'
import { Fixture, rowsOf, run } from './fixture.ts'

const fixture = new Fixture()
// Every encoding changes this secret.
const secret = 'not/a+real "secret" & é€?'
const clientId = 'test-client'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const encodings: [string, string][] = [
  ['plain', secret],
  ['URL-encoded', encodeURIComponent(secret)],
  ['URL-encoded in lower case', encodeURIComponent(secret).replaceAll(/%../g, (hex) => hex.toLowerCase())],
  ['form-encoded', new URLSearchParams({ s: secret }).toString().slice(2)],
  ['JSON-escaped', JSON.stringify(secret).slice(1, -1)],
  ['base64', base64(secret)],
  ['base64url', Buffer.from(secret).toString('base64url')],
  ['hex', Buffer.from(secret).toString('hex')],
  ['HTTP Basic', base64(`${clientId}:${secret}`)],
  ['HTTP Basic, encoded', base64(`${clientId}:${new URLSearchParams({ s: secret }).toString().slice(2)}`)],
]

const explicit = (...more: string[]) => {
  fixture.server.rotateSecret(secret)
  return fixture.explicit('--secret-file', fixture.file('encoded', secret), ...more)
}
const doctor = async (...args: string[]) => {
  const result = await run(['doctor', ...args])
  expect(result.err).toBe('')
  return { ...result, rows: rowsOf(result.out) }
}

// The doctor used to recognise only the plain form of the secret, and `token` none at all.
describe('a secret that a server repeats is shown', () => {
  it('neither by `token` nor by the doctor in an error, in any encoding', async () => {
    const error_description = encodings.map(([, form]) => `<${form}>`).join('')
    const reply = { status: 401, body: { error: 'invalid_client', error_description } }
    fixture.server.script(reply, reply)
    for (const { out, err } of [await run(['token', ...explicit()]), await doctor(...explicit())]) {
      expect(out + err).toContain('<[redacted]>'.repeat(encodings.length))
      for (const [, form] of encodings) expect(out + err).not.toContain(form)
    }
  })

  it('not by the doctor in a claim, its name, or a scope, in any encoding', async () => {
    const claims = Object.fromEntries(encodings.map(([name, form]) => [name, form]))
    const names = Object.fromEntries(encodings.map(([name, form]) => [form, name]))
    fixture.issueJwt({ ...claims, ...names }, { scope: encodings.map(([, form]) => form).join(' ') })
    const { code, out, rows } = await doctor(...explicit())
    expect(code).toBe(0)
    for (const [name, form] of encodings) {
      expect(rows).toContain(`· ${name} [redacted]`)
      expect(rows).toContain(`· [redacted] ${name}`)
      expect(out).not.toContain(form)
    }
  })

  it('not in part by the doctor if a claim is cut off', async () => {
    fixture.issueJwt({ comment: `${'x'.repeat(190)}${secret}`, list: ['y'.repeat(190), secret] })
    const { out } = await doctor(...explicit())
    expect(out).not.toContain('not/a')
  })
})

it('the doctor does not show a token that the server repeats', async () => {
  const access_token = `fake.${'t'.repeat(18_000)}`
  fixture.server.script({ body: { access_token, expires_in: 3600, scope: `${access_token} ${base64(access_token)}` } })
  const { code, out } = await doctor(...explicit())
  expect(code).toBe(0)
  // Not `not.toMatch()`, which would print all of it.
  expect(/ttt|dHR0/.test(out)).toBe(false)
})

// It used to print the whole URL of the token endpoint.
describe('the doctor shows no query of', () => {
  const query = '?api_key=fake-key-of-a-gateway&v=4'

  it('the token endpoint, even if the server repeats it', async () => {
    const error_description = `no such path: /token${query}, key fake-key-of-a-gateway`
    fixture.server.script({ status: 400, body: { error: 'invalid_request', error_description } })
    const { out, rows } = await doctor(...explicit('--token-endpoint', `${fixture.tokenEndpoint}${query}`))
    expect(out).not.toContain('fake-key')
    expect(rows).toContain(`· url ${fixture.tokenEndpoint}?…`)
  })

  it('another server', async () => {
    const { oauthServerUrl } = fixture.server.appId
    const { out } = await run(['doctor', '--oauth-server-url', `${oauthServerUrl}${query}`, '--client-id', 'orders'])
    expect(out).toContain(`${oauthServerUrl}?…, App ID`)
    expect(out).not.toContain('fake-key')
  })

  it('a server in the credential of the platform', async () => {
    const { server } = fixture
    const credentials = { ...server.appId, oauthServerUrl: `${server.appId.oauthServerUrl}${query}` }
    const { code, out } = await run(['doctor'], fixture.vcap(credentials))
    expect(code).toBe(0)
    expect(out).not.toContain('fake-key')
  })

  it('a request', async () => {
    const { out, rows } = await doctor(...explicit('--url', `http://127.0.0.1:9999/mine${query}#fake-key`))
    expect(rows).toContain('· url http://127.0.0.1:9999/mine?…')
    expect(out).not.toContain('fake-key')
  })

  it.each([['--token-endpoint'], ['--server-url'], ['--url']])('and no password of %s', async (flag) => {
    const { code, out, err } = await run(['doctor', flag, 'https://user:fake-password@idp.example.com/token'])
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(`${flag} must be an absolute http(s) URL without user or password`)
    expect(err).not.toContain('fake-password')
  })
})

/** A command to a terminal, in both forms; bidirectional controls; invisible characters; a tag; a line separator. */
const hostile = [
  ...['\u001b[2J', '\u009b2J', '\r', '\u0007', '\u007f', '\u202e', '\u2066', '\u200f', '\u061c', '\u200b', '\ufeff'],
  ...['\u00ad', '\u2060', '\u034f', '\u3164', '\u115f', '\ufe0f', '\u2028', '\u2029', '\u00a0', '\u2800', '\u{e0041}'],
]
const unsafe = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u00a0\u2800]/u

// A claim could reorder the line that contained it, and `token` printed it unescaped.
describe('characters that a terminal hides, reorders or executes are escaped', () => {
  const text = `forged${hostile.join('')}\nmca-auth: forged`

  it.each([['token'], ['doctor']])('by `%s`, in an error of the server', async (command) => {
    fixture.server.script({ status: 401, body: { error: text, error_description: text } })
    const { out, err } = await run([command, ...explicit()])
    expect(out + err).toContain('forged')
    expect(out + err).not.toMatch(unsafe)
    expect(out + err).not.toMatch(/^mca-auth: forged/m)
  })

  it('in a claim, its name, the algorithm or a scope', async () => {
    fixture.issueJwt({ [text]: text, list: [text], sub: hostile.join('') }, { scope: `read${text}` })
    const { code, out, rows } = await doctor(...explicit('--scope', `write${text}`))
    expect(code).toBe(0)
    expect(out).not.toMatch(unsafe)
    expect(out).not.toMatch(/^mca-auth: forged/m)
    // Escapes make them visible.
    expect(rows.find((row) => row.startsWith('· sub'))).toMatch(/^· sub \\u001b\[2J\\u009b2J\\u000d.*\\udb40\\udc41$/)
  })

  it('in options, and in names and credentials of the platform', async () => {
    const name = `App ID${text}`
    const instances = [0, 1].map((i) => ({ name: `${name}${i}`, credentials: fixture.server.appId }))
    const env = { VCAP_SERVICES: JSON.stringify({ AppID: instances }) }
    for (const result of [
      await run(['doctor'], env),
      await run(['token'], env),
      await run(['token', '--instance-name', `${text}x`], env),
      await run(['token', '--binding', `${text}x`]),
      await run(['token', `--${text}`]),
      await run(['doctor', '--client-id', text, '--binding', text]),
      await run(['doctor', ...explicit('--client-id', text)]),
      await run(['doctor', ...explicit('--url', `https://api.example.com/${text}`, '--origin', text)]),
    ]) {
      expect(result.code).toBeGreaterThan(0)
      expect(result.out + result.err).toMatch(/forged|rigin/)
      expect(result.out + result.err).not.toMatch(unsafe)
    }
  })

  it('in JSON, which stays the same JSON', async () => {
    const scope = `read ${text} \u{1f600} \\ "`
    fixture.server.script({ body: { access_token: 'opaque', expires_in: 3600, scope } })
    const { code, out } = await run(['token', '--json', ...explicit()])
    expect(code).toBe(0)
    expect(out).not.toMatch(unsafe)
    expect(JSON.parse(out).scope).toBe(scope)
  })
})
