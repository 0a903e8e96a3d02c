import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { McaAuthOptions } from '@mca-auth/core'
import { onTestFinished } from 'vitest'

/** One token endpoint of {@link startTokenEndpoints}. */
export interface TokenEndpoint {
  readonly options: McaAuthOptions
  /** Every token that it has issued. */
  readonly issued: readonly string[]
  /** The next responses wait for this. */
  held: Promise<unknown>
}

/** Any number of token endpoints in one server, which ends with the test. */
export async function startTokenEndpoints(): Promise<() => TokenEndpoint> {
  const endpoints: (TokenEndpoint & { issued: string[] })[] = []
  const server = createServer(async (request, response) => {
    const index = Number(request.url?.slice(1))
    const endpoint = endpoints[index] as (typeof endpoints)[number]
    const token = `token-${index}-${endpoint.issued.length}`
    endpoint.issued.push(token)
    const body = JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 })
    await endpoint.held
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return () => {
    const options: McaAuthOptions = {
      tokenEndpoint: `http://127.0.0.1:${port}/${endpoints.length}`,
      clientId: 'test-client',
      secret: 'not-a-real-secret',
      // Generous, since the processes share the cores of one machine.
      timeoutMs: 100_000,
      sharedCacheTimeoutMs: 60_000,
    }
    const endpoint = { options, issued: [], held: Promise.resolve() }
    endpoints.push(endpoint)
    return endpoint
  }
}
