// Faults that only axios can have: a config is not a request, and a logger sees the same objects as interceptors.
import { deepEqual, ok } from 'node:assert/strict'
import { mcaAuth } from '@mca-auth/undici'
import axios from 'axios'

/** @returns {import('../contract.js').Step} */
export const logsNoToken = (/** @type {string[]} */ lines) => ({
  id: 'logs',
  name: 'shows no token to a logger',
  async scenario({ send, world }) {
    lines.length = 0
    await send('/things')
    world.revokeAll()
    await send('/things', { method: 'POST', body: 'text' })
    await send('/rejected')
    return { lines: [...lines] }
  },
  check({ lines: seen }) {
    ok(seen.length > 0)
    for (const line of seen) ok(!line.includes('eyJ'), `logged: ${line}`)
  },
})

/** The config of a response. */
async function configOf(/** @type {Promise<any>} */ request) {
  return (await request.catch((error) => error)).config
}

const arrivedByPath = (/** @type {any} */ { atApi }) =>
  Object.fromEntries(atApi.map((one) => [one.path, one.authorization]))

/** Each is a separate row. */
export const configRows = [
  {
    place: 'api.get(url, earlier.config)',
    step: /** @type {import('../contract.js').Step} */ ({
      id: 'config-again',
      name: "does not send a user's token for the next user of a config",
      bites: 'users',
      forward: true,
      async scenario({ client, world, asUser }) {
        const { api } = client
        const config = await asUser('Bearer alice', () => configOf(api.get(`${world.api}/users/alice`)))
        await asUser('Bearer bob', () => api.get(`${world.api}/users/bob`, config))
        await asUser(undefined, () => api.get(`${world.api}/users/none`, config))
        await asUser('Bearer carol', () => api({ ...config, url: `${world.api}/users/carol` }))
        return arrivedByPath(world)
      },
      check(arrived) {
        deepEqual(arrived, {
          '/users/alice': 'Bearer alice',
          '/users/bob': 'Bearer bob',
          '/users/none': undefined,
          '/users/carol': 'Bearer carol',
        })
      },
    }),
  },
  {
    place: 'api.get(elsewhere, earlier.config)',
    step: /** @type {import('../contract.js').Step} */ ({
      id: 'config-elsewhere',
      name: 'sends no token to another origin with the config of an earlier request, successful or not',
      bites: 'origins',
      origins: 'listed',
      async scenario({ client, world }) {
        const { api } = client
        for (const path of ['/things', '/unstable/users/1', '/rejected']) {
          const config = await configOf(api.get(world.api + path))
          await api.get(world.stranger, config)
          await api({ ...config, url: `${world.stranger}/again` })
          await axios.create(config).get(world.stranger)
        }
        return { arrived: world.atStranger.map(({ authorization }) => authorization) }
      },
      check({ arrived }) {
        deepEqual(arrived, Array(9).fill(undefined))
      },
    }),
  },
  {
    place: 'axios.create(earlier.config)',
    step: /** @type {import('../contract.js').Step} */ ({
      id: 'config-created',
      name: "does not send a user's token for the users of an instance that is created from a config",
      bites: 'users',
      forward: true,
      async scenario({ client, world, asUser }) {
        const config = await asUser('Bearer alice', () => configOf(client.api.get(`${world.api}/users/alice`)))
        const created = axios.create(config)
        for (const who of ['bob', 'carol']) {
          await asUser(`Bearer ${who}`, () => created.get(`${world.api}/users/${who}`))
        }
        return arrivedByPath(world)
      },
      check(arrived) {
        // The instance does not have its own `mcaAuth()`, so it may send without a token.
        for (const who of ['bob', 'carol']) {
          const carried = arrived[`/users/${who}`]
          ok([undefined, `Bearer ${who}`].includes(carried), `${who}'s request carried ${carried}`)
        }
      },
    }),
  },
]

/** Two plugins of different packages on one request. */
export const twoPlugins = {
  only: ['two-plugins'],
  limits: {
    'two-plugins': {
      shows: /carried/,
      text: "an anonymous user's request gets the other one's token: give them disjoint `origins`",
    },
  },
  steps: [
    /** @type {import('../contract.js').Step} */ ({
      id: 'two-plugins',
      name: 'lets the first plugin decide that a request gets no token',
      forward: true,
      async scenario({ send, world, asUser, kind }) {
        const { Agent, getGlobalDispatcher, setGlobalDispatcher } = await import('undici')
        const before = getGlobalDispatcher()
        const agent = new Agent()
        const second = { ...world.server.appId, origins: world.api }
        if (kind === 'ours') setGlobalDispatcher(agent.compose(mcaAuth(second)))
        try {
          await asUser(undefined, () => send('/users/none'))
        } finally {
          setGlobalDispatcher(before)
          await agent.destroy()
        }
        return world.atApi[0].authorization
      },
      check(carried) {
        ok(carried === undefined, `an anonymous user's request carried ${carried}`)
      },
    }),
  ],
}
