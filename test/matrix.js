// Runs the contract of the adapters on every supported version of Node.js, with every version of every client, and prints
// the table of the results. It must equal the table in docs/versions.md; `-- --write` updates that.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** @typedef {{ status: string, ancestorTitles: string[], fullName: string, failureMessages: string[] }} Test */

const nodes = ['20', '22', '24', '26']
const bound = ['20', '26']
const suites = ['axios', 'fetch', 'got', 'undici'].map((name) => `adapters/${name}.test.ts`)
/** Suites without a row in the table. */
const further = ['adapters/mutual-tls.test.ts']
const root = join(import.meta.dirname, '..')
const page = join(root, 'docs/versions.md')
const directory = mkdtempSync(join(tmpdir(), 'mca-auth-matrix-'))
/** Ends the current run. */
let end = () => {}
process.once('exit', () => {
  end()
  rmSync(directory, { recursive: true, force: true })
})
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
const { values } = parseArgs({ options: { write: { type: 'boolean' } } })

/** The tests of the suites on this major of Node. @param {string} node @param {string} output @returns {Promise<Test[]>} */
async function run(node, output) {
  const isFull = bound.includes(node)
  const isThis = process.versions.node.startsWith(`${node}.`)
  const [command = '', ...before] = isThis
    ? [process.execPath]
    : ['npm', 'exec', '--yes', `--package=node@${node}`, '--', 'node']
  const vitest = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--root',
    'test',
    ...suites,
    ...(isFull ? further : []),
  ]
  const args = [...before, ...vitest, '--reporter=json', `--outputFile=${output}`]
  // In its own process group, since npm does not end its children.
  // The contract for tokens that are bound to a key runs on the oldest and the newest Node.js, with every client.
  const env = { ...process.env, MCA_AUTH_TEST_CLIENTS: 'every', ...(isFull && { MCA_AUTH_TEST_SIZE: 'full' }) }
  const child = spawn(command, args, { cwd: root, env, detached: true, stdio: ['ignore', 'ignore', 'inherit'] })
  end = () => process.kill(-(child.pid ?? 0))
  const [code] = await once(child, 'close')
  end = () => {}
  /** @type {{ name: string, assertionResults: Test[] }[]} */
  const files = JSON.parse(readFileSync(output, 'utf8')).testResults
  const tests = files.flatMap((file) => file.assertionResults)
  const failed = tests.filter(({ status }) => status === 'failed')
  const passed = tests.filter(({ status }) => status === 'passed')
  const version = execFileSync(command, [...before, '--version'], { encoding: 'utf8' }).trim()
  console.log(`Node ${version}: ${passed.length} passed, ${failed.length} failed`)
  for (const { fullName, failureMessages } of failed)
    console.log(`  ${fullName}: ${failureMessages[0]?.split('\n')[0]}`)
  if (code !== 0) process.exitCode = 1
  return files
    .filter(({ name }) => suites.some((suite) => name.endsWith(suite)))
    .flatMap((file) => file.assertionResults)
}

/** By client, a mark for each Node: passed, failed, or not run, if the client does not work without us either. */
const marks = /** @type {Map<string, string[]>} */ (new Map())
for (const [column, node] of nodes.entries()) {
  for (const { status, ancestorTitles } of await run(node, join(directory, `${node}.json`))) {
    const client = ancestorTitles[0]?.replace(/,.*| on behalf of .*/, '') ?? ''
    const row = marks.get(client) ?? nodes.map(() => '–')
    marks.set(client, row)
    if (status === 'failed') row[column] = '✗'
    if (status === 'passed' && row[column] === '–') row[column] = '✓'
  }
}

/** Clients with the same marks share a row, and versions of one client its name: `got 14, 15, 16`. */
const rows = /** @type {Map<string, Map<string, string[]>>} */ (new Map())
for (const [client, row] of [...marks].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))) {
  const [, name = client, version] = /^(.*) ([\d.]+)$/.exec(client) ?? []
  const together = rows.get(row.join()) ?? new Map()
  rows.set(row.join(), together)
  together.set(name, [...(together.get(name) ?? []), ...(version ? [version] : [])])
}
const cells = [...rows].map(([row, clients]) => [
  [...clients].map(([name, versions]) => [name, versions.join(', ')].join(' ').trim()).join('; '),
  ...row.split(','),
])
const head = ['tested', ...nodes.map((node) => `Node ${node}`)]
const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)))
const line = (/** @type {string[]} */ row) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
const table = [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n')
console.log(`\n${table}\n`)

const text = readFileSync(page, 'utf8')
const written = text.replace(/^\| tested .*(\n\|.*)*/m, () => table)
if (values.write) writeFileSync(page, written)
else if (written !== text) {
  console.error('The table in docs/versions.md differs: check what changed, then run `npm run test:matrix -- --write`.')
  process.exitCode = 1
}
