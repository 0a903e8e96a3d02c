import type { SecureContextOptions } from 'node:tls'
import { originOf, parseUrl, type RequestAuthorizer, unixSocket } from '@mca-auth/core/adapter'

/** The part of got's options that is used here; structural, so that got 14, 15 and 16 fit. */
export interface GotOptions {
  readonly url?: string | URL | undefined
  readonly prefixUrl?: string | URL | undefined
  readonly method: string
  readonly headers: Record<string, unknown>
  body?: unknown
  readonly signal?: AbortSignal | undefined
  readonly isStream?: boolean | undefined
  readonly enableUnixSockets?: boolean | undefined
  readonly retry: { readonly limit?: number; readonly calculateDelay: (attempt: { error: Error }) => unknown }
  readonly hooks: Hooks
  /** Called by got to read the options when it makes the request. */
  createNativeRequestOptions?(): NativeOptions
  readonly agent?: { readonly https?: unknown; readonly http2?: unknown } | undefined
  readonly http2?: boolean | undefined
}

/** The options that got passes to Node.js. */
export interface NativeOptions extends SecureContextOptions {
  headers: Record<string, unknown>
  agent?: unknown
}

export interface GotResponse {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly isFromCache?: boolean | undefined
}

export type Hook = (...args: never[]) => unknown
/** The hooks of one call: got copies the lists of its instance for each. */
export type Hooks = Record<'beforeRequest' | 'beforeRedirect' | 'beforeRetry' | 'beforeError' | 'afterResponse', Hook[]>

const mark = Symbol.for('mca-auth.got.1')

/** The request that a hook of ours belongs to, even if the hook is of another copy of this package. */
export interface Mark {
  readonly authorizer: RequestAuthorizer
  /** The origin that the caller addressed. */
  readonly origin: string | undefined
  /** Whether it decides about the request that is being made. */
  readonly decides: boolean
}

const none: readonly Mark[] = []

export function marked(hook: Hook, value: Mark): Hook {
  ;(hook as { [mark]?: Mark })[mark] = value
  return hook
}

function markOf(hook: Hook): Mark | undefined {
  return (hook as { [mark]?: Mark })[mark]
}

export function marksIn(hooks: Hooks): readonly Mark[] {
  if (!hooks.beforeRequest.some(markOf)) return none
  return hooks.beforeRequest.map(markOf).filter((value) => value !== undefined)
}

export function removeHooks(hooks: Hooks, authorizer: RequestAuthorizer): void {
  for (const list of Object.values(hooks)) {
    list.splice(0, list.length, ...list.filter((hook) => markOf(hook)?.authorizer !== authorizer))
  }
}

/** Each Unix socket is a separate origin. */
export function originIn(options: GotOptions, url: string | URL | undefined = options.url): string | undefined {
  if (url === undefined || url === '') return undefined
  const target = typeof url === 'string' ? parseUrl(url) : url
  if (target?.hostname === 'unix' || target?.protocol === 'unix:') {
    // `http://unix/path/of/socket:/path`; without the colon, `unix` is a host like any other.
    const [, path] = /^([^:]+):./.exec(target.pathname + target.search) ?? []
    if (path !== undefined && options.enableUnixSockets === true) return unixSocket + path
  }
  return target && originOf(target)
}
