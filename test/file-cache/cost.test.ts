import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileTokenCache } from '@mca-auth/file-cache'
import { mcaAuth } from '@mca-auth/undici'
import { Agent, request } from 'undici'
import { expect, it, onTestFinished, vi } from 'vitest'
import { patient, startServers } from '../fleet/load.ts'
import { startTokenEndpoints, type TokenEndpoint } from '../servers/token-endpoints.ts'
import { fullSize } from '../size.ts'
import { startHolder } from './holder.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { user } from './users.ts'
import { type FileCall, watchFiles } from './watched-files.js'

it('makes no file-system call for 1,000 requests with a fresh token', async () => {
  const directory = temporaryDirectory()
  const calls: FileCall[] = []
  let pending = 0
  const before = (call: FileCall) => {
    calls.push(call)
    pending++
  }
  const after = () => {
    pending--
  }
  onTestFinished(watchFiles(directory, { before, after }))
  const { server, resource } = await startServers()
  const { provider, settled } = user(directory, { options: patient(server) })
  const agent = new Agent()
  onTestFinished(() => agent.close())
  const dispatcher = agent.compose(mcaAuth(provider))
  const send = async () => {
    const { statusCode, body } = await request(resource.origin, { dispatcher })
    await body.dump()
    return statusCode
  }
  expect(await send()).toBe(200)
  await settled()
  expect(calls.length).toBeGreaterThan(10)
  // The first lease has also started a sweep in the background.
  const isQuiet = async () => {
    const before = calls.length
    await send()
    return calls.length === before && pending === 0
  }
  await expect.poll(isQuiet).toBe(true)
  calls.length = 0
  for (let i = 0; i < 1_000; i++) expect(await send()).toBe(200)
  expect(calls).toEqual([])
})

/** All calls of a process that needs one token, and then ends. Those in the background are among them. */
async function callsOfProcess(directory: string, { options }: TokenEndpoint): Promise<readonly string[]> {
  const at = Number.MAX_SAFE_INTEGER
  const { history, ended } = startHolder({ options, directory, rejects: false, at, signal: 'SIGKILL' })
  expect(await ended).toBe(0)
  expect(history.errors).toEqual([])
  return history.fileCalls.map(({ name }) => name)
}

it('reads one small file for a token that another process has stored', async () => {
  const directory = temporaryDirectory()
  const endpoint = (await startTokenEndpoints())()
  await callsOfProcess(directory, endpoint)
  const calls = await callsOfProcess(directory, endpoint)
  expect(endpoint.issued.length).toBe(1)
  expect(calls.filter((name) => name === 'open').length).toBe(1)
  expect(calls.filter((name) => name === 'readdir').length).toBeLessThanOrEqual(2)
  expect(calls.length).toBeLessThanOrEqual(8)
})

const foreign = fullSize ? 10_000 : 2_000
it(`does not make more calls with ${foreign} foreign files`, async () => {
  const directory = temporaryDirectory()
  const addEndpoint = await startTokenEndpoints()
  const endpoint = addEndpoint()
  const before = await callsOfProcess(directory, endpoint)
  const folders = readdirSync(directory).map((name) => join(directory, name))
  for (const folder of [directory, ...folders]) {
    for (let i = 0; i < foreign / 2; i++) writeFileSync(join(folder, i % 2 === 0 ? `foreign-${i}` : `${i}.tmp`), '')
  }
  expect((await callsOfProcess(directory, endpoint)).length).toBeLessThanOrEqual(8)
  // A sweep reads the names, many at once.
  const calls = (await callsOfProcess(directory, addEndpoint())).filter((name) => name !== 'nextName')
  expect(calls.length).toBeLessThan(before.length + 50)
})

const expired = fullSize ? 1_000 : 200
it(`removes ${expired} expired tokens in small steps`, async () => {
  const directory = temporaryDirectory()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3 * 86_400_000 })
  onTestFinished(() => void vi.useRealTimers())
  const cache = fileTokenCache({ directory })
  for (let i = 0; i < expired; i++) {
    const fence = await cache.lease(`key-${i}`, 'holder', 1_000)
    await cache.set(`key-${i}`, { value: 'x'.repeat(1_000), digest: `digest-${i}`, expiresInMs: 3_600_000 }, fence ?? 0)
  }
  vi.useRealTimers()
  const count = () => readdirSync(directory).length
  expect(count()).toBe(expired)
  const addEndpoint = await startTokenEndpoints()
  const calls = (await callsOfProcess(directory, addEndpoint())).filter((name) => name !== 'nextName')
  expect(calls.length).toBeLessThan(1_500)
  expect(count()).toBeLessThanOrEqual(expired - 50)
  expect(count()).toBeGreaterThan(0)
})
