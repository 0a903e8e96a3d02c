import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { doctor, environment, Fixture, main, run, secret } from './fixture.ts'

const fixture = new Fixture()

describe('mca-auth doctor', () => {
  it('shows where everything was found, what the server responds and what it grants', async () => {
    const { server, directory } = fixture
    const { code, out, rows } = await doctor([], { ...fixture.vcap(), SERVICE_BINDING_ROOT: directory })
    const url = server.appId.oauthServerUrl
    expect(code).toBe(0)
    expect(rows).toEqual(
      expect.arrayContaining([
        '· VCAP_SERVICES App ID-yn',
        '· not set CE_SERVICES, APPID_*, clientId+oauthServerUrl, BINDING',
        '· SERVICE_BINDING_ROOT no matching instance',
        `✓ server ${url}, App ID from VCAP_SERVICES, instance App ID-yn`,
        '✓ client id test-client from VCAP_SERVICES, instance App ID-yn',
        '✓ secret •••••••• from VCAP_SERVICES, instance App ID-yn',
        `· url ${url}/token`,
        expect.stringMatching(/^✓ response 200 after \d+ ms$/),
        expect.stringMatching(/^✓ kind Bearer, a JWT \(RS256\), \d+ bytes$/),
        expect.stringMatching(/^✓ lifetime 3600 s, until 20/),
        '✓ scope appid_default',
        `· iss ${url}`,
        '· aud ["test-client"]',
        '· tenant shell-tenant',
        expect.stringMatching(/^· exp 20\d\d-\d\d-\d\dT/),
      ]),
    )
    expect(rows[0]).toBe('✓ Nothing is wrong: the server issued a token')
    expect(server.tokenRequests).toBe(1)
    expect(out).not.toMatch(/eyJ/)
  })

  it('says how to find out why a request goes without a token', async () => {
    const { rows } = await doctor([], fixture.vcap())
    const closing = rows.slice(rows.lastIndexOf('', -2))
    expect(closing).toContainEqual(expect.stringMatching(/^→ .*NODE_DEBUG=mca-auth/))
    expect(closing).toContainEqual(expect.stringMatching(/^→ `mca-auth doctor --url URL`/))
  })

  it('recognises MCA by its URL, and reads the tenant from the application if the credential has none', async () => {
    const { serverUrl, clientId } = fixture.server.mca
    const credentials = { serverUrl, clientId, secret }
    const { code, rows } = await doctor([], {
      VCAP_SERVICES: JSON.stringify({ AdvancedMobileAccess: [{ name: 'MCA-ag', credentials }] }),
      VCAP_APPLICATION: JSON.stringify({ application_id: fixture.server.tenantId }),
    })
    expect(rows).toContain(`✓ server ${serverUrl}, Mobile Client Access from VCAP_SERVICES, instance MCA-ag`)
    expect(rows).toContain('✓ app id shell-tenant from VCAP_APPLICATION')
    expect(code).toBe(0)
  })

  it('names the options that were not found', async () => {
    const { code, rows } = await doctor(['--client-id', 'orders'], fixture.vcap())
    expect(code).toBe(3)
    expect(rows).toContain('✓ client id orders from the command line')
    expect(rows).toContain('✗ secret not found')
    expect(rows).toContain('→ or give the secret with --secret-file FILE, or with --secret-file - on standard input')
    expect(fixture.server.tokenRequests).toBe(0)
  })

  it('names a malformed source without showing its content', async () => {
    const { code, out, rows } = await doctor([], { VCAP_SERVICES: `{"AppID": ${secret}` })
    expect(code).toBe(3)
    expect(rows).toContain('✗ VCAP_SERVICES VCAP_SERVICES is not a JSON object')
    expect(out).not.toContain('AppID":')
  })

  it('treats a token that only looks like a JWT as opaque', async () => {
    const claims = Buffer.from('{"exp":1}').toString('base64url')
    fixture.server.script({ body: { access_token: `no-header.${claims}.no-signature`, expires_in: 3600 } })
    const { code, rows } = await doctor(fixture.explicit())
    expect(code).toBe(0)
    expect(rows).toContainEqual(expect.stringMatching(/^✓ kind Bearer, opaque/))
  })
})

// Such an instance used to vanish: the doctor said that nothing was bound, or that a secret was missing.
describe('the doctor says why an instance cannot be used', () => {
  it('if a binding has no client', async () => {
    const root = mkdtempSync(join(fixture.directory, 'bindings-'))
    mkdirSync(join(root, 'database'))
    writeFileSync(join(root, 'database', 'password'), 'fake-password')
    const { code, out, rows } = await doctor([], { SERVICE_BINDING_ROOT: root })
    expect(code).toBe(3)
    expect(rows).toContain('· database cannot be used: it has no `clientId`')
    expect(out).not.toContain('fake-password')
  })

  it('if IBM Cloud redacted its credential', async () => {
    const { code, rows, out } = await doctor([], fixture.vcap({ REDACTED: 'REDACTED' }))
    expect(code).toBe(3)
    expect(rows).toContainEqual(expect.stringMatching(/^· App ID-yn cannot be used: it is REDACTED/))
    expect(out).toMatch(/✗ MISSING_CLIENTID_ERROR.*App ID-yn.*REDACTED/)
  })

  it('if the file given with --binding is redacted', async () => {
    const { code, out } = await doctor(['--binding', fixture.file('redacted.json', { REDACTED: 'REDACTED' })])
    expect(code).toBe(3)
    expect(out).toMatch(/✗ MISSING_CLIENTID_ERROR.*REDACTED/)
  })

  it('if it is a single-page application', async () => {
    const { clientId, oauthServerUrl } = fixture.server.appId
    const credential = { clientId, oauthServerUrl, type: 'singlepageapp' }
    const { code, rows, out } = await doctor([], fixture.vcap(credential))
    expect(code).toBe(3)
    expect(rows).toContain('✗ secret not found')
    expect(out).toMatch(/✗ MISSING_SECRET_ERROR.*a single-page application has no secret/)
    // That message advises an application to run the doctor.
    expect(out).not.toContain('npx')
    expect(rows).toContainEqual(expect.stringMatching(/^→ bind a credential that has a secret/))
  })
})

describe('the output of the doctor', () => {
  it('is plain in a pipe, and coloured if FORCE_COLOR is set', async () => {
    expect((await run(['doctor'], fixture.vcap())).out).not.toContain('\u001b[')
    expect((await run(['doctor'], { ...fixture.vcap(), FORCE_COLOR: '1' })).out).toContain('\u001b[32m✓')
  })

  it.skipIf(!existsSync('/usr/bin/script'))('is coloured on a terminal, unless NO_COLOR is set', () => {
    const on = (env: object) =>
      execFileSync('/usr/bin/script', ['-qec', `"${process.execPath}" "${main}" doctor || true`, '/dev/null'], {
        env: { ...environment(), TERM: 'xterm-256color', ...env },
        encoding: 'utf8',
      })
    expect(on({})).toContain('\u001b[31m✗')
    expect(on({ NO_COLOR: '1' })).not.toContain('\u001b[')
  })

  it('survives a reader that closes the pipe early', async () => {
    const child = spawn(process.execPath, [main, 'doctor'], {
      env: { ...environment(), ...fixture.vcap() },
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
