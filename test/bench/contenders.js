// The contenders. Each one is set up as its README says; if that leaves the cache to the user, with the cache that the
// README suggests.
import { Agent as HttpAgent } from 'node:http'

/** @typedef {import('./servers.js').Addresses} Addresses */

/**
 * @typedef {object} Sender
 * @property {() => Promise<number>} send makes one request, and returns the status; throws if there is none
 * @property {() => unknown} [header] how it gets its header once it has a token
 */

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {Client} client
 * @property {'floor' | 'ours' | 'bound' | 'peer'} role `bound`: ours, with tokens that are bound to a key
 * @property {(to: Addresses) => Promise<Sender>} make
 */

/** @typedef {'axios' | 'got' | 'undici' | 'fetch' | 'azure' | 'gaxios'} Client */

/** As many connections as callers: the wait for a connection is not measured here. */
const connections = 50
const anyStatus = () => true

/** @type {Contender[]} */
export const contenders = [
  {
    name: 'axios',
    client: 'axios',
    role: 'floor',
    make: async (to) =>
      viaAxios(to, (api) => Object.assign(api.defaults.headers.common, { Authorization: to.fixedHeader })),
  },
  {
    name: '@mca-auth/axios',
    client: 'axios',
    role: 'ours',
    make: async (to) => {
      const { mcaAuth } = await import('@mca-auth/axios')
      return viaAxios(to, (api) => api.interceptors.request.use(mcaAuth(ours(to))))
    },
  },
  {
    name: '@mca-auth/axios, bound tokens',
    client: 'axios',
    role: 'bound',
    make: async (to) => {
      const { mcaAuth } = await import('@mca-auth/axios')
      return viaAxios(to, (api) => api.interceptors.request.use(mcaAuth(bound(to))))
    },
  },
  {
    name: 'axios-token-interceptor',
    client: 'axios',
    role: 'peer',
    make: async (to) => {
      const { default: axios } = await import('axios')
      const { default: tokenInterceptor } = await import('axios-token-interceptor')
      const { clientCredentials } = await import('axios-oauth-client')
      const ask = clientCredentials(axios.create(), to.tokenEndpoint, to.clientId, to.secret)
      const getToken = tokenInterceptor.tokenCache(() => ask(''), {
        getMaxAge: (/** @type {{ expires_in: number }} */ body) => body.expires_in * 1000,
      })
      const headerFormatter = (/** @type {{ access_token: string }} */ body) => `Bearer ${body.access_token}`
      return {
        ...(await viaAxios(to, (api) => api.interceptors.request.use(tokenInterceptor({ getToken, headerFormatter })))),
        header: () => getToken().then(headerFormatter),
      }
    },
  },
  {
    name: 'ibm-cloud-sdk-core',
    client: 'axios',
    role: 'peer',
    make: async (to) => {
      const { IamAuthenticator } = (await import('ibm-cloud-sdk-core')).default
      const authenticator = new IamAuthenticator({ apikey: 'not-a-real-key', url: to.tokenServer })
      const header = async () => {
        /** @type {{ headers?: Record<string, string> }} */
        const options = {}
        await authenticator.authenticate(options)
        return options.headers?.Authorization
      }
      return { ...(await viaAxios(to, withHeader(header))), header }
    },
  },
  {
    name: 'ibmcloud-appid',
    client: 'axios',
    role: 'peer',
    make: async (to) => {
      const { TokenManager } = (await import('ibmcloud-appid')).default
      const { clientId, secret, oauthServerUrl } = to
      const tokens = new TokenManager({ clientId, secret, oauthServerUrl })
      const header = async () => `Bearer ${(await tokens.getApplicationIdentityToken()).accessToken}`
      return { ...(await viaAxios(to, withHeader(header))), header }
    },
  },
  {
    name: 'got',
    client: 'got',
    role: 'floor',
    make: (to) => viaGot(to, { headers: { authorization: to.fixedHeader } }),
  },
  {
    name: '@mca-auth/got',
    client: 'got',
    role: 'ours',
    make: async (to) => viaGot(to, (await import('@mca-auth/got')).mcaAuth(ours(to))),
  },
  {
    name: '@mca-auth/got, bound tokens',
    client: 'got',
    role: 'bound',
    make: async (to) => viaGot(to, (await import('@mca-auth/got')).mcaAuth(bound(to))),
  },
  {
    name: 'simple-oauth2',
    client: 'got',
    role: 'peer',
    make: async (to) => {
      const { ClientCredentials } = (await import('simple-oauth2')).default
      const { origin, pathname } = new URL(to.tokenEndpoint)
      const client = new ClientCredentials({
        client: { id: to.clientId, secret: to.secret },
        auth: { tokenHost: origin, tokenPath: pathname },
      })
      /** @type {{ expired(): boolean, token: { access_token: string } } | undefined} */
      let held
      const header = async () => {
        if (held === undefined || held.expired()) held = await client.getToken({})
        return `Bearer ${held?.token.access_token}`
      }
      return { ...(await viaGot(to, beforeRequest(header))), header }
    },
  },
  {
    name: 'openid-client',
    client: 'got',
    role: 'peer',
    make: async (to) => {
      const openid = await import('openid-client')
      const server = { issuer: to.oauthServerUrl, token_endpoint: to.tokenEndpoint }
      const configuration = new openid.Configuration(server, to.clientId, to.secret)
      openid.allowInsecureRequests(configuration)
      /** @type {import('openid-client').TokenEndpointResponse | undefined} */
      let held
      let until = 0
      const header = async () => {
        if (held === undefined || Date.now() >= until) {
          const tokens = await openid.clientCredentialsGrant(configuration)
          until = Date.now() + (tokens.expiresIn() ?? 0) * 1000
          held = tokens
        }
        return `Bearer ${held.access_token}`
      }
      return { ...(await viaGot(to, beforeRequest(header))), header }
    },
  },
  {
    name: 'undici.request',
    client: 'undici',
    role: 'floor',
    make: (to) => viaUndici(to, passThrough, { authorization: to.fixedHeader }),
  },
  {
    name: '@mca-auth/undici',
    client: 'undici',
    role: 'ours',
    make: async (to) => {
      const { mcaAuth } = await import('@mca-auth/undici')
      return { ...(await viaUndici(to, mcaAuth(ours(to)))), header: intercepting(mcaAuth(ours(to)), to) }
    },
  },
  {
    name: '@mca-auth/undici, bound tokens',
    client: 'undici',
    role: 'bound',
    make: async (to) => viaUndici(to, (await import('@mca-auth/undici')).mcaAuth(bound(to))),
  },
  {
    name: 'undici-oidc-interceptor',
    client: 'undici',
    role: 'peer',
    make: async (to) => {
      const interceptor = await oidcInterceptor(to)
      return { ...(await viaUndici(to, interceptor)), header: intercepting(interceptor, to) }
    },
  },
  {
    name: 'fetch',
    client: 'fetch',
    role: 'floor',
    make: (to) => viaFetch(to, passThrough, { authorization: to.fixedHeader }),
  },
  {
    name: '@mca-auth/undici under fetch',
    client: 'fetch',
    role: 'ours',
    make: async (to) =>
      viaFetch(to, (await import('@mca-auth/undici')).mcaAuth({ ...ours(to), origins: new URL(to.url).origin })),
  },
  {
    name: '@mca-auth/undici under fetch, bound tokens',
    client: 'fetch',
    role: 'bound',
    make: async (to) =>
      viaFetch(to, (await import('@mca-auth/undici')).mcaAuth({ ...bound(to), origins: new URL(to.url).origin })),
  },
  {
    name: '@badgateway/oauth2-client',
    client: 'fetch',
    role: 'peer',
    make: async (to) => {
      const { OAuth2Client, OAuth2Fetch } = await import('@badgateway/oauth2-client')
      const { clientId, secret: clientSecret, tokenEndpoint } = to
      const client = new OAuth2Client({ clientId, clientSecret, tokenEndpoint, server: to.oauthServerUrl })
      const wrapper = new OAuth2Fetch({ client, getNewToken: () => client.clientCredentials() })
      const dispatcher = await agent(passThrough)
      return {
        send: async () => drained(await wrapper.fetch(to.url, /** @type {object} */ ({ dispatcher }))),
        header: () => wrapper.getAccessToken(),
      }
    },
  },
  {
    name: '@azure/core-rest-pipeline',
    client: 'azure',
    role: 'floor',
    make: (to) => viaAzure(to, undefined),
  },
  {
    name: '@azure/core-rest-pipeline, its bearer policy',
    client: 'azure',
    role: 'peer',
    make: async (to) => {
      const { bearerTokenAuthenticationPolicy } = await import('@azure/core-rest-pipeline')
      const credential = {
        getToken: async () => {
          const response = await fetch(to.tokenServer, { method: 'POST' })
          const { access_token: token, expires_in } = /** @type {{ access_token: string, expires_in: number }} */ (
            await response.json()
          )
          return { token, expiresOnTimestamp: Date.now() + expires_in * 1000 }
        },
      }
      return viaAzure(to, bearerTokenAuthenticationPolicy({ credential, scopes: 'orders' }))
    },
  },
  {
    name: 'gaxios',
    client: 'gaxios',
    role: 'floor',
    make: async (to) => {
      const { Gaxios } = await import('gaxios')
      const gaxios = new Gaxios(gaxiosOptions())
      const headers = { authorization: to.fixedHeader }
      return { send: async () => (await gaxios.request({ url: to.url, headers })).status }
    },
  },
  {
    name: 'google-auth-library',
    client: 'gaxios',
    role: 'peer',
    make: async (to) => {
      const { OAuth2Client } = await import('google-auth-library')
      const { clientId, secret: clientSecret } = to
      const endpoints = { oauth2TokenUrl: to.tokenServer }
      const client = new OAuth2Client({ clientId, clientSecret, endpoints, transporterOptions: gaxiosOptions() })
      client.setCredentials({ refresh_token: 'not-a-real-refresh-token' })
      return {
        send: async () => (await client.request({ url: to.url })).status,
        header: () => client.getRequestHeaders(),
      }
    },
  },
]

export function contenderNamed(/** @type {string} */ name) {
  const found = contenders.find((contender) => contender.name === name)
  if (found === undefined) throw new TypeError(`no contender is named ${name}`)
  return found
}

/** The options of mca-auth: the App ID server, as in IBM's documentation. */
export function ours(/** @type {Addresses} */ { clientId, secret, oauthServerUrl }) {
  return { clientId, secret, oauthServerUrl }
}

/** The same, with tokens that are bound to a key (RFC 9449). */
function bound(/** @type {Addresses} */ to) {
  return { ...ours(to), dpop: /** @type {const} */ (true) }
}

async function oidcInterceptor(/** @type {Addresses} */ to) {
  const { createOidcInterceptor } = (await import('undici-oidc-interceptor')).default
  const { clientId, secret: clientSecret, tokenEndpoint: idpTokenUrl, origin } = to
  return createOidcInterceptor({ clientId, clientSecret, idpTokenUrl, retryOnStatusCodes: [401], urls: [origin] })
}

async function viaAxios(
  /** @type {Addresses} */ { url },
  /** @type {(api: import('axios').AxiosInstance) => unknown} */ prepare,
) {
  const { default: axios } = await import('axios')
  const httpAgent = new HttpAgent({ keepAlive: true, maxSockets: connections })
  const api = axios.create({ httpAgent, validateStatus: anyStatus })
  prepare(api)
  return { send: async () => (await api.get(url)).status }
}

/** A typical hand-written interceptor. */
function withHeader(/** @type {() => Promise<string | undefined>} */ header) {
  return (/** @type {import('axios').AxiosInstance} */ api) =>
    api.interceptors.request.use(async (config) => {
      config.headers.set('Authorization', await header())
      return config
    })
}

async function viaGot(/** @type {Addresses} */ { url }, /** @type {import('got').ExtendOptions} */ options) {
  const { default: got } = await import('got')
  const http = new HttpAgent({ keepAlive: true, maxSockets: connections })
  const api = got.extend({ agent: { http }, retry: { limit: 0 }, throwHttpErrors: false }, options)
  return { send: async () => (await api(url)).statusCode }
}

/** A typical hand-written hook. */
function beforeRequest(/** @type {() => Promise<string>} */ header) {
  const hook = async (/** @type {{ headers: Record<string, unknown> }} */ options) => {
    options.headers.authorization = await header()
  }
  return { hooks: { beforeRequest: [hook] } }
}

/** @typedef {import('undici').Dispatcher.DispatcherComposeInterceptor} Interceptor */

/** @type {Interceptor} */
const passThrough = (dispatch) => (options, handler) => dispatch(options, handler)

async function agent(/** @type {Interceptor} */ interceptor) {
  const { Agent } = await import('undici')
  return new Agent({ connections }).compose(interceptor)
}

async function viaUndici(
  /** @type {Addresses} */ { url },
  /** @type {Interceptor} */ interceptor,
  /** @type {Record<string, string>} */ headers = {},
) {
  const { request } = await import('undici')
  const dispatcher = await agent(interceptor)
  return {
    send: async () => {
      const { statusCode, body } = await request(url, { dispatcher, headers: { ...headers } })
      await body.dump()
      return statusCode
    },
  }
}

/** An interceptor over a dispatch that does nothing: its whole work on a request before it is sent. */
function intercepting(/** @type {Interceptor} */ interceptor, /** @type {Addresses} */ { origin }) {
  const dispatcher = { dispatch: () => true, emit: () => true }
  const dispatch = interceptor(dispatcher.dispatch)
  const handler = { onRequestStart() {}, onResponseStart() {}, onResponseError() {} }
  return () =>
    dispatch(/** @type {any} */ ({ origin, path: '/orders', method: 'GET', headers: {}, dispatcher }), handler)
}

async function viaFetch(
  /** @type {Addresses} */ { url },
  /** @type {Interceptor} */ interceptor,
  /** @type {Record<string, string>} */ headers = {},
) {
  const dispatcher = await agent(interceptor)
  return { send: async () => drained(await fetch(url, /** @type {object} */ ({ dispatcher, headers }))) }
}

async function drained(/** @type {Response} */ response) {
  await response.arrayBuffer()
  return response.status
}

/** The policy requires https; beneath it, the request goes to the server of this bench. */
async function viaAzure(
  /** @type {Addresses} */ to,
  /** @type {import('@azure/core-rest-pipeline').PipelinePolicy | undefined} */ policy,
) {
  const azure = await import('@azure/core-rest-pipeline')
  const pipeline = azure.createEmptyPipeline()
  if (policy !== undefined) pipeline.addPolicy(policy)
  else {
    pipeline.addPolicy({
      name: 'fixed header',
      sendRequest: (request, next) => {
        request.headers.set('authorization', to.fixedHeader)
        return next(request)
      },
    })
  }
  const plain = (/** @type {import('@azure/core-rest-pipeline').PipelineRequest} */ request) => {
    request.url = to.url
    return request
  }
  pipeline.addPolicy(
    { name: 'to this machine', sendRequest: (request, next) => next(plain(request)) },
    { afterPhase: 'Sign' },
  )
  const client = azure.createDefaultHttpClient()
  const httpAgent = new HttpAgent({ keepAlive: true, maxSockets: connections })
  return {
    send: async () => {
      const request = azure.createPipelineRequest({
        url: 'https://orders.example/orders',
        allowInsecureConnection: true,
        agent: httpAgent,
      })
      return (await pipeline.sendRequest(client, request)).status
    },
  }
}

function gaxiosOptions() {
  return { agent: new HttpAgent({ keepAlive: true, maxSockets: connections }), validateStatus: anyStatus }
}
