import { createTokenProvider } from '@mca-auth/core'
import { startAuthorizationServer } from '@mca-auth/testing'

/**
 * A time in ms for tests in which a server hangs: long for a token request, as measured now on this machine, and short to
 * wait for.
 */
export async function longForATokenRequest(): Promise<number> {
  await using server = await startAuthorizationServer()
  await using provider = createTokenProvider(server.appId)
  await provider.getToken() // loads what the first token request needs
  let slowest = 0
  for (let i = 0; i < 10; i++) {
    provider.clear()
    const start = performance.now()
    await provider.getToken()
    slowest = Math.max(slowest, performance.now() - start)
  }
  return Math.max(450, Math.ceil(30 * slowest))
}
