// Steps that only got supports: follow pages, and change the URL in a hook.
import { deepEqual, ok } from 'node:assert/strict'

/** @type {import('../contract.js').Step} */
export const pages = {
  id: 'pages',
  name: 'sends no token to another origin of a page',
  bites: 'origins',
  async scenario({ client, world }) {
    const pagination = { transform: ({ body }) => [body] }
    const bodies = await client.got.paginate.all(`${world.api}/pages/1`, { pagination })
    return { bodies, arrived: world.atStranger, first: world.atApi[0]?.authorization }
  },
  check({ bodies, arrived, first }, bare) {
    deepEqual(bodies, bare.bodies)
    ok(first?.startsWith('Bearer eyJ'), 'the first page was requested without a token')
    ok(
      arrived.every(({ authorization }) => authorization === undefined),
      'another origin got the token',
    )
  },
}

/** A hook that redirects some requests, e.g. to a fallback host. */
export const leavingByHook = {
  options: ({ world }) => ({
    hooks: {
      beforeRequest: [
        (/** @type {any} */ options) => {
          if (options.url.pathname === '/elsewhere') options.url = new URL(`${world.stranger}/landed`)
        },
      ],
    },
  }),
  step: /** @type {import('../contract.js').Step} */ ({
    id: 'hook-url',
    name: 'sends no token to another origin that a hook chooses',
    bites: 'origins',
    async scenario({ send, world }) {
      const { status } = await send('/elsewhere')
      return { status, arrived: world.atStranger }
    },
    check(seen, bare) {
      for (const { path, authorization } of seen.arrived) ok(authorization === undefined, `${path} got a token`)
      deepEqual([seen.status, seen.arrived.length], [bare.status, bare.arrived.length])
    },
  }),
}
