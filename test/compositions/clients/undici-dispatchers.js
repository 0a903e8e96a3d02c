// Dispatchers of undici other than an Agent.

import { overTls, startProxy } from '../front.js'
import { repeatedProof } from '../limits.js'
import { setGlobal } from './undici-fetch.js'
import { ofOneOrigin, requests, retryOptions } from './undici-requests.js'

/** @typedef {typeof import('undici')} Undici */

/** Each has a base, on which ours is composed. `showsOrigin`: a Client or a Pool shows its origin to a layer. */
export function dispatchers(/** @type {Undici} */ undici, /** @type {boolean} */ showsOrigin) {
  const { Agent, Pool, Client, BalancedPool, RetryAgent, ProxyAgent, EnvHttpProxyAgent, interceptors } = undici
  const redirect = () => interceptors.redirect({ maxRedirections: 5 })
  const retry = () => interceptors.retry(retryOptions)
  const agent = () => new Agent()
  const agentH2 = () => new Agent({ allowH2: true })
  const compose = (base, auth) => base.compose(auth)
  const row = (layer, place, makeBase, over, more = {}) => ({
    layer,
    place,
    async start({ auth, world }) {
      const base = await makeBase(world)
      const dispatcher = over(base, auth)
      return { ...(more.ofOneOrigin ? ofOneOrigin : requests)(undici, dispatcher), close: () => end(base) }
    },
    ...more,
  })
  const one = { ofOneOrigin: true, mustListOrigins: !showsOrigin }
  const tls = { prepare: overTls }
  const inClear = {
    only: ['attaches', 'in-clear'],
    limits: {
      'in-clear': { shows: /proxy could read/, text: 'a plain http request to loopback goes to the proxy in clear' },
    },
  }
  return [
    row('RetryAgent', 'new RetryAgent(agent.compose(mcaAuth))', agent, (base, auth) => {
      return new RetryAgent(base.compose(auth), retryOptions)
    }),
    row('RetryAgent', 'new RetryAgent(agent).compose(mcaAuth)', agent, retryBeneath, { limits: repeatedProof }),
    row('RetryAgent + redirect', 'new RetryAgent(agent.compose(mcaAuth)).compose(redirect)', agent, (base, auth) => {
      return new RetryAgent(base.compose(auth), retryOptions).compose(redirect())
    }),
    row('RetryAgent + redirect', 'new RetryAgent(agent.compose(mcaAuth, redirect))', agent, (base, auth) => {
      return new RetryAgent(base.compose(auth, redirect()), retryOptions)
    }),
    row('ProxyAgent', 'proxyAgent.compose(mcaAuth)', proxyAgent, compose, tls),
    row('ProxyAgent', 'proxyAgent.compose(mcaAuth)', forwarding, compose, inClear),
    row('EnvHttpProxyAgent', 'new EnvHttpProxyAgent().compose(mcaAuth)', envProxyAgent, compose, tls),
    row('MockAgent', 'mockAgent.compose(mcaAuth)', mockAgent, compose),
    row('MockAgent + redirect', 'mockAgent.compose(mcaAuth, redirect)', mockAgent, (base, auth) => {
      return base.compose(auth, redirect())
    }),
    row('MockAgent + retry', 'mockAgent.compose(mcaAuth, retry)', mockAgent, (base, auth) => {
      return base.compose(auth, retry())
    }),
    row('Pool', 'new Pool(origin).compose(mcaAuth)', ({ api }) => new Pool(api), compose, one),
    row('Client', 'new Client(origin).compose(mcaAuth)', ({ api }) => new Client(api), compose, one),
    row('BalancedPool', 'new BalancedPool(origins).compose(mcaAuth)', ({ api }) => new BalancedPool([api]), compose, {
      ...one,
      mustListOrigins: true,
    }),
    row('Agent({ factory })', 'Agent({ factory: () => new Pool().compose(mcaAuth) })', agent, (_base, auth) => {
      return new Agent({ factory: (origin, options) => new Pool(origin, options).compose(auth) })
    }),
    row('HTTP/2', 'new Agent({ allowH2: true }).compose(mcaAuth)', agentH2, compose, tls),
    row('HTTP/2 + retry', 'new Agent({ allowH2: true }).compose(mcaAuth, retry)', agentH2, retryOver, tls),
    {
      layer: 'setGlobalDispatcher()',
      place: 'setGlobalDispatcher(agent.compose(mcaAuth))',
      start: ({ auth }) => ({ close: setGlobal(undici, agent(), auth), ...requests(undici) }),
    },
  ]

  function retryBeneath(base, auth) {
    return new RetryAgent(base, retryOptions).compose(auth)
  }

  function retryOver(base, auth) {
    return base.compose(auth, retry())
  }

  async function proxyAgent(world) {
    return new ProxyAgent({ uri: await startProxy(world) })
  }

  /** The behaviour of undici 8 with plain HTTP, and of others on request. */
  async function forwarding(world) {
    return new ProxyAgent({ uri: await startProxy(world), proxyTunnel: false })
  }

  async function envProxyAgent(world) {
    return new EnvHttpProxyAgent({ httpsProxy: await startProxy(world) })
  }

  function mockAgent(world) {
    return mocked(undici, world)
  }
}

function mocked(/** @type {Undici} */ { MockAgent }, /** @type {any} */ world) {
  const agent = new MockAgent()
  agent.disableNetConnect()
  /** @type {(answer: any) => any} */
  const reply =
    (answer) =>
    ({ method, path, headers, body }) => {
      const names = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])
      const {
        status = 200,
        body: data = '',
        headers: more,
      } = answer({
        method,
        path,
        headers: Object.fromEntries(names),
        body: Buffer.from(body ?? ''),
      })
      return { statusCode: status, data, responseOptions: { headers: more } }
    }
  for (const method of ['GET', 'POST']) {
    const all = { path: () => true, method }
    agent
      .get(world.api)
      .intercept(all)
      .reply(reply((request) => world.mock(request)))
      .persist()
    agent
      .get(world.stranger)
      .intercept(all)
      .reply(reply((request) => world.mockStranger(request)))
      .persist()
  }
  return agent
}

/** `destroy()` also ends requests that a test left open; a MockAgent has only `close()`. */
function end(/** @type {any} */ base) {
  return base instanceof Object && 'get' in base && 'assertNoPendingInterceptors' in base
    ? base.close()
    : base.destroy()
}
