import { onTestFinished } from 'vitest'
import type { TokenEndpoint } from '../servers/token-endpoints.ts'
import { cacheUser } from './cache-user.js'

/** Another process, as far as the cache can tell: it shares only files. */
export function user(directory: string, { options }: Pick<TokenEndpoint, 'options'>, changed: object = {}) {
  const created = cacheUser(directory, { ...options, ...changed }, () => {})
  onTestFinished(() => created.provider.close())
  return created
}

/** The token of a user that has none in memory. */
export async function tokenOf(directory: string, endpoint: TokenEndpoint): Promise<string> {
  const { provider, settled } = user(directory, endpoint)
  const { accessToken } = await provider.getToken()
  await settled()
  return accessToken
}

/** Whether two users share a token. */
export async function isShared(directory: string, endpoint: TokenEndpoint): Promise<boolean> {
  const first = await tokenOf(directory, endpoint)
  return (await tokenOf(directory, endpoint)) === first
}
