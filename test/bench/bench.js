// npm run bench [-- --quick | fleet | header requests …]
// Shows its progress, ends with tables, and writes results.json (or fleet.json) and the charts in the same folder.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { drawCharts } from './charts.js'
import { contenders } from './contenders.js'
import { measureFleet } from './fleet.js'
import { measureApart } from './own-process.js'
import { Servers } from './servers.js'
import { printTables } from './tables.js'

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const { quick } = values
const isFleet = positionals.includes('fleet')
const start = Date.now()

/** For the quick run: our adapters, and for each of their clients one contender. */
const quickPeers = ['axios-token-interceptor', 'openid-client', 'undici-oidc-interceptor', '@badgateway/oauth2-client']
const taking = contenders.filter(({ name, role }) => !quick || role !== 'peer' || quickPeers.includes(name))
/** Bound tokens cost more for each request; nothing else differs. */
const attaching = taking.filter(({ role }) => role !== 'floor' && role !== 'bound').map(({ name }) => name)
const clients = [...new Set(taking.filter(({ role }) => role !== 'floor').map(({ client }) => client))]
const gc = ['--expose-gc']
/** So large that no measurement fills it, and allocations can be counted. */
const wideYoungGeneration = [...gc, '--min-semi-space-size=512', '--max-semi-space-size=512']

const single = { header, requests, instructions, cold, expiry, revocation, memory, weight }
const isChosen = (/** @type {string} */ name) => positionals.length === 0 || positionals.includes(name)
const unknown = positionals.find((name) => name !== 'fleet' && !(name in single))
if (unknown !== undefined)
  throw new TypeError(`unknown part ${unknown}: known are fleet, ${Object.keys(single).join(', ')}`)
const steps = isFleet
  ? { fleet: () => measureFleet(progress) }
  : Object.fromEntries(Object.entries(single).filter(([name]) => isChosen(name)))
const directory = join(import.meta.dirname, quick ? 'results/quick' : 'results')
const file = join(directory, isFleet ? 'fleet.json' : 'results.json')
/** The other parts keep their figures. @type {Record<string, any>} */
const earlier = isFleet || positionals.length === 0 || !existsSync(file) ? {} : JSON.parse(readFileSync(file, 'utf8'))
/** @type {Record<string, any>} */
const results = { ...earlier, about: about() }
for (const [name, step] of Object.entries(steps)) results[name] = await step()

mkdirSync(directory, { recursive: true })
writeFileSync(file, `${JSON.stringify(results, rounded, 2)}\n`)
await drawCharts(results, directory)
progress('')
printTables(results)
console.log(`\n${Math.round((Date.now() - start) / 1000)} s; figures and charts are in ${directory}`)

function header() {
  return Servers.during(async ({ addresses }) => {
    progress('header')
    const rows = await measureApart('header', { addresses, rounds: quick ? 10 : 60, sliceMs: quick ? 5 : 10 })
    for (const row of quick ? rows.slice(0, 4) : rows) {
      progress(`header: bytes of ${row.name}`)
      if (row.ns > 100_000) continue // it requests a token each time
      row.bytes = await measureApart('header', { addresses, bytesOf: row.name }, wideYoungGeneration)
    }
    return rows
  })
}

async function requests() {
  const rows = []
  for (const client of clients) {
    for (const atOnce of quick ? [50] : [1, 50]) {
      progress(`requests: ${client}, ${atOnce} at once`)
      const size = quick ? { rounds: 6, sliceMs: 25 } : { rounds: 30, sliceMs: 100 }
      const measured = await Servers.during(({ addresses }) =>
        measureApart('requests', { addresses, client, atOnce, ...size }),
      )
      rows.push(...measured)
    }
  }
  return rows
}

async function instructions() {
  const rows = []
  for (const { name, client, role } of quick ? [] : contenders) {
    if (role === 'peer' || role === 'bound' || client === 'azure' || client === 'gaxios') continue
    progress(`instructions: ${name}`)
    const perRequest = await Servers.during(({ addresses }) => measureApart('instructions', { addresses, name }))
    if (perRequest !== undefined) rows.push({ name, client, role, perRequest })
  }
  return rows
}

async function cold() {
  return eachContender(1, 'cold', async (servers, name) => {
    await servers.set({ tokenDelayMs: 50 })
    return measureApart('cold', { addresses: servers.addresses, name, callers: 1000 })
  })
}

/** A token request takes 100 ms, so a caller that waits for it shows. */
async function expiry() {
  const lifetimes = quick ? [3600, 2] : [3600, 20, 2]
  const seconds = { 3600: 8, 20: 25, 2: 9 }
  const rows = []
  for (const lifetimeSeconds of /** @type {(keyof typeof seconds)[]} */ (lifetimes)) {
    const measured = await eachContender(4, `tokens of ${lifetimeSeconds} s`, async (servers, name) => {
      await servers.set({ tokenDelayMs: 100, checked: true, lifetimeSeconds })
      const argument = { addresses: servers.addresses, name, rate: 200, seconds: quick ? 5 : seconds[lifetimeSeconds] }
      return { lifetimeSeconds, ...(await measureApart('expiry', argument)) }
    })
    rows.push(...measured)
  }
  return rows
}

async function revocation() {
  const rows = []
  for (const lateMs of [0, 150]) {
    const measured = await eachContender(3, `revocation, 401 up to ${lateMs} ms late`, async (servers, name) => {
      await servers.set({ checked: true, lateMs })
      const seconds = quick ? 1.5 : 4
      return {
        lateMs,
        ...(await measureApart('revocation', { addresses: servers.addresses, name, atOnce: 50, seconds })),
      }
    })
    rows.push(...measured)
  }
  return rows
}

async function memory() {
  const rows = []
  for (const tokens of quick ? [1, 100, 10_000] : [1, 100, 10_000, 100_000]) {
    progress(`memory: ${tokens} tokens`)
    rows.push(await measureApart('memory', { tokens, rounds: quick ? 20 : 100 }, gc))
  }
  return rows
}

async function weight() {
  progress('weight')
  return measureApart('weight', { times: quick ? 2 : 15 })
}

/**
 * Measures each contender that attaches a token with its own servers, `lanes` of them at a time.
 *
 * @param {number} lanes
 * @param {string} what
 * @param {(servers: Servers, name: string) => Promise<object>} work
 */
async function eachContender(lanes, what, work) {
  const waiting = [...attaching.entries()]
  /** @type {object[]} */
  const rows = []
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, name] = next
      progress(`${what}: ${name}`)
      rows[place] = { name, ...(await Servers.during((servers) => work(servers, name))) }
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return rows
}

function about() {
  const peers = Object.keys(JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8')).dependencies)
  const versions = ['axios', 'got', 'undici', ...peers].map((name) => [name, versionOf(name)])
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    processor: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    versions: Object.fromEntries(versions),
    quick,
  }
}

/** Read from the file system, since `exports` of few packages include their package.json. */
function versionOf(/** @type {string} */ name) {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? []
  const manifest = folders.map((folder) => join(folder, name, 'package.json')).find((path) => existsSync(path))
  return manifest && JSON.parse(readFileSync(manifest, 'utf8')).version
}

/** Three significant digits are enough. */
function rounded(/** @type {string} */ _name, /** @type {unknown} */ value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value
}

function progress(/** @type {string} */ text) {
  const seconds = String(Math.round((Date.now() - start) / 1000)).padStart(4)
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text && `${seconds} s  ${text}`}`)
  else if (text !== '') process.stderr.write(`${seconds} s  ${text}\n`)
}
