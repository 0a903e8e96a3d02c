import { AuthorizationServer } from './authorization-server.js'
import type { AuthorizationServerOptions } from './authorization-server-options.js'
import { LoopbackServer } from './loopback-server.js'
import { sendReply } from './reply.js'
import { signingKey } from './signing-key.js'

/**
 * An authorization server in this process that speaks App ID's paths and MCA's.
 *
 * @example
 * ```ts
 * import { createTokenProvider } from '@mca-auth/core'
 * import { startAuthorizationServer } from '@mca-auth/testing'
 *
 * await using server = await startAuthorizationServer()
 * const provider = createTokenProvider(server.appId)
 * await provider.getToken()
 * ```
 */
export async function startAuthorizationServer(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const key = await signingKey()
  let server: AuthorizationServer | undefined
  const http = await LoopbackServer.start(async (request, response) => {
    const reply = await server?.answer(request)
    if (reply !== undefined) await sendReply(response, reply)
  }, options.tls)
  server = new AuthorizationServer(http, key, options)
  return server
}
