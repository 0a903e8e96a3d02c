import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTokenProvider, getAuthorizationHeader, type McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { startAuthorizationServer } from '@mca-auth/testing'
import { generate } from 'selfsigned'
import { Agent, fetch } from 'undici'
import { expect, vi } from 'vitest'

/** Something that befalls the provider itself, whichever client it serves. */
export interface ProviderFault {
  readonly fault: string
  readonly sees: string
  readonly run: () => Promise<void>
}

async function failureAt(tokenEndpoint: string, options: McaAuthOptions = {}): Promise<McaAuthError> {
  const provider = createTokenProvider({ tokenEndpoint, clientId: 'c', secret: 's', timeoutMs: 1_000, ...options })
  const error = await provider.getToken().then(
    () => expect.fail('expected a failure'),
    (caught: McaAuthError) => caught,
  )
  expect(error.code).toBe('TOKEN_REQUEST_FAILED')
  return error
}

const causeOf = (error: McaAuthError) => (error.cause as { cause?: { code?: string } }).cause?.code

async function failureOverTls(name: string, notAfterDate: Date): Promise<McaAuthError> {
  const pem = await generate([{ name: 'commonName', value: name }], {
    notBeforeDate: new Date(Date.now() - 10 * 24 * 3600_000),
    notAfterDate,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
  })
  const server = createServer({ key: pem.private, cert: pem.cert }, (_request, response) => response.end()).listen(0)
  await once(server, 'listening')
  const agent = new Agent({ connect: { ca: pem.cert, rejectUnauthorized: true } })
  const trusting = (url: string, init: object) => fetch(url, { ...init, dispatcher: agent })
  try {
    const { port } = server.address() as AddressInfo
    return await failureAt(`https://localhost:${port}/token`, { fetch: trusting as unknown as typeof globalThis.fetch })
  } finally {
    await agent.destroy()
    server.close()
  }
}

/** Collects garbage and gives the heap in use, in MB. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed / 1e6
}

const tomorrow = () => new Date(Date.now() + 24 * 3600_000)

export const providerFaults: readonly ProviderFault[] = [
  {
    fault: 'the token endpoint refuses connections',
    sees: 'TOKEN_REQUEST_FAILED with the cause',
    run: async () => {
      const gone = await startAuthorizationServer()
      await gone.close()
      expect(causeOf(await failureAt(`${gone.origin}/token`))).toBe('ECONNREFUSED')
    },
  },
  {
    fault: 'its name does not resolve',
    sees: 'TOKEN_REQUEST_FAILED with the cause',
    run: async () => {
      expect(causeOf(await failureAt('https://idp.invalid/token'))).toMatch(/ENOTFOUND|EAI_AGAIN/)
    },
  },
  {
    fault: 'its TLS certificate has expired',
    sees: 'TOKEN_REQUEST_FAILED with the cause',
    run: async () => {
      const error = await failureOverTls('localhost', new Date(Date.now() - 24 * 3600_000))
      expect(causeOf(error)).toBe('CERT_HAS_EXPIRED')
    },
  },
  {
    fault: 'its TLS certificate is for another name',
    sees: 'TOKEN_REQUEST_FAILED with the cause',
    run: async () => {
      expect(causeOf(await failureOverTls('other.example.com', tomorrow()))).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    },
  },
  {
    fault: '1,000 calls while a refusal is remembered',
    sees: 'TOKEN_REQUEST_REFUSED, one token request',
    run: async () => {
      await using server = await startAuthorizationServer()
      const provider = createTokenProvider({ ...server.appId, secret: 'wrong-fake-secret' })
      for (let i = 0; i < 1000; i++) await expect(provider.getToken()).rejects.toThrow('invalid_client')
      expect(server.tokenRequests).toBe(1)
    },
  },
  {
    fault: 'every caller gives up before the endpoint answers',
    sees: 'their own abort; the token still arrives and serves the next',
    run: async () => {
      await using server = await startAuthorizationServer()
      server.delayMs = 60
      const provider = createTokenProvider(server.appId)
      const signal = AbortSignal.timeout(10)
      await Promise.allSettled(Array.from({ length: 50 }, () => provider.getToken(undefined, { signal })))
      await vi.waitFor(() => expect(provider.peek()).toBeDefined())
      await provider.getToken()
      expect(server.tokenRequests).toBe(1)
    },
  },
  {
    fault: 'the process ends its work with a refresh in flight',
    sees: 'held open for timeoutMs at most, not at all after close()',
    run: async () => {
      await using server = await startAuthorizationServer()
      for (const [timeoutMs, then] of [
        [500, ''],
        [60_000, 'setTimeout(() => provider.close(), 50)'],
      ] as const) {
        server.script({ hang: 'headers' }, { hang: 'headers' }, { hang: 'headers' })
        const script = `const { createTokenProvider } = await import('@mca-auth/core')
          const provider = createTokenProvider(${JSON.stringify({ ...server.appId, timeoutMs })})
          provider.getToken().catch(() => {}); ${then}`
        const before = performance.now()
        await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname })
        expect(performance.now() - before).toBeLessThan(4_000)
        server.clearScript()
      }
    },
  },
  {
    fault: '100,000 tenants through one cache of 100',
    sees: 'flat memory, also of what guards the token endpoints',
    run: async () => {
      const fetch = async () => new Response('{"access_token":"opaque","expires_in":3600}')
      const call = (i: number) =>
        getAuthorizationHeader({
          cacheSize: 100,
          clientId: 'c',
          secret: 's',
          tokenEndpoint: `https://idp.example.com/${i}`,
          fetch,
        })
      for (let i = 0; i < 5_000; i++) await call(i)
      const before = heap()
      for (let i = 5_000; i < 100_000; i++) await call(i)
      await new Promise((resolve) => setTimeout(resolve, 50))
      const grown = heap() - before
      expect(grown).toBeLessThan(5)
      await new Promise((resolve) => setTimeout(resolve, 50)) // finalizers run in turns of their own
      const endpoints = (globalThis as unknown as Record<symbol, Map<string, Map<string, number>>>)[
        Symbol.for('mca-auth.tokenEndpoints')
      ]
      expect(endpoints?.get('https://idp.example.com')?.size).toBeLessThan(2_000)
    },
  },
]
