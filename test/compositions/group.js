// Runs the rows of one client in this process, and sends the result of each to the parent.
import { inspect } from 'node:util'
import { createTokenProvider, forwardIncoming } from '@mca-auth/core'
import { steps } from './contract.js'
import { versionOf } from './versions.js'
import { World } from './world.js'

/**
 * @typedef {'bare' | 'ours' | 'naive'} Kind
 *
 * @typedef {object} Client what a row's `start()` gives
 * @property {(url: string, init: any) => Promise<{ status: number, text: string }>} send
 * @property {Record<string, (url: string, start: () => void) => Promise<unknown>>} [callbacks]
 * @property {() => unknown} [close]
 *
 * @typedef {object} Row
 * @property {string} layer the package
 * @property {string} place its position, and ours
 * @property {string[]} packages whose versions count: folders of node_modules
 * @property {(context: { auth: any, world: World }) => Client | Promise<Client>} start
 * @property {boolean} [mustListOrigins] this client needs `origins`
 * @property {string} [host] by which the servers are named
 * @property {(world: World) => unknown} [prepare] puts other servers in place of the world's
 * @property {boolean} [hidesErrors] this client does not say why a request failed: its status is 0
 * @property {boolean} [getOnly] this client makes no other requests
 * @property {boolean} [takesSignal] unless `false`
 * @property {string[]} [only] the steps of a row that is about one thing
 * @property {Record<string, string>} [skips] steps that this client cannot do, and why
 * @property {RegExp} [flaw] an error that this client makes now and then by itself: then the step is played again
 * @property {Record<string, { shows: RegExp, text: string }>} [limits] steps that fail, how, and what that means
 * @property {import('./contract.js').Step[]} [steps] more than the contract
 *
 * @typedef {object} Group
 * @property {Row[]} rows
 * @property {Record<Kind, (subject: any) => any>} auth
 */

/** So long that only a hanging step takes it, even on a busy machine. */
const stepMs = 60_000

/** By their ids; none: all of them. */
let chosenSteps = /** @type {string[]} */ ([])

/** Unhandled rejections of a step. */
const strays = /** @type {Set<string>} */ (new Set())
process.on('unhandledRejection', (reason) => strays.add(`unhandled rejection: ${reason}`))
process.on('uncaughtException', (error) => strays.add(`uncaught exception: ${error}`))
process.on('warning', ({ name, message }) => {
  if (name === 'MaxListenersExceededWarning') strays.add(`${name}: ${message.replace(/\d+/, 'many')}`)
})

/** The incoming request as a naive plugin remembers it: in a variable of its module. */
let servedUser = /** @type {string | undefined} */ (undefined)

function asUser(/** @type {string | undefined} */ header, /** @type {() => any} */ run) {
  servedUser = header ?? 'none'
  return forwardIncoming({ headers: header === undefined ? {} : { authorization: header } }, run)
}

/** The header that a naive plugin sets: with the token of the last user, or else the one token that it has requested. */
async function naiveHeader(/** @type {World} */ { server }) {
  const { clientId, secret, oauthServerUrl } = server.appId
  const response = await fetch(`${oauthServerUrl}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${clientId}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  const { access_token: token } = /** @type {any} */ (await response.json())
  return () => servedUser ?? `Bearer ${token}`
}

/** Plays one scenario. @param {Group} group @param {Row} row @param {import('./contract.js').Step} step @param {Kind} kind */
async function play(group, row, step, kind) {
  strays.clear()
  const world = await World.start({ open: kind === 'bare', bound: step.bound, host: row.host })
  await row.prepare?.(world)
  const listed =
    step.origins === 'listed' || step.forward || step.exchange || (row.mustListOrigins && step.id !== 'must-list')
  const provider = createTokenProvider({
    ...world.server.appId,
    ...(listed && { origins: world.api }),
    ...(step.forward && { incoming: 'forward' }),
    ...(step.bound && { dpop: true }),
    ...(step.exchange && { incoming: 'exchange' }),
    ...(step.tokenRequest && { tokenRequest: step.tokenRequest }),
  })
  servedUser = undefined
  const subject = kind === 'naive' ? await naiveHeader(world) : provider
  const pending = new Set()
  let seen
  let client = /** @type {Client | undefined} */ (undefined)
  const scenario = async () => {
    client = await row.start({ auth: group.auth[kind](subject), world })
    const { send: sendTo, callbacks = {} } = client
    const send = async (/** @type {string} */ path, init = {}) => {
      pending.add(path)
      try {
        return await sendTo(world.api + path, init)
      } finally {
        pending.delete(path)
      }
    }
    const calls = Object.entries({ 'after the response': (url, start) => sendTo(url, {}).then(start), ...callbacks })
    const toApi = calls.map(([name, call]) => [name, (path, start) => call(world.api + path, start)])
    return step.scenario({ world, send, asUser, callbacks: Object.fromEntries(toApi), provider, row, client, kind })
  }
  try {
    seen = await within(stepMs, scenario(), () => `hangs: ${[...pending].join(', ') || 'not in a request'}`)
  } finally {
    provider.close()
    await within(2_000, Promise.resolve(client?.close?.()), () => 'close() hangs').catch(() => {})
    await world.close()
  }
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  return { seen, strays: [...strays] }
}

function within(/** @type {number} */ ms, /** @type {Promise<any>} */ work, /** @type {() => string} */ what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(what())), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** The failure of one kind, `undefined` if the step holds. */
async function failureOf(group, row, step, kind, bare) {
  try {
    const { seen, strays } = await play(group, row, step, kind)
    step.check(seen, bare.seen, row)
    const own = strays.filter((stray) => !bare.strays.includes(stray))
    return own.length > 0 ? own.join('; ') : undefined
  } catch (error) {
    return textOf(error)
  }
}

/** The text on one line, without tokens. */
function textOf(/** @type {any} */ error) {
  const { generatedMessage, actual, expected, message = String(error) } = error
  const text =
    generatedMessage && expected !== undefined ? `${inspect(actual)} instead of ${inspect(expected)}` : message
  return text
    .replaceAll(/eyJ[\w.-]+/g, 'eyJ…')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 400)
}

/** Plays one step: its failure, and whether a naive plugin falls. @param {Group} group @param {Row} row */
async function playStep(group, row, /** @type {import('./contract.js').Step} */ step) {
  const limit = row.limits?.[step.id]
  let bare
  try {
    bare = await play(group, row, step, 'bare')
  } catch (error) {
    return { failure: `without mca-auth too: ${textOf(error)}` }
  }
  const failure = await failureOf(group, row, step, 'ours', bare)
  const hangs = failure?.startsWith('hangs') === true
  const falls = !hangs && step.bites !== undefined && (await failureOf(group, row, step, 'naive', bare)) !== undefined
  if (limit === undefined) return { failure, hangs, falls }
  const asDeclared = limit.shows.test(failure ?? '')
  const text = `is a declared limit, but ${failure === undefined ? 'holds' : `shows as: ${failure}`}`
  return { failure: asDeclared ? undefined : text, hangs, falls }
}

/** Runs one row. Returns the failures by step, with the declared limits. */
async function runRow(group, row) {
  const failures = /** @type {Record<string, string>} */ ({})
  const fallen = /** @type {Set<string>} */ (new Set())
  for (const step of [...steps, ...(row.steps ?? [])]) {
    if (row.only?.includes(step.id) === false || row.skips?.[step.id] !== undefined) continue
    if (chosenSteps.length > 0 && !chosenSteps.includes(step.id)) continue
    if (step.applies?.(row) === false) continue
    let played = await playStep(group, row, step)
    for (let again = 0; again < 3 && row.flaw?.test(played.failure ?? ''); again += 1) {
      played = await playStep(group, row, step)
    }
    const { failure, hangs, falls } = played
    if (failure !== undefined) failures[step.id] = failure
    if (hangs) break // the next ones would too, for a minute each
    if (step.bites !== undefined && falls) fallen.add(step.bites)
  }
  return { failures, fallen: [...fallen] }
}

async function main([file = '', ...argument] = process.argv.slice(2)) {
  const filters = /** @type {string[]} */ (JSON.parse(process.env.ROWS ?? '[]'))
  chosenSteps = /** @type {string[]} */ (JSON.parse(process.env.STEPS ?? '[]'))
  const { group: groupOf } = await import(`./clients/${file}`)
  const group = /** @type {Group} */ (await groupOf(...argument))
  for (const row of group.rows) {
    const { layer, place, packages, limits = {} } = row
    if (!filters.every((filter) => `${layer}, ${place}`.toLowerCase().includes(filter.toLowerCase()))) continue
    const began = performance.now()
    const { failures, fallen } = await runRow(group, row)
    const texts = Object.fromEntries(Object.entries(limits).map(([id, { text }]) => [id, text]))
    if (row.mustListOrigins) texts['must-list'] = 'needs `origins`'
    const versions = packages.map((name) => versionOf(name))
    process.send?.({ layer, place, versions, limits: texts, failures, fallen, ms: performance.now() - began })
  }
}

// The parent disconnects when it has read everything, or has ended itself; then nothing that a package left running matters.
process.on('disconnect', () => process.exit())
main().then(
  () => process.send?.({ done: true }),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
