import { type BeginRequest, originOf, parseUrl, type RequestAuthorization } from '@mca-auth/core/adapter'
import { type CallBody, callBody, isUnusedStream, noBody, recordedRequest } from './call-body.js'
import { areValid, type HeaderForm, headerOf, isIterator, readHeaders } from './call-headers.js'

/** The type of the global `fetch`. */
export type Fetch = typeof globalThis.fetch

/**
 * The authorization of the outermost `mcaAuth()`, in the `init` of a call, which layers copy. It tells another one beneath
 * whether the outermost one decides.
 */
export const outermost: unique symbol = Symbol.for('mca-auth.request.1')

/** The second argument of fetch, with members that only some fetches support. */
export interface Init {
  readonly [name: string]: unknown
  readonly [outermost]?: RequestAuthorization | undefined
}

/** One sending: the call itself, or a hop of its redirects. */
export interface Hop {
  readonly input: string | Request
  /** Other members of `init`; the fields here take precedence. */
  readonly members: Init
  readonly url: string
  readonly method: string
  readonly headers: HeaderForm
  readonly body: CallBody
}

/** Members that fetches read from a prototype too: of the standard, of undici, of node-fetch. */
const inheritable = [
  ...['body', 'cache', 'credentials', 'duplex', 'headers', 'integrity', 'keepalive', 'method', 'mode', 'priority'],
  ...['redirect', 'referrer', 'referrerPolicy', 'signal', 'window', 'dispatcher'],
  ...['agent', 'compress', 'counter', 'follow', 'highWaterMark', 'insecureHTTPParser', 'size', 'timeout'],
]

/** These alone are written in upper case by fetch. */
const normalized = /^(?:delete|get|head|options|post|put)$/i

/** @returns `undefined` for anything but a call with an http(s) URL. Throws the errors of its getters and iterators. */
export function readCall(input: unknown, init: unknown): Call | undefined {
  const request = isRequest(input) ? input : undefined
  const url = request?.url ?? String(input)
  if (originOf(url) === undefined || (init != null && typeof init !== 'object')) return undefined
  return new Call(url, request, init as Init | null | undefined)
}

/** One call of fetch, as it was when it was made. */
export class Call {
  readonly sending: BeginRequest & { readonly url: string }
  /** The caller's `signal`, of any class. */
  readonly signal: AbortSignal | undefined
  /** How fetch treats a redirect, unless it rejects this value. */
  readonly redirect: unknown
  /** The caller's own `init`, unless an iterator in it has been read. */
  readonly untouchedInit: Init | null | undefined
  /** The members of `init`, each read once. */
  readonly members: Init
  readonly #request: Request | undefined
  readonly #headers: HeaderForm
  readonly #body: unknown

  constructor(url: string, request: Request | undefined, init: Init | null | undefined) {
    const members = init ? membersOf(init) : {}
    const { headers, body, method = request?.method ?? 'GET', signal = request?.signal } = members
    this.redirect = members.redirect ?? request?.redirect ?? 'follow'
    this.signal = (signal ?? undefined) as AbortSignal | undefined
    this.#request = request
    this.#headers = readHeaders(headers ?? request?.headers)
    this.#body = body ?? undefined
    if (isIterator(headers)) members.headers = this.#headers
    this.untouchedInit = isIterator(headers) ? members : init
    // A Request loses its referrer if there is an init that is not empty, such as the one that we add.
    this.members = Object.keys(members).length === 0 && request !== undefined ? referrerOf(request) : members
    this.sending = {
      url,
      method: normalized.test(String(method)) ? String(method).toUpperCase() : String(method),
      // Some fetches turn a user in the URL into a header; others reject it.
      authorization: headerOf(this.#headers, 'authorization') ?? (hasUser(url) ? url : undefined),
      signal: this.signal instanceof AbortSignal ? this.signal : undefined,
    }
  }

  /** Whether the global fetch rejects it at once, so that no token is needed. */
  get hasInvalidHeaders(): boolean {
    return !areValid(this.#headers)
  }

  /** The first sending. If it must wait, it takes the body over, so that the caller's later use of it has no effect. */
  firstHop({ mustWait }: { readonly mustWait: boolean }): Hop {
    const { url, method } = this.sending
    const request = this.#request
    const common = { members: this.members, url, method, headers: this.#headers }
    if (request === undefined || this.#body !== undefined) {
      return { ...common, input: request ?? url, body: callBody(this.#body, mustWait) }
    }
    if (request.body == null) return { ...common, input: request, body: noBody }
    const input = mustWait ? taken(request) : request
    return { ...common, input, body: recordedRequest(input) }
  }
}

/** The members that a hop to another URL has of a `Request`, which cannot be given another URL. */
export function membersOfHop({ input, members }: Hop): Init {
  if (!isRequest(input)) return members
  const { body: _body, headers: _headers, method: _method, duplex: _duplex, ...own } = membersOf(input as never)
  return { ...own, ...members }
}

/** Recognised by its members, since another copy of fetch has its own `Request`. */
export function isRequest(input: unknown): input is Request {
  const { url, method, clone } = (input ?? {}) as Partial<Request>
  return typeof clone === 'function' && typeof url === 'string' && typeof method === 'string'
}

/** Read once, as fetch does; an `init` may be an instance of a class, or have getters. */
function membersOf(init: Init): Record<string, unknown> {
  const members: Record<string, unknown> = { ...init }
  for (const name in init) if (!Object.hasOwn(members, name)) members[name] = init[name]
  for (const name of inheritable) {
    if (Object.hasOwn(members, name)) continue
    const value = init[name]
    if (value !== undefined) members[name] = value
  }
  return members
}

function referrerOf({ referrer, referrerPolicy }: Request): Init {
  return { ...(referrer !== undefined && { referrer }), ...(referrerPolicy !== undefined && { referrerPolicy }) }
}

function hasUser(url: string): boolean {
  if (!url.includes('@')) return false
  const { username, password } = parseUrl(url) ?? { username: '', password: '' }
  return username !== '' || password !== ''
}

/** Takes the body over at once, like a call of fetch: it belongs to the call, and cannot be read elsewhere. */
function taken(request: Request): Request {
  if (!isUnusedStream(request.body)) return request
  const ofRequest = request instanceof Request ? Request : (request as object).constructor
  return new (ofRequest as typeof Request)(request)
}
