// npm run demo                        against servers that it starts itself
// npm run demo -- --url https://…     against a real backend, with the credentials of the environment
import { parseArgs } from 'node:util'
import { createTokenProvider, McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { clients } from './clients.js'
import { Run } from './run.js'
import { showProgress, showTable } from './show.js'

const { values } = parseArgs({ options: { url: { type: 'string' }, requests: { type: 'string' } } })
const requests = Number(values.requests ?? (values.url === undefined ? 2000 : 100))
if (!Number.isSafeInteger(requests) || requests < 2) throw new TypeError('--requests must be an integer, at least 2')

/** One row: a client, the backend it calls, and what the backend saw. */
interface Row {
  readonly client: (typeof clients)[number]
  readonly url: string
  readonly recovered: () => number | undefined
}

const demo = values.url === undefined ? await embedded() : real(values.url)

console.log(`Each client sends ${requests} requests, 25 at a time: first with a fixed header, then with mcaAuth().`)
if (values.url === undefined) console.log('Half-way every token is revoked; those issued after that live one second.')

const header = await firstHeader()
await Promise.all(
  demo.rows.map(({ client, url }) => new Run(url, client.withHeader(header), demo.warmUps).start(() => {})),
) // warm
const floors = demo.rows.map(({ client, url }) => new Run(url, client.withHeader(header), requests))
await showProgress('fixed header', floors)

const tokenRequests = new Map<Row, number>()
const runs = demo.rows.map((row) => {
  const counted: typeof fetch = (url, init) => {
    tokenRequests.set(row, (tokenRequests.get(row) ?? 0) + 1)
    return fetch(url, init)
  }
  return new Run(row.url, row.client.withMcaAuth({ ...demo.options, fetch: counted }), requests)
})
await showProgress('mcaAuth()', runs, demo.halfWay)

showTable(
  demo.rows.map((row, i) => ({
    client: row.client.name,
    requests: runs[i]?.done ?? 0,
    answers: runs[i]?.summary ?? '',
    'token requests': tokenRequests.get(row) ?? 0,
    '401s recovered': row.recovered() ?? '–',
    'requests/s': Math.round(runs[i]?.perSecond ?? 0),
    'fixed header': Math.round(floors[i]?.perSecond ?? 0),
  })),
)
await demo.end()

const failed = [...floors, ...runs].reduce((sum, run) => sum + run.failed, 0)
console.log(failed === 0 ? 'No request failed.' : `${failed} requests failed.`)
process.exitCode = failed === 0 ? 0 : 1

async function firstHeader(): Promise<string> {
  try {
    return await createTokenProvider(demo.options).getAuthorizationHeader()
  } catch (error) {
    if (!(error instanceof McaAuthError)) throw error
    console.error(`${error.code}: ${error.message}`)
    process.exit(1)
  }
}

async function embedded() {
  const server = await startAuthorizationServer()
  const resources = await Promise.all(clients.map(() => startProtectedResource({ authorizationServer: server })))
  const rows = clients.map((client, i): Row => {
    const resource = resources[i] as (typeof resources)[number]
    return { client, url: `${resource.origin}/orders`, recovered: () => resource.answers.get(401) ?? 0 }
  })
  const halfWay = () => {
    server.lifetimeSeconds = 1
    server.revokeAll()
  }
  const end = async () => {
    await Promise.all([server, ...resources].map((running) => running.close()))
  }
  return { options: server.appId as McaAuthOptions, rows, halfWay, end, warmUps: 500 }
}

function real(url: string) {
  const rows = clients.map((client): Row => ({ client, url, recovered: () => undefined }))
  return { options: {} as McaAuthOptions, rows, halfWay: () => {}, end: async () => {}, warmUps: 5 }
}
