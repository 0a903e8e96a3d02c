// Runs mca-auth among the packages that people use around and beneath it: `npm run test:compositions -- axios-retry` runs
// the rows of that name.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { install } from './install.js'

const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: { 'no-install': { type: 'boolean' }, group: { type: 'string' }, node: { type: 'string' } },
})

/** A process each, with the majors of Node.js on which its rows run. */
const groups = [
  { name: 'undici 8', run: ['undici.js', 'undici'], nodes: [24] },
  { name: 'undici 7', run: ['undici.js', 'undici7'], nodes: [24, 20] },
  { name: 'undici 6', run: ['undici.js', 'undici6'], nodes: [24, 20] },
]

/** The program of a major, which npm has if it is not the one that runs. */
function nodeOf(/** @type {number} */ major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  return execFileSync('npm', ['exec', '--yes', `--package=node@${major}`, '--', 'node', '-p', 'process.execPath'], {
    encoding: 'utf8',
  }).trim()
}

if (!values['no-install']) install()
const jobs = groups
  .flatMap(({ name, run, nodes }) => nodes.map((node) => ({ name, run, node })))
  .filter(
    ({ name, node }) => (!values.group || name.startsWith(values.group)) && (!values.node || `${node}` === values.node),
  )
const results = []

async function work() {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const { name, run, node } = job
    const child = fork(new URL('group.js', import.meta.url), run, {
      execPath: nodeOf(node),
      env: { ...process.env, ROWS: JSON.stringify(filters) },
    })
    child.on('message', (row) => {
      results.push({ ...row, group: name, node })
      const failed = Object.entries(row.failures)
      console.log(`${failed.length === 0 ? '✓' : '✗'} Node ${node}, ${name}: ${row.place} (${Math.round(row.ms)} ms)`)
      for (const [step, message] of failed) console.log(`    ${step}: ${message}`)
    })
    const [code] = await once(child, 'exit')
    if (code !== 0) {
      console.log(`${name} exited ${code}`)
      process.exitCode = 1
    }
  }
}
await Promise.all([work(), work()])
