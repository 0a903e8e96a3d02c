import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startProtectedResource } from '@mca-auth/testing'
import { describe, expect, it } from 'vitest'
import { environment, Fixture, main, run, secret } from './fixture.ts'

const fixture = new Fixture()

describe('mca-auth token', () => {
  it('prints the header value and nothing else', async () => {
    await using resource = await startProtectedResource({ authorizationServer: fixture.server })
    const { code, out, err } = await run(['token'], fixture.vcap())
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^Bearer [\w.-]+\n$/)
    const headers = { authorization: out.trim() }
    expect((await fetch(resource.origin, { headers })).status).toBe(200)
  })

  it('can be substituted into a shell command', async () => {
    await using resource = await startProtectedResource({ authorizationServer: fixture.server })
    const script = `"$NODE" -e 'fetch(process.argv[1], { headers: { authorization: process.argv[2] } })
      .then((response) => console.log(response.status))' "$URL" "$("$NODE" "$MAIN" token --binding "$BINDING")"`
    const env = {
      ...environment(),
      NODE: process.execPath,
      MAIN: main,
      URL: resource.origin,
      BINDING: fixture.binding(),
    }
    const child = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    await once(child, 'close')
    expect(out).toBe('200\n')
  })

  it('prints JSON for scripts', async () => {
    const { out } = await run(['token', '--json', '--scope', 'read', '--scope', 'write', ...fixture.explicit()])
    const { accessToken, ...rest } = JSON.parse(out)
    expect(rest).toEqual({
      header: `Bearer ${accessToken}`,
      tokenType: 'Bearer',
      scope: 'appid_default read write',
      issuedAt: expect.any(Number),
      expiresAt: rest.issuedAt + 3600_000,
    })
  })

  const instances = () => [
    { name: 'other', credentials: { ...fixture.server.appId, secret: 'of another' } },
    { name: 'App ID-yn', credentials: fixture.server.appId },
  ]
  const bound = () => {
    mkdirSync(join(fixture.directory, 'appid'))
    for (const [name, value] of Object.entries(fixture.server.appId)) fixture.file(`appid/${name}`, value)
    return { SERVICE_BINDING_ROOT: fixture.directory }
  }
  const appId = () => {
    const { oauthServerUrl, clientId } = fixture.server.appId
    const secretFile = fixture.file('secret', secret)
    return ['--oauth-server-url', oauthServerUrl, '--client-id', clientId, '--secret-file', secretFile]
  }
  const mca = () => {
    const { serverUrl, appId, clientId } = fixture.server.mca
    const secretFile = fixture.file('secret', secret)
    return ['--server-url', serverUrl, '--app-id', appId, '--client-id', clientId, '--secret-file', secretFile]
  }

  it.each<[string, () => { args?: string[]; env?: Record<string, string> }]>([
    ['VCAP_SERVICES', () => ({ env: fixture.vcap() })],
    [
      'CE_SERVICES, one of several instances',
      () => ({
        env: { CE_SERVICES: JSON.stringify({ appid: instances() }) },
        args: ['--instance-name', 'App ID-yn'],
      }),
    ],
    ['SERVICE_BINDING_ROOT', () => ({ env: bound() })],
    ['--binding', () => ({ args: ['--binding', fixture.binding()] })],
    ['options for App ID', () => ({ args: appId() })],
    ['options for MCA', () => ({ args: mca() })],
    ['options for any server', () => ({ args: fixture.explicit() })],
    [
      'another way to authenticate',
      () => ({ args: fixture.explicit('--client-auth', 'client_secret_post', '--parameter', 'audience=a=b') }),
    ],
  ])('takes credentials from %s', async (_source, given) => {
    const { env, args = [] } = given()
    const { code, out, err } = await run(['token', ...args], env)
    expect([code, err]).toEqual([0, ''])
    expect(await fixture.server.verify(out.trim().replace('Bearer ', ''))).toBeDefined()
  })

  it('rejects a secret on the command line, and does not repeat it', async () => {
    const seen = /shows in `ps`/
    for (const [message, ...args] of [
      [seen, '--secret', secret],
      [seen, `--secret=${secret}`],
      [seen, '--client-secret', secret],
      [seen, `--apikey=${secret}`],
      [seen, '--password', secret],
      [/options only/, secret],
    ]) {
      const { code, out, err } = await run(['token', ...(args as string[])], fixture.vcap())
      expect([code, out]).toEqual([2, ''])
      expect(err).toMatch(message as RegExp)
      expect(err).not.toContain(secret)
    }
  })
})
