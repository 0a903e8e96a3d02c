// The servers of one step: an authorization server, the API that accepts its tokens, and a stranger that accepts anything.
// The path decides what the API and the stranger do, so that a mock in place of the API does the same.
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { claimsOf, problemOf } from './proofs.js'

/**
 * @typedef {object} Arrived
 * @property {string} method
 * @property {string} path
 * @property {string} [authorization]
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {Buffer} body
 *
 * @typedef {{ status?: number, headers?: Record<string, string>, body?: unknown, delayMs?: number }} Reply
 */

/** OpenAI's SDK honours `retry-after-ms`. */
const busy = { status: 503, headers: { 'retry-after-ms': '1' }, body: 'try again' }

const insufficient = {
  status: 403,
  headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="write"' },
  body: 'Forbidden',
}

const rejected = { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' }, body: 'Unauthorized' }

export class World {
  /** The API's origin. */
  api = ''
  /** The stranger's origin. */
  stranger = ''
  /** Whether the API accepts requests without a token. */
  open = false
  /** The API takes tokens that are bound to a key, each proof once, and no others. */
  bound = false
  /** The nonce that it demands in a proof, if any. */
  nonce = /** @type {string | undefined} */ (undefined)
  /** @type {import('@mca-auth/testing').AuthorizationServer} */
  server
  /** Ends the API's server, so that only a mock answers in its place. */
  unplug = /** @type {() => Promise<void>} */ (async () => {})
  /** The received requests, oldest first. */
  atApi = /** @type {Arrived[]} */ ([])
  atStranger = /** @type {Arrived[]} */ ([])
  /** The data that a proxy could read. */
  atProxy = /** @type {{ path: string, authorization?: string }[]} */ ([])
  #revoked = new Set()
  #seen = new Set()
  #proofs = new Set()
  #closing = /** @type {(() => unknown)[]} */ ([])

  constructor(/** @type {import('@mca-auth/testing').AuthorizationServer} */ server) {
    this.server = server
  }

  /**
   * @param {object} options
   * @param {boolean} options.open the API takes requests without a token, as it must when the client runs bare
   * @param {boolean} [options.bound] the API takes bound tokens
   * @param {string} [options.host] how clients name the servers
   */
  static async start({ open, bound = false, host = '127.0.0.1' }) {
    const world = new World(await startAuthorizationServer())
    world.open = open
    world.bound = bound
    const serve = async (/** @type {(request: any) => any} */ intercept) => {
      const resource = await startProtectedResource({ authorizationServer: world.server, intercept })
      world.#closing.push(() => resource.close().catch(() => {})) // may be unplugged
      return resource
    }
    world.#closing.push(() => world.server.close())
    const stranger = await serve((request) => world.#answerAsStranger(request))
    const api = await serve((request) => world.#answerAsApi(request))
    world.stranger = stranger.origin.replace('127.0.0.1', host)
    world.api = api.origin.replace('127.0.0.1', host)
    world.unplug = () => api.close()
    return world
  }

  /** Ends this with the world. */
  onClose(/** @type {() => unknown} */ end) {
    this.#closing.unshift(end)
  }

  async close() {
    for (const end of this.#closing) await end()
  }

  revokeAll() {
    this.server.revokeAll()
    this.#revoked = new Set(this.#seen)
  }

  /** The API's reply for a mock, which cannot wait for a signature to be verified. @returns {Reply} */
  mock(/** @type {any} */ request) {
    const reply = this.#answerAsApi(request)
    if (reply !== undefined) return reply
    const token = /^Bearer (eyJ\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    return token !== undefined && !this.#revoked.has(request.headers.authorization) ? { body: 'ok' } : rejected
  }

  /** The stranger's reply for a mock. */
  mockStranger(/** @type {any} */ request) {
    return this.#answerAsStranger(request)
  }

  #answerAsApi(/** @type {any} */ request) {
    const { authorization } = request.headers
    this.#seen.add(authorization)
    return this.#record(this.atApi, request, this.#replyOfApi(request))
  }

  /** @returns {Reply | undefined} nothing: if the token is good */
  #replyOfApi(/** @type {any} */ request) {
    const { method, path, headers } = request
    const at = (/** @type {string} */ prefix) => path.startsWith(prefix)
    if (path.includes('/unstable/') && !this.#cameBefore(this.atApi, path)) return busy
    if (at('/leave/')) return found(`${this.stranger}/landed`)
    if (at('/leave-to-unstable/')) return found(`${this.stranger}/unstable/landed`)
    if (at('/leave-to-scoped/')) return found(`${this.stranger}/scoped/landed`)
    if (at('/return/')) return found(`${this.stranger}/back`)
    if (at('/pages/')) return { headers: { link: `<${this.stranger}/landed>; rel="next"` }, body: 'ok' }
    if (at('/moved/')) return found(path.replace('/moved', ''))
    if (at('/orders') && method === 'POST') return { status: 303, headers: { location: `${this.api}/rejected` } }
    if (at('/rejected')) return rejected
    const challenge = this.bound && !this.open ? this.#challengeOf(request) : undefined
    if (challenge !== undefined) return challenge
    if (path.includes('/scoped/') && !this.open && !mayWrite(headers.authorization)) return insufficient
    if (at('/scoped/busy/') && !this.#cameBefore(this.atApi, path, headers.authorization)) return busy
    if (path.includes('/users/')) return echo(headers)
    if (at('/cacheable/')) return echo(headers, { 'cache-control': 'public, max-age=60', vary: 'authorization' })
    // A bare client can abort while it waits for this, instead of for a token.
    return this.open || this.bound ? { body: 'ok', delayMs: at('/slow/') ? 100 : 0 } : undefined
  }

  /** @returns {Reply | undefined} nothing: if token and proof are in order */
  #challengeOf(/** @type {any} */ { method, path, headers: { authorization, dpop: proof, host } }) {
    const challenge = (/** @type {string} */ error) => ({
      status: 401,
      headers: { 'www-authenticate': `DPoP error="${error}"`, ...(this.nonce && { 'dpop-nonce': this.nonce }) },
      body: 'Unauthorized',
    })
    const [, token] = /^DPoP (eyJ\S+)$/.exec(authorization ?? '') ?? []
    if (token === undefined) return challenge('invalid_token')
    if (problemOf(proof, { method, url: this.#origin(host) + path, token })) return challenge('invalid_dpop_proof')
    const { jti, nonce } = claimsOf(proof)
    if (nonce !== this.nonce) return challenge('use_dpop_nonce')
    if (this.#proofs.has(jti)) return challenge('invalid_dpop_proof')
    this.#proofs.add(jti)
    return this.#revoked.has(authorization) ? challenge('invalid_token') : undefined
  }

  /** As a server takes it from the `Host` that it sees. The dns layer of undici 6 leaves the port out. */
  #origin(/** @type {string | undefined} */ host = new URL(this.api).host) {
    const { protocol, port } = new URL(this.api)
    return `${protocol}//${host.includes(':') ? host : `${host}:${port}`}`
  }

  #answerAsStranger(/** @type {any} */ request) {
    const { path } = request
    const first = path.includes('/unstable/') && !this.#cameBefore(this.atStranger, path)
    const others = { '/back': found(`${this.api}/users/back`), '/scoped/landed': insufficient }
    const reply = first ? busy : (others[path] ?? {})
    return this.#record(this.atStranger, request, { body: 'a stranger', ...reply })
  }

  /** @param {Arrived[]} list @param {string} path @param {string} [authorization] with this header, if it is given */
  #cameBefore(list, path, authorization) {
    const isSame = (/** @type {Arrived} */ one) => authorization === undefined || one.authorization === authorization
    return list.some((earlier) => earlier.path === path && isSame(earlier))
  }

  #record(/** @type {Arrived[]} */ list, /** @type {any} */ request, /** @type {Reply | undefined} */ reply) {
    const { method, path, headers, body } = request
    list.push({ method, path, headers, body, authorization: headers.authorization })
    return reply
  }
}

const found = (/** @type {string} */ location) => ({ status: 302, headers: { location } })

/** Whether a token has the scope; its signature is another matter. */
function mayWrite(/** @type {string | undefined} */ authorization = '') {
  const claims = Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString('utf8')
  return claims !== '' && JSON.parse(claims).scope.split(' ').includes('write')
}

function echo(/** @type {Record<string, string>} */ { authorization }, headers = {}) {
  return { headers, body: { authorization: authorization ?? null } }
}
