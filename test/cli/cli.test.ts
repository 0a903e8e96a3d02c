import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AuthorizationServer, startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { marks } from '../leftovers/processes.js'
import { read } from '../repository.ts'

const main = join(import.meta.dirname, '../../packages/cli/dist/main.js')
const secret = 'not-a-real-secret-of-the-shell'

let server: AuthorizationServer
let directory: string

beforeEach(async () => {
  server = await startAuthorizationServer({ tenantId: 'shell-tenant', secret })
  directory = mkdtempSync(join(tmpdir(), 'mca-auth-cli-'))
})

afterEach(async () => {
  rmSync(directory, { recursive: true })
  await server.close()
})

interface Result {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs the command in a process of its own, with these variables and no others that it knows. */
function run(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], { env: { ...marks(), ...env } }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err })
    })
    child.stdin?.on('error', () => {}).end(input)
  })
}

function file(name: string, content: unknown): string {
  const path = join(directory, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const binding = () => file('binding.json', { ...server.appId, tenantId: server.tenantId, version: 4 })
const vcap = () => ({
  VCAP_SERVICES: JSON.stringify({ AppID: [{ name: 'App ID-yn', credentials: server.appId }] }),
})

/** Options for any OAuth 2.0 server, here our own. */
const explicit = () => {
  const tokenEndpoint = `${server.appId.oauthServerUrl}/token`
  return [
    '--token-endpoint',
    tokenEndpoint,
    '--client-id',
    server.clientId,
    '--secret-file',
    file('secret', `${secret}\n`),
  ]
}

describe('mca-auth token', () => {
  it('prints the header value and nothing else', async () => {
    await using resource = await startProtectedResource({ authorizationServer: server })
    const { code, out, err } = await run(['token'], vcap())
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^Bearer [\w.-]+\n$/)
    const headers = { authorization: out.trim() }
    expect((await fetch(resource.origin, { headers })).status).toBe(200)
  })

  it('goes into a command of the shell', async () => {
    await using resource = await startProtectedResource({ authorizationServer: server })
    const script = `"$NODE" -e 'fetch(process.argv[1], { headers: { authorization: process.argv[2] } })
      .then((response) => console.log(response.status))' "$URL" "$("$NODE" "$MAIN" token --binding "$BINDING")"`
    const env = { ...marks(), NODE: process.execPath, MAIN: main, URL: resource.origin, BINDING: binding() }
    const child = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    await once(child, 'close')
    expect(out).toBe('200\n')
  })

  it('prints JSON for scripts', async () => {
    const { out } = await run(['token', '--json', '--scope', 'read', '--scope', 'write', ...explicit()])
    const { accessToken, ...rest } = JSON.parse(out)
    expect(rest).toEqual({
      header: `Bearer ${accessToken}`,
      tokenType: 'Bearer',
      scope: 'appid_default read write',
      issuedAt: expect.any(Number),
      expiresAt: rest.issuedAt + 3600_000,
    })
  })

  it.each([
    ['VCAP_SERVICES', () => ({ env: vcap(), args: [] })],
    [
      'CE_SERVICES, one of several instances',
      () => {
        const others = { ...server.appId, secret: 'of another' }
        const instances = [
          { name: 'other', credentials: others },
          { name: 'App ID-yn', credentials: server.appId },
        ]
        return { env: { CE_SERVICES: JSON.stringify({ appid: instances }) }, args: ['--instance-name', 'App ID-yn'] }
      },
    ],
    [
      'SERVICE_BINDING_ROOT',
      () => {
        mkdirSync(join(directory, 'appid'))
        for (const [name, value] of Object.entries(server.appId)) file(`appid/${name}`, value)
        return { env: { SERVICE_BINDING_ROOT: directory }, args: [] }
      },
    ],
    ['--binding', () => ({ env: {}, args: ['--binding', binding()] })],
    ['options for App ID', () => ({ env: {}, args: appId('--secret-file', file('secret', secret)) })],
    ['options for MCA', () => ({ env: {}, args: mca() })],
    ['options for any server', () => ({ env: {}, args: explicit() })],
    [
      'another way to authenticate',
      () => ({ env: {}, args: [...explicit(), '--client-auth', 'client_secret_post', '--parameter', 'audience=a=b'] }),
    ],
  ])('takes credentials from %s', async (_where, given) => {
    const { env, args } = given()
    const { code, out, err } = await run(['token', ...args], env)
    expect([code, err]).toEqual([0, ''])
    expect(await server.verify(out.trim().replace('Bearer ', ''))).toBeDefined()
  })

  const appId = (...rest: string[]) => [
    '--oauth-server-url',
    server.appId.oauthServerUrl,
    '--client-id',
    server.clientId,
    ...rest,
  ]
  const mca = () => {
    const { serverUrl, appId, clientId } = server.mca
    return ['--server-url', serverUrl, '--app-id', appId, '--client-id', clientId, '--secret-file', file('s', secret)]
  }

  it('takes the secret from standard input', async () => {
    const { code } = await run(['token', ...appId('--secret-file', '-')], {}, `${secret}\n`)
    expect(code).toBe(0)
  })

  it('takes no secret on the command line, and repeats none', async () => {
    const seen = /shows in `ps`/
    for (const [message, ...args] of [
      [seen, '--secret', secret],
      [seen, `--secret=${secret}`],
      [/options only/, secret],
    ]) {
      const { code, out, err } = await run(['token', ...(args as string[])], vcap())
      expect([code, out]).toEqual([2, ''])
      expect(err).toMatch(message as RegExp)
      expect(err).not.toContain(secret)
    }
  })
})

describe('an exit code and one message on standard error', () => {
  const cases: [string, number, RegExp, () => { args: string[]; env?: Record<string, string> }][] = [
    ['no command', 2, /the command must be/, () => ({ args: [] })],
    ['an unknown command', 2, /the command must be/, () => ({ args: ['login'] })],
    ['an unknown option', 2, /Unknown option '--colour'/, () => ({ args: ['token', '--colour'] })],
    ['a value that is missing', 2, /'--scope <value>' argument missing/, () => ({ args: ['token', '--scope'] })],
    ['a value that looks like an option', 2, /is ambiguous/, () => ({ args: ['token', '--client-id', '--json'] })],
    [
      'a server that would write to the terminal',
      4,
      /invalid_client/,
      () => {
        const error_description = '\u001b[2Jcleared\nmca-auth: forged'
        server.script({ status: 401, body: { error: 'invalid_client', error_description } })
        return { args: ['token', ...explicit()] }
      },
    ],
    [
      'two servers',
      2,
      /only one of --server-url, --token-endpoint/,
      () => ({
        args: ['token', '--server-url', 'https://a.example.com', ...explicit()],
      }),
    ],
    [
      'a URL that is none',
      2,
      /--token-endpoint must be an absolute/,
      () => ({ args: ['token', '--token-endpoint', 'x'] }),
    ],
    ['a time that is none', 2, /--timeout-ms must be/, () => ({ args: ['token', '--timeout-ms', 'soon'] })],
    ['a pair that is none', 2, /--parameter must be NAME=VALUE/, () => ({ args: ['token', '--parameter', 'x'] })],
    [
      'a secret file that is not there',
      2,
      /--secret-file can't be read \(ENOENT\)/,
      () => ({
        args: ['token', '--secret-file', join(directory, 'absent')],
      }),
    ],
    [
      'an empty secret file',
      2,
      /--secret-file is empty/,
      () => ({ args: ['token', '--secret-file', file('empty', '\n')] }),
    ],
    ['nothing to go by', 3, /--client-id is missing/, () => ({ args: ['token'] })],
    ['a binding that is not there', 3, /can't be read/, () => ({ args: ['token', '--binding', 'absent.json'] })],
    [
      'plain http',
      3,
      /is plain http/,
      () => ({
        args: ['token', ...explicit(), '--token-endpoint', 'http://idp.example.com/token'],
      }),
    ],
    [
      'a wrong secret',
      4,
      /invalid_client/,
      () => ({ args: ['token', ...explicit(), '--secret-file', file('w', 'wrong')] }),
    ],
    [
      'no server',
      5,
      /failed/,
      () => ({
        args: ['token', ...explicit(), '--token-endpoint', 'http://127.0.0.1:2/token'],
      }),
    ],
    [
      'a server that wants to be left alone',
      5,
      /answered 429/,
      () => {
        server.script({ status: 429, headers: { 'retry-after': '60' } })
        return { args: ['token', ...explicit()] }
      },
    ],
    [
      'a login page',
      6,
      /answered 200 with HTML/,
      () => {
        server.script(...Array(3).fill({ body: '<html>Log in</html>', headers: { 'content-type': 'text/html' } }))
        return { args: ['token', ...explicit()] }
      },
    ],
  ]

  it.each(cases)('for %s: %i', async (_what, expected, message, given) => {
    const { args, env } = given()
    const { code, out, err } = await run(args, env)
    expect([code, out]).toEqual([expected, ''])
    expect(err).toMatch(message)
    expect(err).toMatch(/^mca-auth: [^\n]+\n\([^\n]+\)\n$/)
    expect(err.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
    expect(err).not.toContain(secret)
  })

  it('are all documented', async () => {
    const { code, out } = await run(['--help'])
    expect(code).toBe(0)
    const readme = read('packages/cli/README.md')
    for (const [, number, meaning] of out.matchAll(/^ {2}(\d) {2}(.*)$/gm)) {
      expect(readme).toMatch(new RegExp(`^\\| ${number} +\\| ${meaning} *\\|$`, 'm'))
    }
    expect(new Set(cases.map(([, number]) => number))).toEqual(new Set([2, 3, 4, 5, 6]))
  })
})

it('says which version it is', async () => {
  const { version } = JSON.parse(read('packages/cli/package.json'))
  expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' })
})

describe('mca-auth doctor', () => {
  const doctor = async (args: readonly string[], env: Record<string, string> = {}) => {
    const result = await run(['doctor', ...args], env)
    expect(result.err).toBe('')
    expect(result.out).not.toContain(secret)
    return { ...result, rows: result.out.split('\n').map((row) => row.trim().replaceAll(/ {2,}/g, ' ')) }
  }

  it('names the bindings that it has seen and cannot use', async () => {
    const root = mkdtempSync(join(directory, 'bindings-'))
    mkdirSync(join(root, 'database'))
    writeFileSync(join(root, 'database', 'password'), 'fake-password')
    const { code, out, rows } = await doctor([], { SERVICE_BINDING_ROOT: root })
    expect(code).toBe(3)
    expect(rows).toContain('· database cannot be used: it has no `clientId`')
    expect(out).not.toContain('fake-password')
  })

  it('says where everything was found, what the server answers and what it grants', async () => {
    const { code, out, rows } = await doctor([], { ...vcap(), SERVICE_BINDING_ROOT: directory })
    const url = server.appId.oauthServerUrl
    expect(code).toBe(0)
    expect(rows).toEqual(
      expect.arrayContaining([
        '· VCAP_SERVICES App ID-yn',
        '· CE_SERVICES not set',
        '· SERVICE_BINDING_ROOT no instance that fits',
        `✓ server ${url}, App ID from VCAP_SERVICES, instance App ID-yn`,
        '✓ client id test-client from VCAP_SERVICES, instance App ID-yn',
        '✓ secret •••••••• from VCAP_SERVICES, instance App ID-yn',
        `· url ${url}/token`,
        expect.stringMatching(/^✓ answer 200 in \d+ ms$/),
        expect.stringMatching(/^✓ kind Bearer, a JWT \(RS256\), \d+ bytes$/),
        expect.stringMatching(/^✓ lifetime 3600 s, until 20/),
        '✓ scope appid_default',
        `· iss ${url}`,
        '· aud ["test-client"]',
        '· tenant shell-tenant',
        expect.stringMatching(/^· exp 20\d\d-\d\d-\d\dT/),
        'Nothing is wrong.',
      ]),
    )
    expect(server.tokenRequests).toBe(1)
    expect(out).not.toMatch(/eyJ/)
  })

  it('knows MCA by its URL, and the tenant where the credential has none', async () => {
    const { serverUrl, clientId } = server.mca
    const credentials = { serverUrl, clientId, secret }
    const { code, rows } = await doctor([], {
      VCAP_SERVICES: JSON.stringify({ AdvancedMobileAccess: [{ name: 'MCA-ag', credentials }] }),
      VCAP_APPLICATION: JSON.stringify({ application_id: server.tenantId }),
    })
    expect(rows).toContain(`✓ server ${serverUrl}, Mobile Client Access from VCAP_SERVICES, instance MCA-ag`)
    expect(rows).toContain('✓ app id shell-tenant from VCAP_APPLICATION')
    expect(code).toBe(0)
  })

  it('says what was not found', async () => {
    const { code, rows } = await doctor(['--client-id', 'orders'], vcap())
    expect(code).toBe(3)
    expect(rows).toContain('✓ client id orders from the command line')
    expect(rows).toContain('✗ secret not found')
    expect(rows).toContain('→ give it with --secret-file FILE, or --secret-file - and standard input')
    expect(server.tokenRequests).toBe(0)
  })

  it('names a source that is malformed, and shows nothing of it', async () => {
    const { code, out, rows } = await doctor([], { VCAP_SERVICES: `{"AppID": ${secret}` })
    expect(code).toBe(3)
    expect(rows).toContain('✗ VCAP_SERVICES VCAP_SERVICES is not a JSON object')
    expect(out).not.toContain('AppID":')
  })

  it.each([
    ['a wrong secret', 4, '→ compare id and secret', () => [...explicit(), '--secret-file', file('wrong', 'is wrong')]],
    [
      'a tenant that is not there',
      4,
      '→ the tenant or the path is wrong',
      () => {
        return [...explicit(), '--token-endpoint', `${server.origin}/oauth/v4/absent/token`]
      },
    ],
    [
      'a port where nobody listens',
      5,
      '→ nothing listens there',
      () => {
        return [...explicit(), '--token-endpoint', 'http://127.0.0.1:2/token']
      },
    ],
    [
      'a host that is not there',
      5,
      '→ no such host is known here',
      () => {
        return [...explicit(), '--timeout-ms', '60000', '--token-endpoint', 'https://absent.invalid/token']
      },
    ],
    [
      'a server that hangs',
      5,
      '→ no answer: is there a firewall',
      () => {
        server.script({ hang: 'headers' }, { hang: 'headers' }, { hang: 'headers' }, { hang: 'headers' })
        return [...explicit(), '--timeout-ms', '500']
      },
    ],
    [
      'a server that fails',
      5,
      '→ the server itself fails',
      () => {
        server.script({ status: 500 }, { status: 500 }, { status: 500 }, { status: 500 })
        return explicit()
      },
    ],
    [
      'a server that wants to be left alone',
      5,
      '→ wait until 20',
      () => {
        server.script({ status: 429, headers: { 'retry-after': '60' } })
        return explicit()
      },
    ],
    [
      'a scope that is not to be had',
      4,
      '→ this client may not have that --scope',
      () => {
        server.script({ status: 400, body: { error: 'invalid_scope' } })
        return explicit()
      },
    ],
    [
      'a grant that is not allowed',
      4,
      '→ allow the client-credentials grant',
      () => {
        server.script({ status: 400, body: { error: 'unauthorized_client' } })
        return explicit()
      },
    ],
    [
      'an ingress that is starting',
      5,
      '→ a proxy answered with a page',
      () => {
        server.script(...Array(3).fill({ status: 404, body: '<html>default backend</html>' }))
        return explicit()
      },
    ],
    [
      'a login page',
      6,
      '→ check the URL',
      () => {
        server.script(...Array(3).fill({ body: '<html>Log in</html>' }))
        return explicit()
      },
    ],
  ])('says what to do about %s', async (_what, expected, advice, given) => {
    const { code, rows } = await doctor(given())
    expect(code).toBe(expected)
    expect(rows.filter((row) => row.startsWith(advice))).toHaveLength(1)
  })

  it('tells of a proxy that Node does not use', async () => {
    const args = [...explicit(), '--token-endpoint', 'http://127.0.0.1:2/token']
    const { out } = await doctor(args, { HTTPS_PROXY: 'http://proxy.example.com' })
    expect(out).toContain('NODE_USE_ENV_PROXY=1')
  })

  describe('works, but has seen that', () => {
    const odd = async (args: readonly string[], row: string | RegExp) => {
      const { code, rows } = await doctor(args)
      expect(code).toBe(0)
      const marked = rows.filter((line) => line.startsWith('!'))
      expect(marked).toEqual([expect.stringMatching(row)])
      expect(rows).toContain('It works, but look at the lines marked with !')
    }

    it('the clocks differ', () => {
      server.script({
        body: { access_token: 'opaque', expires_in: 3600 },
        headers: { date: 'Thu, 01 Jan 2099 00:00:00 GMT' },
      })
      return odd(explicit(), /^! clock this machine's is \d+ s behind the server's$/)
    })

    it('the token ends at another time than the response says', async () => {
      const key = new TextEncoder().encode('a key of thirty-two bytes or more')
      const token = await new SignJWT({ exp: 4e9 }).setProtectedHeader({ alg: 'HS256' }).sign(key)
      server.script({ body: { access_token: token, expires_in: 3600 } })
      await odd(explicit(), '! lifetime its own `exp` is 2096-10-02T07:06:40.000Z')
    })

    it('the token says it ends beyond all time', async () => {
      const claims = Buffer.from('{"exp":1e99,"iat":"yesterday"}').toString('base64url')
      const header = Buffer.from('{"alg":"none"}').toString('base64url')
      server.script({ body: { access_token: `${header}.${claims}.`, expires_in: 3600 } })
      await odd(explicit(), /^! lifetime its own `exp` is 1e\+99$/)
    })

    it('the token is short-lived', () => {
      server.lifetimeSeconds = 60
      return odd(explicit(), '! lifetime so short')
    })

    it('a scope was not granted', () => {
      server.script({ body: { access_token: 'opaque', expires_in: 3600, scope: 'read' } })
      return odd([...explicit(), '--scope', 'read write', '--scope', 'audit'], '! scope not granted: write audit')
    })

    it('the token is too large for many proxies', () => {
      server.script({ body: { access_token: 'x'.repeat(8000), expires_in: 3600 } })
      return odd(explicit(), '! size larger than')
    })

    it('there is white space around the secret', async () => {
      server.rotateSecret(' spaces around ')
      await odd([...explicit(), '--secret-file', file('spaces', ' spaces around \n')], '! secret begins or ends')
    })
  })

  it('takes for opaque what only looks like a JWT', async () => {
    const claims = Buffer.from('{"exp":1}').toString('base64url')
    server.script({ body: { access_token: `no-header.${claims}.no-signature`, expires_in: 3600 } })
    const { code, rows } = await doctor(explicit())
    expect(code).toBe(0)
    expect(rows).toContainEqual(expect.stringMatching(/^✓ kind Bearer, opaque/))
  })

  it('shows no secret that the server repeats, and no command to the terminal', async () => {
    const description = `\u001b[2J${secret} is wrong\u0007`
    server.script({ status: 401, body: { error: 'invalid_client', error_description: description } })
    const { out } = await doctor(explicit())
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
    expect(out).toContain('[redacted] is wrong')
  })

  it('is plain in a pipe, and coloured where colour is asked for', async () => {
    expect((await run(['doctor'], vcap())).out).not.toContain('\u001b[')
    expect((await run(['doctor'], { ...vcap(), FORCE_COLOR: '1' })).out).toContain('\u001b[32m✓')
  })

  it.skipIf(!existsSync('/usr/bin/script'))('is coloured on a terminal, unless NO_COLOR is set', () => {
    const on = (env: object) =>
      execFileSync('/usr/bin/script', ['-qec', `"${process.execPath}" "${main}" doctor || true`, '/dev/null'], {
        env: { ...marks(), TERM: 'xterm-256color', ...env },
        encoding: 'utf8',
      })
    expect(on({})).toContain('\u001b[31m✗')
    expect(on({ NO_COLOR: '1' })).not.toContain('\u001b[')
  })

  it('does not mind whom it talks to going away', async () => {
    const child = spawn(process.execPath, [main, 'doctor'], {
      env: { ...marks(), ...vcap() },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    let err = ''
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    const [code] = await once(child, 'close')
    expect([code, err]).toEqual([0, ''])
  })
})
