// The promises of mca-auth among other layers. Each step plays a scenario three times: with the bare client and the same
// layers, with mca-auth, and with a naive plugin that just sets the header. Its check compares the first two; the naive
// one must fail.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { boundSteps } from './bound-steps.js'
import { stepUpSteps } from './step-up-steps.js'

/**
 * @typedef {object} Stage
 * @property {import('./world.js').World} world
 * @property {(path: string, init?: object) => Promise<{ status: number, text: string }>} send to the API
 * @property {(header: string | undefined, run: () => any) => any} asUser
 * @property {Record<string, (path: string, start: () => void) => Promise<unknown>>} callbacks
 * @property {ReturnType<typeof import('@mca-auth/core').createTokenProvider>} provider
 * @property {import('./group.js').Row} row
 * @property {any} client what the row's `start()` gave
 * @property {'bare' | 'ours' | 'naive'} kind
 *
 * @typedef {object} Step
 * @property {string} id by which a row names it
 * @property {string} name a sentence
 * @property {'origins' | 'users' | 'resends'} [bites] what a naive plugin must fail, in one row of a client at least
 * @property {'listed' | 'addressed'} [origins] whether `origins` is given; if not said, it is not
 * @property {boolean} [forward] `incoming: 'forward'`
 * @property {boolean} [bound] `dpop: true`
 * @property {boolean} [exchange] `incoming: 'exchange'`
 * @property {import('@mca-auth/core').McaAuthOptions['tokenRequest']} [tokenRequest]
 * @property {(row: any) => boolean} [applies]
 * @property {(stage: Stage) => Promise<any>} scenario
 * @property {(seen: any, bare: any, row: any) => void} check
 */

const everyByte = Buffer.from(Array.from({ length: 5_000 }, (_, i) => i % 256))
const users = Array.from({ length: 40 }, (_, i) => (i % 5 === 4 ? undefined : `Bearer user-${i}`))

/** Each origin step with and without `origins`. */
const forOrigins = (/** @type {Step} */ step) => [
  { ...step, applies: (/** @type {any} */ row) => row.mustListOrigins !== true },
  {
    ...step,
    id: `${step.id}-listed`,
    name: `${step.name}, with \`origins\``,
    origins: /** @type {const} */ ('listed'),
  },
]

/** @type {Step[]} */
export const steps = [
  {
    id: 'attaches',
    name: 'attaches a token',
    async scenario({ send, world }) {
      const { status } = await send('/things')
      return { status, arrived: world.atApi, tokenRequests: world.server.tokenRequests }
    },
    check(seen, bare) {
      equal(seen.status, bare.status)
      equal(seen.arrived.length, bare.arrived.length)
      match(seen.arrived[0].authorization, /^Bearer eyJ/)
      equal(seen.tokenRequests, 1)
    },
  },
  {
    id: 'replaces',
    name: 'replaces a rejected token once, and sends the same body again',
    bites: 'resends',
    async scenario({ send, world, row }) {
      await send('/things')
      world.revokeAll()
      const { status } = await send('/things/new', row.getOnly ? {} : { method: 'POST', body: everyByte })
      const arrived = world.atApi.filter(({ path }) => path === '/things/new')
      return { status, arrived, tokenRequests: world.server.tokenRequests }
    },
    check(seen, bare) {
      equal(seen.status, bare.status)
      equal(seen.arrived.length, 2, `${seen.arrived.length} requests instead of the rejected one and its resend`)
      for (const { body } of seen.arrived) ok(body.equals(bare.arrived[0].body), 'another body was sent')
      equal(seen.tokenRequests, 2)
    },
  },
  {
    id: 'forgets',
    name: 'does not use a rejected token again',
    bites: 'resends',
    async scenario({ send, world }) {
      await send('/things/1')
      world.revokeAll()
      await settled(send('/things/2'))
      const { status } = await send('/things/3')
      return { status, tokens: world.atApi.filter(({ path }) => path !== '/things/2').map((one) => one.authorization) }
    },
    check({ status, tokens }, bare) {
      equal(status, bare.status)
      equal(new Set(tokens).size, 2)
    },
  },
  ...forOrigins({
    id: 'redirect',
    name: 'sends no token to another origin over a redirect',
    bites: 'origins',
    async scenario({ send, world }) {
      const { status } = await send('/leave/1')
      return { status, arrived: world.atStranger }
    },
    check: sameWithoutToken,
  }),
  ...forOrigins({
    id: 'redirect-503',
    name: 'sends no token to another origin that responds 503 once',
    bites: 'origins',
    async scenario({ send, world }) {
      const { status } = await send('/leave-to-unstable/1')
      return { status, arrived: world.atStranger }
    },
    check: sameWithoutToken,
  }),
  ...forOrigins({
    id: 'return',
    name: 'sends no token after a redirect to another origin and back',
    bites: 'origins',
    async scenario({ send, world }) {
      const { status } = await send('/return/1')
      return { status, arrived: [...world.atStranger, ...world.atApi.filter(({ path }) => path === '/users/back')] }
    },
    check: sameWithoutToken,
  }),
  {
    id: 'within',
    name: 'keeps the token over a redirect within the origin, if the client keeps a header',
    forward: true,
    async scenario({ send, world, asUser, kind }) {
      const header = { authorization: 'Bearer alice' }
      if (kind === 'bare') await send('/moved/users/alice', { headers: header })
      else await asUser(header.authorization, () => send('/moved/users/alice'))
      return world.atApi.map(({ path, authorization }) => [path, authorization])
    },
    check(seen, bare) {
      const kept = seen.map(([path, header], i) => [path, bare[i]?.[1] && header])
      deepEqual(kept, bare)
    },
  },
  {
    id: 'once',
    name: 'executes a POST only once if it is redirected and then rejected with a 401',
    applies: (row) => row.getOnly !== true,
    async scenario({ send, world }) {
      const { status } = await send('/orders', { method: 'POST', body: everyByte })
      return { status, posts: world.atApi.filter(({ method }) => method === 'POST').length }
    },
    check: (seen, bare) => deepEqual(seen, bare),
  },
  {
    id: 'fails',
    name: "passes a token endpoint's failure on, and recovers from it",
    async scenario({ send, world, provider }) {
      world.server.script({ status: 400, body: { error: 'invalid_client' } })
      const failures = await Promise.all([settled(send('/things/1')), settled(send('/things/1'))])
      const arrived = world.atApi.length
      provider?.clear()
      return { failures, arrived, statuses: [(await send('/things/1')).status, (await send('/things/2')).status] }
    },
    check({ failures, arrived, statuses }, bare, { hidesErrors }) {
      for (const failure of failures) {
        if (hidesErrors) equal(failure.status, 0)
        else match(String(codeOf(failure)), /^TOKEN_REQUEST_/, String(failure))
      }
      equal(arrived, 0, 'sent without a token')
      deepEqual(statuses, bare.statuses)
    },
  },
  {
    id: 'crowd',
    name: 'makes one token request for 200 cold callers',
    async scenario({ send, world }) {
      world.server.delayMs = 20
      const all = await Promise.all(Array.from({ length: 200 }, (_, i) => send(`/things/${i}`)))
      return { statuses: all.map(({ status }) => status), tokenRequests: world.server.tokenRequests }
    },
    check({ statuses, tokenRequests }, bare) {
      deepEqual(statuses, bare.statuses)
      equal(tokenRequests, 1)
    },
  },
  {
    id: 'aborts',
    name: 'ends the wait of a caller that aborts, and no other',
    applies: (row) => row.takesSignal !== false,
    async scenario({ send, world, provider }) {
      world.server.script({ hang: 'headers' })
      const controller = new AbortController()
      const aborted = settled(send('/slow/aborted', { signal: controller.signal }))
      let waits = true
      let ended
      const other = settled(send('/slow/other')).then((result) => {
        waits = false
        ended = result
      })
      while (waits && world.server.tokenRequests + world.atApi.length === 0) await new Promise(setImmediate)
      controller.abort()
      const failure = await aborted
      const otherWaits = waits || String(ended)
      provider.close()
      await other
      return { failure, otherWaits, arrived: world.atApi.length }
    },
    check({ failure, otherWaits, arrived }) {
      ok(failure instanceof Error, `no error, but ${JSON.stringify(failure)}`)
      equal(otherWaits, true, `it ended another caller's wait: ${otherWaits}`)
      equal(arrived, 0)
    },
  },
  {
    id: 'users',
    name: "sends each of 40 users' own token",
    bites: 'users',
    forward: true,
    scenario: (stage) => serveUsers(stage, '/users'),
    check: eachOwnToken,
  },
  {
    id: 'users-503',
    name: "sends each of 40 users' own token, even when a request is repeated after a 503",
    bites: 'users',
    forward: true,
    scenario: (stage) => serveUsers(stage, '/unstable/users'),
    check: eachOwnToken,
  },
  {
    id: 'callers',
    name: 'sends a token on behalf of each of 40 users, and nothing for users without a token',
    bites: 'users',
    exchange: true,
    scenario: (stage) => serveCallers(stage, '/users'),
    check: eachOnBehalf,
  },
  {
    id: 'callers-503',
    name: 'sends a token on behalf of each of 40 users, even when a request is repeated after a 503',
    bites: 'users',
    exchange: true,
    scenario: (stage) => serveCallers(stage, '/unstable/users'),
    check: eachOnBehalf,
  },
  {
    id: 'same-url',
    name: 'gives each of several users of one cacheable URL their own response',
    bites: 'users',
    forward: true,
    async scenario({ send, asUser }) {
      const texts = []
      for (const user of ['Bearer alice', 'Bearer bob', undefined, 'Bearer alice']) {
        texts.push((await asUser(user, () => send('/cacheable/mine'))).text)
      }
      const both = ['Bearer carol', 'Bearer dave'].map((user) => asUser(user, () => send('/cacheable/ours')))
      return { users: [...texts, ...(await Promise.all(both)).map(({ text }) => text)].map(userIn) }
    },
    check({ users }) {
      deepEqual(users, ['Bearer alice', 'Bearer bob', null, 'Bearer alice', 'Bearer carol', 'Bearer dave'])
    },
  },
  {
    id: 'callbacks',
    name: 'sends a request from a callback of another request on behalf of the caller that starts it',
    bites: 'users',
    forward: true,
    async scenario({ send, asUser, callbacks, world }) {
      for (const [name, call] of Object.entries(callbacks)) {
        for (const outcome of ['', '/unstable', '/moved']) {
          const inner = /** @type {Promise<unknown>[]} */ ([])
          const path = (/** @type {string} */ who) => `/users/${who}/${name.replaceAll(' ', '-')}${outcome}`
          const start = () => {
            if (inner.length > 0) return
            for (const who of ['bob', 'none', 'carol']) {
              const header = who === 'none' ? undefined : `Bearer ${who}`
              inner.push(asUser(header, () => send(path(who))))
            }
          }
          const result = await settled(asUser('Bearer alice', () => call(`${outcome}${path('alice')}`, start)))
          // If a layer turns a response into an error, some callbacks are never called.
          ok(outcome !== '' || inner.length > 0, `the callback "${name}" was not called: ${result}`)
          await Promise.all(inner)
        }
      }
      return { arrived: world.atApi }
    },
    check({ arrived }) {
      for (const { path, authorization } of arrived) {
        const [, who] = /\/users\/(\w+)/.exec(path) ?? []
        const own = who === 'none' ? undefined : `Bearer ${who}`
        // A redirect may have removed her header, like any other: another step tests that.
        const isLost = who === 'alice' && authorization === undefined
        ok(authorization === own || isLost, `${path} carried ${authorization}`)
      }
    },
  },
  {
    id: 'layer',
    name: 'does not change the behaviour of the other layers',
    async scenario({ send, world }) {
      const statuses = []
      for (const path of ['/cacheable/1', '/cacheable/1', '/unstable/users/1', '/moved/users/1']) {
        statuses.push((await send(path)).status)
      }
      return { statuses, arrived: world.atApi.map(({ method, path }) => `${method} ${path}`) }
    },
    check: (seen, bare) => deepEqual(seen, bare),
  },
  {
    id: 'in-clear',
    name: 'sends no token in plain text through a proxy',
    applies: (row) => row.only?.includes('in-clear') === true,
    async scenario({ send, world }) {
      await settled(send('/things'))
      return { arrived: world.atProxy }
    },
    check({ arrived }) {
      ok(
        arrived.every(({ authorization }) => authorization === undefined),
        'the proxy could read the token',
      )
    },
  },
  {
    id: 'must-list',
    name: 'fails without `origins`, and sends nothing',
    applies: (row) => row.mustListOrigins === true,
    async scenario({ send, world }) {
      return { failure: await settled(send('/things')), arrived: world.atApi.length }
    },
    check({ failure, arrived }, _bare, { hidesErrors }) {
      if (!hidesErrors) equal(codeOf(failure), 'MISSING_ORIGINS', String(failure))
      equal(arrived, 0)
    },
  },
  ...boundSteps,
  ...stepUpSteps,
]

function sameWithoutToken(/** @type {any} */ seen, /** @type {any} */ bare) {
  for (const { path, authorization } of seen.arrived) ok(authorization === undefined, `${path} got a token`)
  deepEqual([seen.status, seen.arrived.length], [bare.status, bare.arrived.length])
}

async function serveUsers(/** @type {Stage} */ { send, asUser, world }, /** @type {string} */ path) {
  await send('/users/warm-up') // opens a connection, outside of any user's context
  const calls = users.map((user, i) => asUser(user, () => send(`${path}/${i}`)))
  const statuses = (await Promise.all(calls)).map(({ status }) => status)
  return { statuses, arrived: world.atApi.slice(1) }
}

function eachOwnToken(/** @type {any} */ { statuses, arrived }, /** @type {any} */ bare) {
  const wrong = arrived.filter((/** @type {any} */ one) => one.authorization !== users[Number(/\d+$/.exec(one.path))])
  equal(wrong.length, 0, `${wrong.length} of ${arrived.length} requests carried another token`)
  deepEqual([statuses, arrived.length], [bare.statuses, bare.arrived.length])
}

/** With tokens of the server's users, so that they can be exchanged. */
async function serveCallers(/** @type {Stage} */ { send, asUser, world }, /** @type {string} */ path) {
  const tokenOf = (/** @type {string} */ user) => world.server.users.tokenOf(user)
  const callers = await Promise.all(users.map((user, i) => user && tokenOf(`user-${i}`)))
  const asCaller = (/** @type {string | undefined} */ token, /** @type {string} */ to) =>
    settled(asUser(token && `Bearer ${token}`, () => send(to)))
  await asCaller(await tokenOf('somebody'), '/users/warm-up')
  const outcomes = await Promise.all(callers.map((token, i) => asCaller(token, `${path}/${i}`)))
  // Without the number of requests: a mock may create one reply several times, even when the caller already has it.
  const arrived = world.atApi.filter(({ path }) => path !== '/users/warm-up')
  return { outcomes, arrived, callers }
}

function eachOnBehalf(/** @type {any} */ seen, /** @type {any} */ bare, /** @type {any} */ { hidesErrors }) {
  const numberIn = (/** @type {any} */ { path }) => Number(/\d+$/.exec(path))
  const isOnBehalf = (/** @type {any} */ one) => {
    const token = /^Bearer (\S+)$/.exec(one.authorization ?? '')?.[1] ?? ''
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}')
    return claims.sub === `user-${numberIn(one)}` && !seen.callers.includes(token)
  }
  const wrong = seen.arrived.filter((/** @type {any} */ one) => !isOnBehalf(one))
  equal(wrong.length, 0, `${wrong.length} of ${seen.arrived.length} requests carried another token`)
  for (const [i, outcome] of seen.outcomes.entries()) {
    if (users[i] !== undefined) equal(outcome.status, bare.outcomes[i].status, String(outcome))
    else if (hidesErrors) equal(outcome.status, 0)
    else equal(codeOf(outcome), 'MISSING_INCOMING_TOKEN', String(outcome))
  }
  equal(new Set(seen.arrived.map(numberIn)).size, users.filter((user) => user !== undefined).length)
}

const userIn = (/** @type {string} */ text) => JSON.parse(text).authorization

/** A promise's value, or its error. */
const settled = (/** @type {Promise<unknown>} */ promise) => promise.catch((error) => error)

/** The code of the error, or of its cause if the client wraps errors in its own. */
export function codeOf(/** @type {any} */ error) {
  return /^[A-Z]+_[A-Z_]+$/.test(error?.code) ? error.code : error?.cause && codeOf(error.cause)
}
