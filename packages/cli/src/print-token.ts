import { subscribe } from 'node:diagnostics_channel'
import {
  type AccessToken,
  type CachingTokenProvider,
  createTokenProvider,
  type McaAuthOptions,
  type SharedCacheFailure,
} from '@mca-auth/core'
import { withFlagNames } from './flag-names.js'
import { complain, print } from './output.js'
import { printable } from './printable.js'
import { type PrivateKey, reasonOf, type TokenStore, tokenStore } from './token-store.js'

/** For a token with less left than this, or than a fifth of its lifetime, a new one is requested. */
const minLeftMs = 300_000

/** How to get and print a token. */
export interface TokenCommand {
  readonly options: McaAuthOptions
  readonly key: PrivateKey | undefined
  readonly json: boolean
  /** Whether a stored token may be printed. */
  readonly useStored: boolean
}

/** Prints a stored token that is valid for a while, or else requests one and stores it. */
export async function printToken({ options, key, json, useStored }: TokenCommand): Promise<void> {
  const store = tokenStore(options, key, !useStored)
  warnOnce()
  await using provider = createTokenProvider({
    ...options,
    sharedCache: store,
    sharedCacheTimeoutMs: store?.timeoutMs,
  })
  const token = await lastingToken(provider, store)
  const { accessToken, tokenType, issuedAt, expiresAt, scope } = token
  const header = `${tokenType} ${accessToken}`
  const fields = { header, accessToken, tokenType, issuedAt, expiresAt, scope }
  await print(`${printable(json ? JSON.stringify(fields) : header)}\n`)
  await store?.settled()
}

/**
 * A token for the next command, which may take a while. The library would also give a stored token that expires in a few
 * seconds, and refresh it in the background, which a command that ends does not do.
 */
async function lastingToken(provider: CachingTokenProvider, store: TokenStore | undefined): Promise<AccessToken> {
  let isStored = false
  subscribe('mca-auth:token:refreshed', (message) => {
    isStored = (message as { readonly fromSharedCache: boolean }).fromSharedCache
  })
  const token = await provider.getToken()
  const leftMs = token.expiresAt - Date.now()
  if (!isStored || store === undefined || leftMs >= Math.min(minLeftMs, (token.expiresAt - token.issuedAt) / 5))
    return token
  store.hideFound()
  provider.clear()
  try {
    return await provider.getToken()
  } catch (error) {
    const reason = withFlagNames((error as Error).message, 'token')
    complain(`no new token (${reason}); the stored one expires in ${Math.round(leftMs / 1000)} s`)
    return token
  }
}

/** A store that fails never keeps a token from being printed. */
function warnOnce(): void {
  let isWarned = false
  subscribe('mca-auth:shared-cache:failed', (message) => {
    if (isWarned) return
    isWarned = true
    complain(`the token is not stored: ${reasonOf((message as SharedCacheFailure).reason)}`)
  })
}
