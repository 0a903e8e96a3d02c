// An authorization server and a protected resource in a separate process, so that only the client is measured.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { startAuthorizationServer } from '@mca-auth/testing'

/**
 * @typedef {object} Addresses
 * @property {string} origin of the resource
 * @property {string} url of the resource
 * @property {string} oauthServerUrl App ID's
 * @property {string} tokenEndpoint
 * @property {string} tokenServer responds to any POST to any path with a token, for clients with other grants or paths
 * @property {string} control of these servers
 * @property {string} clientId
 * @property {string} secret
 * @property {string} fixedHeader an authorization header that is valid for an hour
 */

/**
 * @typedef {object} Settings
 * @property {number} [lifetimeSeconds] of future tokens
 * @property {number} [tokenDelayMs] how long a token request takes
 * @property {boolean} [checked] whether the resource checks the token, or accepts any
 * @property {number} [lateMs] a 401 is delayed by up to this long
 */

/** The servers, as seen by the measuring processes. */
export class Servers {
  /** @type {Addresses} */
  addresses

  /**
   * Starts servers for as long as the work takes.
   *
   * @template T
   * @param {(servers: Servers) => Promise<T>} work
   */
  static async during(work) {
    const child = fork(new URL(import.meta.url), ['serve'])
    const [addresses] = await once(child, 'message')
    try {
      return await work(new Servers(addresses))
    } finally {
      child.disconnect()
      await once(child, 'exit')
    }
  }

  constructor(/** @type {Addresses} */ addresses) {
    this.addresses = addresses
  }

  set(/** @type {Settings} */ settings) {
    return this.#tell(settings)
  }

  /** Rejects every token issued so far. */
  revoke() {
    return this.#tell({ revoke: true })
  }

  /** Token requests since the last call. */
  tokenRequests() {
    return this.#tell({})
  }

  /** @returns {Promise<number>} */
  async #tell(/** @type {Settings & { revoke?: boolean }} */ order) {
    const response = await fetch(this.addresses.control, { method: 'POST', body: JSON.stringify(order) })
    return /** @type {Promise<number>} */ (response.json())
  }
}

async function serve() {
  const server = await startAuthorizationServer()
  /** @type {Required<Settings>} */
  let settings = { lifetimeSeconds: 3600, tokenDelayMs: 0, checked: false, lateMs: 0 }
  /** @type {Map<string, number>} */
  const good = new Map()
  let counted = 0

  const resource = createServer(async (request, response) => {
    const { authorization = '' } = request.headers
    // The cost of a proof for its resource is not measured here.
    const [, token] = /^(?:Bearer|DPoP) (.+)/.exec(authorization) ?? []
    if (token !== undefined && (!settings.checked || (await isGood(token)))) {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
      return
    }
    if (settings.lateMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * settings.lateMs))
    response.writeHead(401, { 'www-authenticate': 'Bearer scope="appid_default", error="invalid_token"' }).end()
  })
  resource.keepAliveTimeout = 60_000

  async function isGood(/** @type {string} */ token) {
    let until = good.get(token)
    if (until === undefined) {
      if ((await server.verify(token)) === undefined) return false
      until = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')).exp * 1000
      good.set(token, until)
    }
    return Date.now() < until
  }

  // The grants of IAM, Google and others: only the time of a token request matters here, not its form.
  const tokenServer = createServer(async (_request, response) => {
    const token = await clientCredentials()
    const expiration = Math.floor(Date.now() / 1000) + token.expires_in
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...token, expiration }))
  })
  /** @returns {Promise<{ access_token: string, expires_in: number }>} */
  async function clientCredentials() {
    const { clientId, secret, oauthServerUrl } = server.appId
    const response = await fetch(`${oauthServerUrl}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })
    return /** @type {Promise<any>} */ (response.json())
  }

  const control = createServer(async (request, response) => {
    /** @type {Settings & { revoke?: boolean }} */
    const { revoke, ...changed } = JSON.parse(await text(request))
    settings = { ...settings, ...changed }
    server.lifetimeSeconds = settings.lifetimeSeconds
    server.delayMs = settings.tokenDelayMs
    if (revoke === true) {
      server.revokeAll()
      good.clear()
    }
    response.end(JSON.stringify(server.tokenRequests - counted))
    if (Object.keys(changed).length === 0 && revoke === undefined) counted = server.tokenRequests
  })

  const origin = await listen(resource)
  const { access_token } = await clientCredentials()
  process.send?.({
    origin,
    url: `${origin}/orders`,
    oauthServerUrl: server.appId.oauthServerUrl,
    tokenEndpoint: `${server.appId.oauthServerUrl}/token`,
    tokenServer: await listen(tokenServer),
    control: await listen(control),
    clientId: server.clientId,
    secret: server.secret,
    fixedHeader: `Bearer ${access_token}`,
  })
  counted = server.tokenRequests

  process.on('disconnect', () => process.exit())
}

async function listen(/** @type {import('node:http').Server} */ server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`
}

if (process.argv[2] === 'serve') await serve()
