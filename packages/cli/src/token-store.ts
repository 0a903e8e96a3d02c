import { createPrivateKey } from 'node:crypto'
import type { McaAuthOptions, SharedToken, SharedTokenCache } from '@mca-auth/core'
import { hasStaticSecret } from '@mca-auth/core/adapter'
import { type FileTokenCache, fileTokenCache } from '@mca-auth/file-cache'
import { stuckCall } from './stuck-call.js'

/** Longer than in a service, where requests wait: a disk may be slow after it slept. */
const defaultTimeoutMs = 2_000
const silence = 'the file system does not respond'

/** The private key of `--key-file`: its PEM, or its JWK. */
export type PrivateKey = string | object

/**
 * The tokens of earlier runs, in files of this user. Some can be hidden from the library, so that it requests a new token,
 * which replaces the stored one.
 */
export class TokenStore implements SharedTokenCache {
  readonly encryptionKeys: readonly Uint8Array[] | undefined
  /** The time for the file system: a fifth of `--timeout-ms`. */
  readonly timeoutMs: number
  readonly #files: FileTokenCache = fileTokenCache()
  readonly #hidesAll: boolean
  readonly #pending = new Set<Promise<unknown>>()
  #hidden: string | undefined
  #found: string | undefined

  /** @param encryptionKeys - `undefined`: the library derives them from the secret. */
  constructor(
    encryptionKeys: readonly Uint8Array[] | undefined,
    hidesAll: boolean,
    { timeoutMs = 5 * defaultTimeoutMs }: Pick<McaAuthOptions, 'timeoutMs'>,
  ) {
    this.encryptionKeys = encryptionKeys
    this.timeoutMs = timeoutMs / 5
    this.#hidesAll = hidesAll
  }

  /** From now on, hides the token that was found last. */
  hideFound(): void {
    this.#hidden = this.#found
  }

  /** Waits until everything is written, since the library stores a token in the background, but not for long. */
  async settled(): Promise<void> {
    const all = async () => {
      while (this.#pending.size > 0) {
        await Promise.allSettled(this.#pending)
        // The next write, such as the release of a lease, begins in this turn.
        await new Promise(setImmediate)
      }
    }
    await inTime(all(), this.timeoutMs).catch(() => {})
  }

  get(key: string): Promise<SharedToken | undefined> {
    return this.#tracked(this.#visible(key))
  }

  set(key: string, token: SharedToken, fence: number): Promise<void> {
    return this.#tracked(this.#files.set(key, token, fence))
  }

  delete(key: string, digest: string): Promise<void> {
    return this.#tracked(this.#files.delete(key, digest))
  }

  lease(key: string, holder: string, durationMs: number): Promise<number | undefined> {
    return this.#tracked(this.#files.lease(key, holder, durationMs))
  }

  release(key: string, holder: string): Promise<void> {
    return this.#tracked(this.#files.release(key, holder))
  }

  async #visible(key: string): Promise<SharedToken | undefined> {
    const token = await this.#files.get(key)
    if (this.#hidesAll || token?.digest === this.#hidden) return undefined
    this.#found = token?.digest
    return token
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work)
    const remove = () => void this.#pending.delete(work)
    work.then(remove, remove)
    return work
  }
}

/**
 * The store for tokens of these credentials, encrypted with a key that is derived from the secret or the private key.
 * `undefined` if they have neither: then another process could not be told from one that may not have the token.
 *
 * @param hidesAll - whether to request a new token in any case.
 * @throws McaAuthError or TypeError, as `createTokenProvider()` does.
 */
export function tokenStore(
  options: McaAuthOptions,
  key: PrivateKey | undefined,
  hidesAll: boolean,
): TokenStore | undefined {
  if (hasStaticSecret(options)) return new TokenStore(undefined, hidesAll, options)
  return key === undefined ? undefined : new TokenStore([bytesOf(key)], hidesAll, options)
}

/** @throws Error if the file system does not respond. */
export async function inTime<T>(work: Promise<T>, timeoutMs: number = defaultTimeoutMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      stuckCall.isKnown = true
      reject(new Error(silence))
    }, timeoutMs)
  })
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer))
}

/** Why the files are not used, in words of the command line: `fileTokenCache()` would suggest an option. */
export function reasonOf(failure: string): string {
  if (fileTokenCache().directory === undefined) return 'there is no home directory: set HOME'
  if (failure.includes('`sharedCacheTimeoutMs`')) return silence
  const reason = failure.replace(/^the token cache is not used, because /, '')
  return /use (?:a|the|another) directory/.test(reason) ? `${reason} (see \`mca-auth help environment\`)` : reason
}

/** The same for each format of the key. */
function bytesOf(key: PrivateKey): Uint8Array {
  const input = typeof key === 'string' ? key : ({ key, format: 'jwk' } as const)
  return createPrivateKey(input as Parameters<typeof createPrivateKey>[0]).export({ type: 'pkcs8', format: 'der' })
}
