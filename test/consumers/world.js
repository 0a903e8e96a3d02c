// The servers of one client of one project, in the process of the run: an authorization server, an API that accepts its
// tokens, and an authorization server with another secret for the client, which denies every token request.
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'

/** How many requests a client sends at once while it has no token. The exercise uses the same number. */
const calls = 20

/** @typedef {import('@mca-auth/testing').AuthorizationServer} AuthorizationServer */
/** @typedef {import('@mca-auth/testing').ProtectedResource} ProtectedResource */

export class World {
  #server
  #denying
  #api

  /** @param {AuthorizationServer} server @param {AuthorizationServer} denying @param {ProtectedResource} api */
  constructor(server, denying, api) {
    this.#server = server
    this.#denying = denying
    this.#api = api
  }

  static async start() {
    const server = await startAuthorizationServer()
    const denying = await startAuthorizationServer({ secret: 'another-fake-secret' })
    const api = await startProtectedResource({
      authorizationServer: server,
      intercept: ({ path, headers }) => {
        // With a token that is still valid. That of the next request is not.
        if (path === '/revoke') server.revokeAll()
        if (path === '/user') return { body: { authorization: headers.authorization } }
        return path === '/revoke' ? { body: 'revoked' } : undefined
      },
    })
    return new World(server, denying, api)
  }

  /** The settings of the program. */
  get access() {
    const denied = { ...this.#denying.appId, secret: this.#server.secret }
    return { api: this.#api.origin, credentials: this.#server.appId, denied }
  }

  get tokenRequests() {
    return this.#server.tokenRequests
  }

  /** Authorization headers that the API has received. */
  get authorizations() {
    return new Set(this.#api.received.flatMap(({ headers }) => headers.authorization ?? []))
  }

  /** Throws unless the client did everything exactly once. @param {{ tokenRequests?: number, more?: number }} expected */
  check({ tokenRequests = 2, more = 0 } = {}) {
    const answers = Object.fromEntries(this.#api.answers)
    const paths = this.#api.received.map(({ path }) => path)
    const seen = {
      'token requests': this.tokenRequests,
      'calls before the token was revoked': paths.filter((path) => path.startsWith('/many/')).length,
      'calls with the revoked token': answers[401] ?? 0,
      'resent calls': paths.filter((path) => path === '/after').length - 1,
      'calls that succeeded': answers[200] ?? 0,
      'other answers': Object.keys(answers).filter((status) => !['200', '401'].includes(status)).length,
      'calls that had no token to carry': paths.filter((path) => path === '/never').length,
      'token requests with another secret': Math.min(this.#denying.tokenRequests, 1),
    }
    const right = [tokenRequests, calls, 1, 1, calls + 2 + more, 0, 0, 1]
    const wrong = Object.entries(seen).flatMap(([what, count], i) =>
      count === right[i] ? [] : `${count} ${what}, not ${right[i]}`,
    )
    if (wrong.length > 0) throw new Error(wrong.join('; '))
  }

  async close() {
    await Promise.all([this.#server.close(), this.#denying.close(), this.#api.close()])
  }
}
