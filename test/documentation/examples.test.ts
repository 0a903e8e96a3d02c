// The examples of the pages work: all of them compile, and those that need nothing from outside are run.
import {
  type AuthorizationServer,
  type ProtectedResource,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { codeBlocksOf, compiledBlocks } from './code-blocks.ts'
import { clear, compile, compiledFile, runFiles } from './compiled.ts'
import { recipes } from './recipes.ts'

const blocks = compiledBlocks()
let problems: string

beforeAll(async () => {
  problems = await compile(blocks)
})
afterAll(clear)

it('every code block of the pages, and every example of a doc comment compiles', () => {
  expect(blocks.length).toBeGreaterThan(80)
  expect(problems).toBe('')
})

describe('getting started', () => {
  const page = 'docs/getting-started.md'

  it('makes a first request, and prints the same as the page', async () => {
    const shown = codeBlocksOf(page).find(({ language }) => language === 'text')?.code
    expect(await runFiles(page, ['first-request.mjs'])).toEqual({ code: 0, out: shown })
  })

  it('has a test of a service that passes', async () => {
    await passes(page, ['orders.test.mjs'])
  })
})

it('each test of the page about testing passes', async () => {
  const page = 'docs/testing.md'
  const files = filesOf(page)
  expect(files).toEqual(['stub', 'servers', 'nock', 'msw', 'mock-agent', 'time'].map((name) => `${name}.test.mjs`))
  await passes(page, files)
})

it('the short adapter of docs/writing-an-adapter.md replaces a rejected token', async () => {
  await using authorizationServer = await startAuthorizationServer()
  await using orders = await startProtectedResource({ authorizationServer })
  const { mcaAuth } = await import(compiledFile('docs/writing-an-adapter.md', 'my-client-auth.ts'))
  const client = async ({ url, ...init }: { url: string } & RequestInit) => {
    const { status, headers } = await fetch(url, init)
    return { status, headers: Object.fromEntries(headers) }
  }
  const send = mcaAuth(client, authorizationServer.appId)
  const order = { url: `${orders.origin}/orders`, method: 'POST', headers: {}, body: 'an order' }
  expect(await send(order)).toMatchObject({ status: 200 })
  authorizationServer.revokeAll()
  expect(await send(order)).toMatchObject({ status: 200 })
  expect(authorizationServer.tokenRequests).toBe(2)
  expect(orders.received.map(({ body }) => body.toString())).toEqual(['an order', 'an order', 'an order'])
})

describe('the recipe', () => {
  const page = 'docs/recipes.md'
  let authorizationServer: AuthorizationServer
  let orders: ProtectedResource

  beforeEach(async () => {
    authorizationServer = await startAuthorizationServer()
    orders = await startProtectedResource({ authorizationServer })
    const { clientId, secret, oauthServerUrl } = authorizationServer.appId
    vi.stubEnv('APPID_CLIENTID', clientId)
    vi.stubEnv('APPID_SECRET', secret)
    vi.stubEnv('APPID_OAUTHSERVERURL', oauthServerUrl)
    vi.stubEnv('ORDERS_URL', orders.origin)
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await orders.close()
    await authorizationServer.close()
  })

  it('is run if it has a file name', () => {
    expect(Object.keys(recipes)).toEqual(filesOf(page))
  })

  it.each(Object.entries(recipes))('%s sends a token', async (file, run) => {
    await run((await import(compiledFile(page, file))) as never, { authorizationServer, orders })
  })
})

function filesOf(page: string): string[] {
  return codeBlocksOf(page).flatMap(({ file }) => file ?? [])
}

/** With the test runner of Node.js: every test passes, and there is one. */
async function passes(page: string, files: readonly string[]): Promise<void> {
  const { code, out } = await runFiles(page, ['--test', '--test-reporter=tap', ...files])
  expect(out).toMatch(/^# fail 0$/m)
  expect(Number(/^# pass (\d+)$/m.exec(out)?.[1])).toBeGreaterThanOrEqual(files.length)
  expect(code).toBe(0)
}
