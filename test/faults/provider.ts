import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTokenProvider, getAuthorizationHeader } from '@mca-auth/core'
import { startAuthorizationServer } from '@mca-auth/testing'
import { expect, vi } from 'vitest'
import { fullSize } from '../size.ts'

/** A fault of the provider itself, whichever client uses it. */
export interface ProviderFault {
  readonly fault: string
  readonly sees: string
  readonly run: () => Promise<void>
}

/** Collects garbage and returns the heap in use, in MB. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed / 1e6
}

export const providerFaults: readonly ProviderFault[] = [
  {
    fault: '1,000 calls while a denial is remembered',
    sees: 'TOKEN_REQUEST_REFUSED, one token request',
    run: async () => {
      await using server = await startAuthorizationServer()
      const provider = createTokenProvider({ ...server.appId, secret: 'wrong-fake-secret' })
      for (let i = 0; i < 1000; i++) await expect(provider.getToken()).rejects.toThrow('invalid_client')
      expect(server.tokenRequests).toBe(1)
    },
  },
  {
    fault: 'every caller aborts before the endpoint responds',
    sees: 'their own abort error; the token still arrives and serves the next caller',
    run: async () => {
      await using server = await startAuthorizationServer()
      server.delayMs = 60
      const provider = createTokenProvider(server.appId)
      const signal = AbortSignal.timeout(10)
      await Promise.allSettled(Array.from({ length: 50 }, () => provider.getToken({ signal })))
      await vi.waitFor(() => expect(provider.peek()).toBeDefined())
      await provider.getToken()
      expect(server.tokenRequests).toBe(1)
    },
  },
  {
    fault: 'the process finishes its work with a refresh in flight',
    sees: 'the process stays for timeoutMs at most, and exits at once after close()',
    run: async () => {
      await using server = await startAuthorizationServer()
      for (const [timeoutMs, then] of [
        [500, ''],
        [600_000, 'setTimeout(() => provider.close(), 50)'],
      ] as const) {
        server.script({ hang: 'headers' }, { hang: 'headers' }, { hang: 'headers' })
        const script = `const { createTokenProvider } = await import('@mca-auth/core')
          const provider = createTokenProvider(${JSON.stringify({ ...server.appId, timeoutMs })})
          provider.getToken().catch(() => {}); ${then}`
        // Else this test would wait for it until it times out.
        await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname })
        server.clearScript()
      }
    },
  },
  {
    fault: 'a great many tenants through one cache of 100',
    sees: 'constant memory, including the registry of token endpoints',
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
      const [warm, all] = fullSize ? [5_000, 100_000] : [2_000, 10_000]
      for (let i = 0; i < warm; i++) await call(i)
      const before = heap()
      for (let i = warm; i < all; i++) await call(i)
      // It may take several turns of the event loop until an object is garbage, and finalizers run in later turns.
      await expect.poll(() => heap() - before).toBeLessThan(5)
      const endpoints = (globalThis as unknown as Record<symbol, Map<string, Map<string, number>>>)[
        Symbol.for('mca-auth.token-endpoints.1')
      ]
      await expect.poll(() => endpoints?.get('https://idp.example.com')?.size).toBeLessThan(2_000)
    },
  },
]
