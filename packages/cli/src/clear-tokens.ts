import { fileTokenCache } from '@mca-auth/file-cache'
import { print } from './output.js'
import { printable } from './printable.js'
import { inTime, reasonOf } from './token-store.js'

/**
 * Removes all stored tokens of this user.
 *
 * @throws Error if the directory is not used, for example because other users can write to it.
 */
export async function clearTokens(): Promise<void> {
  const cache = fileTokenCache()
  const count = await inTime(cache.clear(), 60_000).catch((error: Error) => {
    throw new Error(reasonOf(error.message))
  })
  const tokens = count === 0 ? 'no tokens' : count === 1 ? '1 token' : `${count} tokens`
  await print(`${printable(`removed ${tokens} from ${cache.directory}`)}\n`)
}
