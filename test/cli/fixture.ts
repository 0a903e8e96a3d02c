import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import { afterEach, beforeEach, expect } from 'vitest'
import { marks } from '../leftovers/processes.js'

export const main: string = join(import.meta.dirname, '../../packages/cli/dist/main.js')
export const secret = 'not-a-real-secret-of-the-shell'

export interface Result {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The directory for stored tokens of the current test. */
let cacheHome = join(tmpdir(), 'mca-auth-cli-without-fixture')

/** The environment of each process: stored tokens are not those of the user, nor of another test. */
export function environment(more: Record<string, string> = {}): Record<string, string> {
  return { ...marks(), XDG_CACHE_HOME: cacheHome, ...more }
}

/** Runs the command in its own process, with only these of the environment variables that it reads. Lines are not wrapped. */
export function run(
  args: readonly string[],
  env: Record<string, string> = {},
  input: string | Buffer = '',
): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [main, ...args],
      { env: environment({ COLUMNS: '1000', ...env }) },
      (error, out, err) => {
        resolve({ code: error ? Number(error.code) : 0, out, err })
      },
    )
    child.stdin?.on('error', () => {}).end(input)
  })
}

/** Runs the doctor. In the rows, runs of spaces are collapsed into one. */
export async function doctor(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Result & { readonly rows: string[] }> {
  const result = await run(['doctor', ...args], env)
  expect(result.err).toBe('')
  expect(result.out).not.toContain(secret)
  return { ...result, rows: rowsOf(result.out) }
}

export function rowsOf(out: string): string[] {
  return out.split('\n').map((row) => row.trim().replaceAll(/ {2,}/g, ' '))
}

/** An authorization server and a directory, new for each test, and ways to give their credentials to the command. */
export class Fixture {
  server!: AuthorizationServer
  directory = ''

  constructor() {
    beforeEach(async () => {
      this.server = await startAuthorizationServer({ tenantId: 'shell-tenant', secret })
      this.directory = mkdtempSync(join(tmpdir(), 'mca-auth-cli-'))
      cacheHome = join(this.directory, 'cache')
    })
    afterEach(async () => {
      rmSync(this.directory, { recursive: true })
      await this.server.close()
    })
  }

  get tokenEndpoint(): string {
    return `${this.server.appId.oauthServerUrl}/token`
  }

  /** Where `mca-auth token` stores tokens. */
  get store(): string {
    return join(cacheHome, 'mca-auth')
  }

  file(name: string, content: unknown): string {
    const path = join(this.directory, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }

  binding(): string {
    return this.file('binding.json', { ...this.server.appId, tenantId: this.server.tenantId, version: 4 })
  }

  vcap(credentials: object = this.server.appId): { VCAP_SERVICES: string } {
    return { VCAP_SERVICES: JSON.stringify({ AppID: [{ name: 'App ID-yn', credentials }] }) }
  }

  /** Options for any OAuth 2.0 server, here our own. Those that follow override them. */
  explicit(...more: string[]): string[] {
    const { clientId } = this.server
    const secretFile = this.file('secret', `${secret}\n`)
    return ['--token-endpoint', this.tokenEndpoint, '--client-id', clientId, '--secret-file', secretFile, ...more]
  }

  /** Responds to the next token request, and its retries, with this JWT, whose signature is a fake. */
  issueJwt(claims: object, more: object = {}): void {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const token = `${part({ alg: 'HS256' })}.${part(claims)}.ZmFrZQ`
    this.server.script({ body: { access_token: token, expires_in: 3600, ...more } })
  }
}
