// Three clients call protected services, first without and then with mca-auth, while tokens expire and are revoked.
import { createTokenProvider, McaAuthError } from '@mca-auth/core'
import { type Arguments, readArguments, usage } from './arguments.js'
import { type Backend, realBackend, startBackend } from './backend.js'
import { type Client, clients, type Send } from './clients.js'
import { type LiveRun, showRuns, warmUp } from './live-runs.js'
import { failureList, type Result, resultTable } from './results.js'
import { concurrency, type Goal, Run } from './run.js'
import { duration, isTerminal, paint, say, wrap } from './screen.js'
import { marks, Timeline } from './timeline.js'

/** The minimum lifetime of tokens; it is longer on a slow machine. */
const shortestLifetimeMs = 2_500
/** The lifetime of a token, in durations of the slowest request, so that no token expires on the way. */
const lifetimeFactor = 10
/** When every token is revoked, as fractions of the run: well before and after the refresh in its middle. */
const revocations = [0.25, 0.8]
const lifetimesPerRun = 2.25

/** Whether every request succeeded. */
async function demo({ url, requests }: Arguments): Promise<boolean> {
  await using backend = url === undefined ? await startBackend(clients) : realBackend(url)
  const goal = (ms: number): Goal => (requests === undefined ? { ms } : { requests })
  say(`axios, got and undici each call ${url ?? 'a protected service'}, ${concurrency} requests at a time.`)
  if (backend.tokens) say('The services and their authorization server run in this process.')

  const header = await requestHeader(backend)
  const plain = (limit: Goal) => liveRuns(backend, limit, (client) => client.withHeader(header))
  if (backend.tokens) await warmUp(plain(goal(1_500)))
  say(`\n${paint('bold', 'Without mca-auth')}, with a token that stays valid`)
  const without = plain(goal(2_000))
  await showRuns(without)

  const slowestMs = Math.max(...without.map(({ run }) => run.slowestMs))
  const lifetimeMs = Math.max(shortestLifetimeMs, Math.ceil((slowestMs * lifetimeFactor) / 500) * 500)
  say(`\n${paint('bold', 'With mca-auth')}`)
  if (backend.tokens) {
    say(`Tokens expire after ${duration(lifetimeMs)} here. The slowest request above took ${duration(slowestMs)}.`)
    say(`${marks.renewed} a new token   ${marks.revoked} every token is revoked`)
  }
  const withMcaAuth = await runWithMcaAuth(backend, goal(lifetimesPerRun * lifetimeMs), lifetimeMs)

  const results = clients.map((client, i): Result => {
    const { run, timeline } = withMcaAuth[i] as LiveRun
    const tokens = timeline.count('renewed')
    return {
      name: client.name,
      without: (without[i] as LiveRun).run,
      withMcaAuth: run,
      tokens,
      rejections: backend.rejectionsOf(client),
    }
  })
  say(`\n${resultTable(results)}\n`)
  return conclude(results, backend.tokens && lifetimeMs)
}

function liveRuns(backend: Backend, goal: Goal, sendOf: (client: Client) => Send): LiveRun[] {
  return clients.map((client) => {
    const run = new Run(backend.urlFor(client), sendOf(client), goal)
    return { name: client.name, run, timeline: new Timeline() }
  })
}

async function runWithMcaAuth(backend: Backend, goal: Goal, lifetimeMs: number): Promise<LiveRun[]> {
  backend.tokens?.setLifetime(lifetimeMs)
  /** The last request of each client whose token may already have expired or been revoked. */
  const startedBefore = clients.map(() => 0)
  /** In flight: their tokens would be revoked too, and given to requests that have already lost one. */
  let tokenRequests = 0
  const runs = liveRuns(backend, goal, (client) => {
    const counting: typeof fetch = async (url, init) => {
      tokenRequests++
      const response = await fetch(url, init).finally(() => tokenRequests--)
      const index = runs.findIndex(({ name }) => name === client.name)
      const live = runs[index]
      if (response.ok && live !== undefined) {
        // A request that waits for the first token has not lost one.
        if (live.timeline.count('renewed') > 0) startedBefore[index] = live.run.started
        happened(live, 'renewed')
      }
      return response
    }
    return client.withMcaAuth({ ...backend.options, fetch: counting })
  })
  const happened = ({ name, run, timeline }: LiveRun, mark: 'renewed' | 'revoked') => {
    timeline.add(run.progress, mark)
    if (!isTerminal && mark === 'renewed') say(`  ${duration(run.elapsedMs).padStart(7)}  ${name} has a new token`)
  }
  const left = backend.tokens ? [...revocations] : []
  await showRuns(runs, () => {
    const progress = runs.reduce((sum, { run }) => sum + run.progress, 0) / runs.length
    if (left[0] === undefined || progress < left[0]) return
    // No request may lose its token twice, since it is resent only once.
    if (tokenRequests > 0) return
    if (runs.some(({ run }, i) => run.settled < (startedBefore[i] ?? 0))) return
    for (const [i, { run }] of runs.entries()) startedBefore[i] = run.started
    left.shift()
    backend.tokens?.revokeAll()
    for (const live of runs) happened(live, 'revoked')
    if (!isTerminal) say(`  ${duration(runs[0]?.run.elapsedMs ?? 0).padStart(7)}  every token is revoked`)
  })
  return runs
}

/** Sums up the results in one sentence, or lists the failed requests. */
function conclude(results: readonly Result[], lifetimeMs: number | undefined): boolean {
  const count = (of: (result: Result) => number) => results.reduce((sum, result) => sum + of(result), 0)
  const number = (value: number) => value.toLocaleString('en')
  const sent = count(({ without, withMcaAuth }) => without.done + withMcaAuth.done)
  const failed = count(({ without, withMcaAuth }) => without.failures.length + withMcaAuth.failures.length)
  if (failed > 0) {
    console.error(`${paint('red', `${number(failed)} of ${number(sent)} requests failed:`)}\n${failureList(results)}`)
    return false
  }
  const although =
    lifetimeMs && `, although tokens expired after ${duration(lifetimeMs)} and all of them were revoked twice`
  const rejected =
    lifetimeMs && ` and resent the ${number(count(({ rejections }) => rejections ?? 0))} requests that were rejected`
  const requested = `mca-auth requested ${number(count(({ tokens }) => tokens))} tokens`
  say(wrap(`All ${number(sent)} requests succeeded${although ?? ''}: ${requested}${rejected ?? ''}.`))
  return true
}

/** The value of an Authorization header for the runs without mca-auth. */
async function requestHeader(backend: Backend): Promise<string> {
  await using provider = createTokenProvider(backend.options)
  return await provider.getAuthorizationHeader()
}

function readOrExit(): Arguments {
  try {
    return readArguments(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exit(2)
  }
}

const given = readOrExit()
if (given.help) say(usage)
else {
  const succeeded = await demo(given).catch((error) => {
    if (!(error instanceof McaAuthError)) throw error
    console.error(`${error.code}: ${error.message}`)
    return false
  })
  process.exitCode = succeeded ? 0 : 1
}
