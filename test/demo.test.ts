import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { type AuthorizationServer, startAuthorizationServer } from '@mca-auth/testing'
import { expect, it } from 'vitest'
import { startRecorder } from './servers/recorder.ts'

const demo = join(import.meta.dirname, '../packages/examples/dist/demo.js')

interface Result {
  readonly code: unknown
  readonly out: string
  readonly err: string
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [demo, ...args], { env: { ...process.env, ...env } }, (error, out, err) => {
      resolve({ code: error?.code ?? 0, out, err })
    })
  })
}

const credentials = (server: AuthorizationServer) => ({
  VCAP_SERVICES: JSON.stringify({ AppID: [{ name: 'demo', credentials: server.appId }] }),
})

it('the demo revokes every token twice, fails no request, and writes a log without escape codes', async () => {
  const { code, out, err } = await run(['--requests', '200'])
  expect([code, err]).toEqual([0, ''])
  expect(out).not.toContain('\u001b')
  expect(out.match(/every token is revoked$/gm)).toHaveLength(3) // once in the legend
  for (const client of ['axios', 'got', 'undici'])
    expect(out).toMatch(new RegExp(`^${client} +200 +0 +[2-9] +\\d+ `, 'm'))
  expect(out).toMatch(/^All 1,200 requests succeeded, although tokens expired after/m)
})

it('the demo reports which requests failed and why, and exits with an error', async () => {
  await using server = await startAuthorizationServer()
  let count = 0
  await using backend = await startRecorder((_request, response) => {
    count++
    if (count === 100) response.destroy()
    else response.writeHead(count === 50 ? 403 : 200, { 'www-authenticate': 'Bearer error="insufficient_scope"' }).end()
  })
  const { code, out, err } = await run(
    ['--url', `http://127.0.0.1:${backend.port}/orders`, '--requests', '30'],
    credentials(server),
  )
  expect(code).toBe(1)
  expect(err).toMatch(/^\d of 180 requests failed:$/m)
  expect(err).toMatch(
    /(axios|got|undici) with(out)? mca-auth: request \d+ .*: status 403, Bearer error="insufficient_scope"/,
  )
  expect(out).not.toContain('succeeded')
})

it.each([
  [['--url', 'orders'], '--url must be an http or https URL, but is "orders"'],
  [['--url', 'file:///etc/hosts'], '--url must be an http or https URL'],
  [['--requests', '1.5'], '--requests must be an integer of at least 10, but is "1.5"'],
  [['--requests', 'many'], '--requests must be an integer of at least 10'],
  [['--request', '10'], "Unknown option '--request'"],
])('the demo rejects %j', async (args, message) => {
  const { code, out, err } = await run(args)
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain(message)
})

it('the demo reports which credentials are missing for a given service', async () => {
  const { code, err } = await run(['--url', 'https://orders.example.com'])
  expect(code).toBe(1)
  expect(err).toMatch(/^MISSING_CLIENTID_ERROR: /)
})
