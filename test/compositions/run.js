// Runs mca-auth among the packages that people put around and beneath it, and lists the working combinations in
// docs/works-with.md: `npm run test:compositions -- axios-retry` runs the rows of that name, `-- --step nonce` a step of all
// rows, `-- --group 'undici 8'` one client, and `-- --write` updates the page.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { generate } from 'selfsigned'
import { programOf } from '../program-of.js'
import { isCurrent, write } from './table.js'

/**
 * @typedef {object} Result of one row
 * @property {string} group
 * @property {number} node
 * @property {string} layer
 * @property {string} place
 * @property {string[]} versions
 * @property {Record<string, string>} limits by step
 * @property {Record<string, string>} failures by step
 * @property {string[]} fallen in what the naive plugin fell
 * @property {number} ms
 */

/** The groups, each with its own process, and the major versions of Node.js on which its rows run. */
const groups = [
  { name: 'undici 8', run: ['undici.js', 'undici'], nodes: [24] },
  { name: 'undici 7', run: ['undici.js', 'undici7'], nodes: [24, 20] },
  { name: 'undici 6', run: ['undici.js', 'undici6'], nodes: [24, 20] },
  { name: 'axios', run: ['axios.js'], nodes: [24, 20] },
  { name: 'got 16', run: ['got.js', 'got'], nodes: [24] },
  { name: 'fetch', run: ['fetch.js'], nodes: [24] },
  { name: 'got 14', run: ['got.js', 'got14'], nodes: [20] },
  { name: 'OpenTelemetry', run: ['opentelemetry.js'], nodes: [24], hasNaive: false },
]

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    write: { type: 'boolean' },
    group: { type: 'string' },
    step: { type: 'string', multiple: true, default: [] },
    node: { type: 'string' },
  },
})
const isWhole =
  filters.length === 0 && options.group === undefined && options.node === undefined && options.step.length === 0
const results = /** @type {Result[]} */ ([])
const problems = /** @type {string[]} */ ([])
const began = performance.now()

const certificate = await makeCertificate()
const jobs = groups.flatMap(({ nodes, ...group }) => nodes.map((node) => ({ ...group, node })))
const chosen = jobs.filter(
  ({ name, node }) => name.startsWith(options.group ?? '') && `${node}` === (options.node ?? `${node}`),
)
const next = async () => {
  for (let job = chosen.shift(); job !== undefined; job = chosen.shift()) await run(job, certificate)
}
await Promise.all([next(), next()])
conclude()

/** One that Node.js is told to trust. @returns the environment that says so */
async function makeCertificate() {
  const altNames = [
    { type: 2, value: 'localhost' },
    { type: 7, ip: '127.0.0.1' },
  ]
  const extensions = [{ name: 'subjectAltName', altNames }]
  const pem = await generate(
    [{ name: 'commonName', value: 'localhost' }],
    /** @type {any} */ ({ keyType: 'ec', extensions }),
  )
  const folder = join(import.meta.dirname, 'node_modules/.cache')
  mkdirSync(folder, { recursive: true })
  const file = (/** @type {string} */ name) => join(folder, `${process.pid}-${name}.pem`)
  const files = { KEY_FILE: file('key'), NODE_EXTRA_CA_CERTS: file('certificate') }
  process.on('exit', () => {
    for (const path of Object.values(files)) rmSync(path, { force: true })
  })
  writeFileSync(files.KEY_FILE, pem.private)
  writeFileSync(files.NODE_EXTRA_CA_CERTS, pem.cert)
  return files
}

/** Runs the rows of one client on one major version of Node.js, in a separate process. */
async function run(/** @type {any} */ { name, run, node, hasNaive = true }, certificate) {
  const env = { ...process.env, ...certificate, ROWS: JSON.stringify(filters), STEPS: JSON.stringify(options.step) }
  const child = fork(new URL('group.js', import.meta.url), run, {
    execPath: programOf(node),
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'], // packages under test print their own warnings
  })
  let printed = ''
  child.stderr?.on('data', (text) => {
    printed = `${printed}${text}`.slice(-4_000)
  })
  const fallen = new Set()
  let isDone = false
  child.on('message', (/** @type {any} */ message) => {
    isDone = message.done === true
    if (isDone) child.disconnect()
    else report({ ...message, group: name, node })
    for (const kind of message.fallen ?? []) fallen.add(kind)
  })
  await once(child, 'exit')
  if (!isDone) problems.push(`${name} on Node ${node} ended before its rows did\n${printed}`)
  for (const kind of isWhole && hasNaive ? ['origins', 'users', 'resends'] : []) {
    if (!fallen.has(kind)) problems.push(`${name} on Node ${node}: a naive plugin passes each step about ${kind}`)
  }
}

function report(/** @type {Result} */ result) {
  const { group, node, layer, place, failures, ms } = result
  results.push(result)
  const failed = Object.entries(failures)
  const title = `${group} on Node ${node}: ${layer}, ${place}`
  console.log(`${failed.length === 0 ? '✓' : '✗'} ${title} (${Math.round(ms)} ms)`)
  for (const message of new Set(Object.values(failures))) {
    console.log(`    ${failed.flatMap(([step, other]) => (other === message ? step : [])).join(', ')}: ${message}`)
  }
}

function conclude() {
  const failed = results.filter(({ failures }) => Object.keys(failures).length > 0).length
  if (results.length === 0) problems.push('no row has that name')
  if (isWhole && failed === 0) {
    const rows = results.filter(({ node }) => node === 24) // has the newest versions
    if (options.write) write(rows)
    else if (!isCurrent(rows))
      problems.push('docs/works-with.md is not current: `npm run test:compositions -- --write`')
  }
  for (const problem of problems) console.log(problem)
  console.log(`in ${Math.round((performance.now() - began) / 1000)} s:`)
  console.log(`${results.length - failed} passed, ${failed + problems.length} failed`)
  if (failed + problems.length > 0) process.exitCode = 1
}
