// The promises of mca-auth for tokens that are bound to a key (DPoP, RFC 9449) among other layers: a new proof for each
// sending, which is sent to no other origin, and one more request when a server demands a nonce.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { claimsOf, problemOf } from './proofs.js'

/** @typedef {import('./contract.js').Step} Step */

/** @type {Step[]} */
export const boundSteps = [
  {
    id: 'proves',
    name: 'sends each request with its own proof',
    bound: true,
    async scenario({ send, world, row }) {
      const statuses = []
      for (const init of [{}, ...(row.getOnly ? [] : [{ method: 'POST', body: 'text' }]), {}]) {
        statuses.push((await send('/things', init)).status)
      }
      return seenAtApi(world, statuses)
    },
    check: eachWithOwnProof,
  },
  {
    id: 'proves-503',
    name: 'sends a request that is repeated after a 503 with a new proof',
    bound: true,
    scenario: async ({ send, world }) => seenAtApi(world, [(await send('/unstable/things')).status]),
    check: eachWithOwnProof,
  },
  {
    id: 'proves-moved',
    name: 'sends a redirect within the origin with a new proof',
    bound: true,
    scenario: async ({ send, world }) => seenAtApi(world, [(await send('/moved/things')).status]),
    check: eachWithOwnProof,
  },
  {
    id: 'proves-cached',
    name: 'does not change how a cache treats a response',
    bound: true,
    async scenario({ send, world }) {
      const statuses = []
      for (const _ of [1, 2, 3]) statuses.push((await send('/cacheable/things')).status)
      return seenAtApi(world, statuses)
    },
    check: eachWithOwnProof,
  },
  {
    id: 'proof-away',
    name: 'sends neither token nor proof to another origin',
    bound: true,
    async scenario({ send, world }) {
      const statuses = []
      for (const path of ['/leave/1', '/leave-to-unstable/1']) statuses.push((await send(path)).status)
      return { statuses, arrived: world.atStranger }
    },
    check({ statuses, arrived }, bare) {
      for (const { path, authorization, headers } of arrived) {
        ok(authorization === undefined, `${path} got a token`)
        ok(headers.dpop === undefined, `${path} got a proof`)
      }
      deepEqual([statuses, arrived.length], [bare.statuses, bare.arrived.length])
    },
  },
  {
    id: 'nonce',
    name: 'answers a nonce challenge once, with the same body and token, even before a resend',
    bound: true,
    async scenario({ send, world, row }) {
      const init = row.getOnly ? {} : { method: 'POST', body: 'text' }
      const statuses = []
      const call = async (/** @type {string} */ path) => statuses.push((await send(path, init)).status)
      world.nonce = 'nonce-1'
      await call('/things/1')
      await call('/things/2')
      world.nonce = 'nonce-2'
      await call('/things/3')
      const before = world.server.tokenRequests
      world.nonce = 'nonce-3'
      world.revokeAll()
      await call('/things/4')
      return { ...seenAtApi(world, statuses), before, tokenRequests: world.server.tokenRequests }
    },
    check(seen, bare) {
      deepEqual(seen.statuses, bare.statuses)
      const times = [1, 2, 3, 4].map((i) => seen.arrived.filter(({ path }) => path === `/things/${i}`).length)
      deepEqual(times, [2, 1, 2, 3])
      deepEqual([seen.before, seen.tokenRequests], [1, 2])
      for (const { body } of seen.arrived) ok(body.equals(bare.arrived[0].body), 'another body was sent')
      for (const problem of problemsIn(seen)) ok(problem === undefined, problem)
    },
  },
  {
    id: 'nonce-crowd',
    name: 'answers the challenges of 20 callers at once, each once',
    bound: true,
    async scenario({ send, world }) {
      await send('/things/warm-up')
      world.nonce = 'nonce-1'
      const all = await Promise.all(Array.from({ length: 20 }, (_, i) => send(`/things/${i}`)))
      const seen = seenAtApi(
        world,
        all.map(({ status }) => status),
      )
      return { ...seen, tokenRequests: world.server.tokenRequests }
    },
    check(seen, bare) {
      deepEqual(seen.statuses, bare.statuses)
      ok(seen.arrived.length <= 1 + 2 * 20, `${seen.arrived.length} requests of 21 callers`)
      equal(seen.tokenRequests, 1)
      for (const problem of problemsIn(seen)) ok(problem === undefined, problem)
    },
  },
]

function seenAtApi(/** @type {import('./world.js').World} */ world, /** @type {number[]} */ statuses) {
  return { statuses, arrived: world.atApi, api: world.api }
}

/** The same requests as without a token, each with a proof that no other request carried. */
function eachWithOwnProof(/** @type {any} */ seen, /** @type {any} */ bare) {
  for (const problem of problemsIn(seen)) ok(problem === undefined, problem)
  const requests = (/** @type {any} */ { arrived }) => arrived.map(({ method, path }) => `${method} ${path}`)
  deepEqual([seen.statuses, requests(seen)], [bare.statuses, requests(bare)])
}

/** The fault of each received request, or `undefined`. */
function problemsIn(/** @type {any} */ { arrived, api }) {
  const ids = new Set()
  return arrived.map((/** @type {any} */ { method, path, authorization, headers: { dpop: proof } }) => {
    const [, token] = /^DPoP (eyJ\S+)$/.exec(authorization ?? '') ?? []
    if (token === undefined) return `${path} carried ${authorization}`
    const problem = problemOf(proof, { method, url: api + path, token })
    if (problem !== undefined) return `${path} carried ${problem}`
    const { jti } = claimsOf(proof)
    if (ids.has(jti)) return `${path} carried a proof that was sent before`
    ids.add(jti)
    return undefined
  })
}
