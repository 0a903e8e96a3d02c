// The promises of mca-auth among other layers when a resource demands a token with more scope.
import { deepEqual, ok } from 'node:assert/strict'

const body = 'text'

/** The scopes that an application allows. @type {(outgoing: import('@mca-auth/core').OutgoingRequest) => { scope: string }} */
const tokenRequest = ({ challenge }) => ({ scope: challenge?.scope === 'write' ? 'read write' : 'read' })

/** @type {import('./contract.js').Step[]} */
export const stepUpSteps = [
  {
    id: 'steps-up',
    name: 'resends a request that lacks scope with the same body, once, and sends the next one with enough scope',
    origins: 'listed',
    tokenRequest,
    async scenario({ send, world, row }) {
      const statuses = []
      for (const path of ['/scoped/1', '/scoped/2']) {
        statuses.push((await send(path, row.getOnly ? {} : { method: 'POST', body })).status)
      }
      return { statuses, arrived: world.atApi, tokenRequests: world.server.tokenRequests }
    },
    check({ statuses, arrived, tokenRequests }, bare) {
      deepEqual(statuses, bare.statuses)
      deepEqual(
        arrived.map(({ path }) => path),
        ['/scoped/1', '/scoped/1', '/scoped/2'],
      )
      for (const one of arrived) ok(one.body.equals(bare.arrived[0].body), 'another body was sent')
      deepEqual(tokenRequests, 2)
    },
  },
  {
    id: 'steps-up-503',
    name: 'resends a request that lacks scope once, even if it is also repeated after a 503, before or afterwards',
    origins: 'listed',
    tokenRequest,
    async scenario({ send, world }) {
      const statuses = []
      const counts = []
      // The second one has enough scope from the start, unless the first one failed before the scope was known.
      for (const path of ['/scoped/busy/1', '/unstable/scoped/2']) {
        const before = world.atApi.length
        statuses.push((await send(path)).status)
        counts.push(world.atApi.length - before)
      }
      return { statuses, counts, tokenRequests: world.server.tokenRequests }
    },
    check({ statuses, counts, tokenRequests }, bare) {
      deepEqual(statuses, bare.statuses)
      deepEqual(counts, [bare.counts[0] + 1, bare.counts[1]])
      deepEqual(tokenRequests, 2)
    },
  },
  {
    id: 'steps-up-elsewhere',
    name: 'sends no token with more scope to another origin, whatever its challenge',
    origins: 'listed',
    tokenRequest,
    async scenario({ send, world }) {
      const { status } = await send('/leave-to-scoped/1')
      return { status, arrived: world.atStranger, tokenRequests: world.server.tokenRequests }
    },
    check(seen, bare) {
      for (const { path, authorization } of seen.arrived) ok(authorization === undefined, `${path} got a token`)
      deepEqual([seen.status, seen.arrived.length], [bare.status, bare.arrived.length])
      deepEqual(seen.tokenRequests, 1)
    },
  },
]
