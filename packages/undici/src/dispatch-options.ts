import { isIP } from 'node:net'
import { stringify } from 'node:querystring'
import { originOf, parseUrl, type RequestAuthorization, type Sending } from '@mca-auth/core/adapter'

/**
 * The authorization of the outermost `mcaAuth()`, in the options of a dispatch, which layers copy. It tells another one
 * beneath whether the outermost one decides, and which dispatches belong together.
 */
export const outermost: unique symbol = Symbol.for('mca-auth.request.1')

/** The part of undici's dispatch options that is read here; structural, so that undici 6, 7 and 8 fit. */
export interface DispatchOptions {
  readonly origin?: string | URL | undefined
  readonly path: string
  readonly query?: object | null | undefined
  readonly method?: string | undefined
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: unknown
  readonly servername?: string | null | undefined
  readonly [outermost]?: RequestAuthorization | undefined
}

/** A dispatch function, for either kind of handler. */
export type Dispatch = (options: DispatchOptions, handler: object) => boolean

/** The URL that the request is for, and its origin; both `undefined` if a Client or Pool hides where it is connected to. */
export function targetOf(
  options: DispatchOptions,
  soleOrigin: string | undefined,
): Pick<Sending, 'origin' | 'url' | 'dispatched'> {
  const origin = originIn(options) ?? soleOrigin
  if (origin === undefined) return { origin, url: undefined, dispatched: undefined }
  // Concatenated, not resolved: a path that begins with two slashes is a path.
  const url = `${origin}${options.path}`
  const query = options.query ? stringify(options.query as Record<string, string>) : ''
  const isNamed = Boolean(options.servername) && originOf(options.origin ?? '') !== origin
  const dispatched = isNamed ? `${originOf(options.origin ?? '')}${options.path}` : undefined
  return { origin, url: query === '' ? url : `${url}?${query}`, dispatched }
}

/** A DNS layer replaces the host by its address, and names it in `servername`. */
function originIn({ origin, servername }: DispatchOptions): string | undefined {
  if (origin === undefined || origin === null) return undefined
  const dispatched = originOf(origin)
  if (!servername || dispatched === undefined || isIP(servername) !== 0) return dispatched
  const { hostname, protocol, port } = parseUrl(dispatched) as URL
  if (isIP(hostname.replace(/^\[|\]$/g, '')) === 0) return dispatched
  return originOf(`${protocol}//${servername}${port && `:${port}`}`)
}
