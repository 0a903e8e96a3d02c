import type { BoundKey } from '../credentials/bound-key.js'
import { isShareable, type OwnerFields } from '../credentials/identity.js'
import type { CoordinatorOptions } from '../shared-cache/shared-cache-coordinator.js'
import type { SharedTokenCache } from '../shared-cache/shared-token-cache.js'
import type { Telemetry } from '../telemetry.js'
import type { CoolDowns } from '../token-endpoint/cool-downs.js'
import type { TokenRequestSender } from '../token-endpoint/send-token-request.js'
import { TokenEndpointClient } from '../token-endpoint/token-endpoint-client.js'
import type { TokenServer } from '../token-endpoint/token-server.js'
import { CachedToken } from './access-token.js'
import type { ResolvedRefreshPolicy } from './refresh-policy.js'
import type { SubjectLifetime } from './subject-lifetime.js'
import { type TokenMaker, TokenRefresher } from './token-refresher.js'

/** The parts of a refresher. */
export interface TokenRefresherParts extends TokenRequestSender {
  readonly timeoutMs: number
  readonly coolDowns: CoolDowns
  readonly telemetry: Telemetry
  readonly refresh: ResolvedRefreshPolicy
  readonly sharing: Sharing | undefined
  /** Set if tokens are requested on behalf of others. */
  readonly subjectLifetime?: SubjectLifetime | undefined
}

/** A shared cache and its prerequisites. */
interface Sharing extends CoordinatorOptions {
  readonly cache: SharedTokenCache
  readonly sealingKeys: readonly (string | Uint8Array)[]
}

export async function createTokenRefresher(parts: TokenRefresherParts): Promise<TokenRefresher> {
  const { credentials, timeoutMs, coolDowns, telemetry, refresh, sharing, subjectLifetime } = parts
  const bound = await bindingOf(parts)
  const client = new TokenEndpointClient({ ...parts, prover: bound?.prover }, timeoutMs, coolDowns, telemetry)
  const owner = { ...credentials, thumbprint: bound?.prover.thumbprint }
  const coordinator = sharing && (await createCoordinator(sharing, owner))
  const tokens = bound?.tokens ?? ((...of) => new CachedToken(...of))
  return new TokenRefresher(credentials, client, coordinator, telemetry, timeoutMs, refresh, tokens, subjectLifetime)
}

type Binding = Awaited<ReturnType<typeof createBinding>>
/** One for each provider: its own tokens and those on behalf of others are bound to one key, and share its nonces. */
const bindings = new WeakMap<TokenServer, Promise<Binding>>()

async function bindingOf({ credentials: { dpop }, server }: TokenRefresherParts): Promise<Binding | undefined> {
  if (dpop === undefined || server === undefined) return undefined
  const binding = bindings.get(server) ?? createBinding(dpop, server)
  bindings.set(server, binding)
  return binding
}

/** Loaded only by providers that use it. */
async function createBinding(dpop: BoundKey | true, server: TokenServer) {
  const { BoundToken, createProver } = await import('./bound-token.js')
  const prover = createProver(dpop, server.clock)
  const tokens: TokenMaker = (...of) => new BoundToken(prover, ...of)
  return { prover, tokens }
}

/** `undefined` if no other process could recognise a token as its own. */
async function createCoordinator(sharing: Sharing, credentials: OwnerFields) {
  if (!isShareable(credentials)) return undefined
  const { SharedCacheCoordinator } = await import('../shared-cache/shared-cache-coordinator.js')
  return new SharedCacheCoordinator(sharing.cache, sharing.sealingKeys, credentials, sharing)
}
