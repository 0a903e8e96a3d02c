// fetch over a dispatcher of undici, and what undici builds on fetch.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { asEvents, asSocket } from '../front.js'
import { repeatedProof } from '../limits.js'
import { retryOptions } from './undici-requests.js'

/** @typedef {typeof import('undici')} Undici */

/** @returns how to take it back */
export function setGlobal(/** @type {Undici} */ undici, /** @type {any} */ agent, /** @type {any} */ auth) {
  const before = undici.getGlobalDispatcher()
  undici.setGlobalDispatcher(agent.compose(auth))
  return () => {
    undici.setGlobalDispatcher(before)
    return agent.destroy()
  }
}

/** With undici's own fetch and with Node's, which accepts only the dispatchers of some versions of undici. */
export async function fetches(/** @type {Undici} */ undici) {
  const { Agent, interceptors, fetch: undiciFetch } = undici
  const retry = interceptors.retry(retryOptions)
  const nodeFetch = globalThis.fetch
  const row = (layer, place, send, over, more = {}) => ({
    layer,
    place,
    mustListOrigins: true,
    start({ auth }) {
      const agent = new Agent()
      return { ...fetching(send, { dispatcher: over(agent, auth) }), close: () => agent.destroy() }
    },
    limits: { ...limits, ...more },
  })
  const globalRow = (layer, send) => ({
    ...row(layer, 'setGlobalDispatcher(agent.compose(mcaAuth))', send),
    start: ({ auth }) => ({ close: setGlobal(undici, new Agent(), auth), ...fetching(send, {}) }),
  })
  const plain = (agent, auth) => agent.compose(auth)
  const retryBeneath = (agent, auth) => agent.compose(retry, auth)
  const over = 'fetch(url, { dispatcher: agent.compose(mcaAuth) })'
  return [
    row('fetch() of undici', over, undiciFetch, plain),
    globalRow('fetch() of undici', undiciFetch),
    row('fetch() of undici + retry', 'compose(mcaAuth, retry)', undiciFetch, (agent, auth) =>
      agent.compose(auth, retry),
    ),
    row('fetch() of undici + retry', 'compose(retry, mcaAuth)', undiciFetch, retryBeneath, repeatedProof),
    ...((await passes(undici, false)) ? [row("Node's fetch()", over, nodeFetch, plain)] : []),
    ...((await passes(undici, true)) ? [globalRow("Node's fetch()", nodeFetch)] : []),
  ]
}

const limits = {
  'return-listed': {
    shows: /users.back got a token/,
    text: 'a redirect that leaves `origins` and returns gets the token again, since each hop of fetch is a separate request',
  },
}

/** Whether Node's fetch sends over a dispatcher of this undici; if not, there is nothing to test. */
async function passes(/** @type {Undici} */ undici, /** @type {boolean} */ global) {
  let passed = 0
  const agent = new undici.Agent()
  const count = (dispatch) => (options, handler) => {
    passed++
    return dispatch(options, handler)
  }
  const end = global ? setGlobal(undici, agent, count) : () => agent.destroy()
  const server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = /** @type {any} */ (server.address())
    await fetch(`http://127.0.0.1:${port}`, global ? {} : /** @type {any} */ ({ dispatcher: agent.compose(count) }))
    return passed === 1
  } catch {
    return false
  } finally {
    await end()
    server.close()
  }
}

function fetching(/** @type {any} */ fetch, /** @type {object} */ options) {
  return {
    async send(/** @type {string} */ url, /** @type {any} */ init) {
      const response = await fetch(url, { ...options, ...init })
      return { status: response.status, text: await response.text() }
    },
  }
}

/** APIs of undici on top of fetch. */
export function sources(/** @type {Undici} */ { Agent, WebSocket, EventSource }) {
  const row = (layer, prepare, Class) => ({
    layer,
    place: `new ${layer}(url, { dispatcher: agent.compose(mcaAuth) })`,
    mustListOrigins: layer === 'EventSource', // which follows redirects
    getOnly: true,
    takesSignal: false,
    hidesErrors: true,
    prepare,
    start({ auth }) {
      const agent = new Agent()
      const dispatcher = agent.compose(auth)
      const send = (/** @type {string} */ url) =>
        new Promise((resolve) => {
          const source = new Class(layer === 'WebSocket' ? url.replace('http', 'ws') : url, { dispatcher })
          source.addEventListener('message', ({ data: text }) => {
            source.close()
            resolve({ status: 200, text })
          })
          source.addEventListener('error', () => {
            if (layer === 'EventSource') source.close() // otherwise it reconnects
            resolve({ status: 0, text: '' })
          })
        })
      return { send, close: () => agent.destroy() }
    },
    limits: layer === 'EventSource' ? limits : {},
  })
  return [row('WebSocket', asSocket, WebSocket), row('EventSource', asEvents, EventSource)]
}
