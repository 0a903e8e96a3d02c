// The real messages, for docs/errors.md.
import { createTokenProvider, McaAuthError, type McaAuthErrorCode, type McaAuthOptions } from '@mca-auth/core'
import { mcaAuth as mcaAuthForFetch } from '@mca-auth/fetch'
import type { AuthorizationServer } from '@mca-auth/testing'
import { startAuthorizationServer } from '@mca-auth/testing'
import { mcaAuth as mcaAuthForUndici } from '@mca-auth/undici'
import { Agent, fetch } from 'undici'
import { read } from '../repository.ts'

const example = { clientId: 'orders', secret: 'not-a-real-secret' }
const tokenEndpoint = 'https://login.example.com/token'

/** How to get each error. */
const causes: Readonly<Record<McaAuthErrorCode, (server: AuthorizationServer) => unknown>> = {
  MISSING_CLIENTID_ERROR: () => createTokenProvider({ tokenEndpoint }),
  MISSING_SECRET_ERROR: () => createTokenProvider({ tokenEndpoint, clientId: 'orders' }),
  MISSING_SERVER_URL_ERROR: () => createTokenProvider(example),
  MISSING_APPID_ERROR: () => createTokenProvider({ ...example, serverUrl: 'https://mca.example.com/imf-authserver' }),
  INVALID_CREDENTIALS_SOURCE: () => createTokenProvider({ bindingFile: '/opt/service-bind/binding' }),
  INSECURE_TRANSPORT: (server) => mcaAuthForFetch(server.appId)('http://orders.example.com/'),
  DISCOVERY_INVALID: ({ origin }) => {
    const answer = async () => Response.json({ issuer: `${origin}/`, token_endpoint: `${origin}/token` })
    return createTokenProvider({ ...example, issuer: origin, fetch: answer }).getToken()
  },
  MISSING_ORIGINS: (server) => {
    const dispatcher = new Agent().compose(mcaAuthForUndici(server.appId))
    return fetch('https://orders.example.com/', { dispatcher })
  },
  MISSING_INCOMING_TOKEN: (server) => {
    const stock = mcaAuthForFetch({ ...server.appId, origins: 'https://stock.example.com', incoming: 'exchange' })
    return stock('https://stock.example.com/items')
  },
  TOKEN_REQUEST_REFUSED: (server) => {
    server.script({ status: 401, body: { error: 'invalid_client', error_description: 'Client authentication failed' } })
    return tokenOf(server.appId)
  },
  TOKEN_REQUEST_THROTTLED: (server) => {
    server.script({ status: 429, headers: { 'retry-after': '120' } })
    return tokenOf(server.appId)
  },
  TOKEN_REQUEST_FAILED: (server) => {
    server.script(...[1, 2, 3].map(() => ({ status: 503, body: 'no' })))
    return tokenOf(server.appId)
  },
  TOKEN_RESPONSE_INVALID: (server) => {
    server.script({ body: 'Welcome' })
    return tokenOf(server.appId)
  },
}

/** The page, with the current messages of the errors. */
export async function errorsPage(): Promise<string> {
  const server = await startAuthorizationServer({ tenantId: '11111111-2222-3333-4444-555555555555' })
  try {
    let page = read('docs/errors.md')
    for (const [code, cause] of Object.entries(causes)) {
      const message = (await messageOf(cause, server, code)).replaceAll(server.origin, 'https://login.example.com')
      const section = new RegExp(`(^## ${code}\\n.*?^\`\`\`text\\n).*?^(?=\`\`\`$)`, 'ms')
      page = page.replace(section, (_all, before: string) => `${before}${code}: ${message}\n`)
    }
    return page
  } finally {
    await server.close()
  }
}

async function messageOf(
  cause: (typeof causes)[McaAuthErrorCode],
  server: AuthorizationServer,
  code: string,
): Promise<string> {
  try {
    await cause(server)
  } catch (thrown) {
    const error = thrown instanceof McaAuthError ? thrown : (thrown as Error).cause
    if (error instanceof McaAuthError && error.code === code) return error.message
    throw thrown
  }
  throw new Error(`${code} is not thrown any more`)
}

function tokenOf(options: McaAuthOptions): Promise<unknown> {
  return createTokenProvider(options).getToken()
}
