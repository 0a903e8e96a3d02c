// Installs the packages as they would be published into projects of every kind of Node.js code, compiles and runs them, and
// lists the results in docs/consumers.md: `npm run test:consumers -- jest` runs the projects with that name, `-- --write`
// updates the page.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pack } from '../pack.js'
import { programOf } from '../program-of.js'
import { execute } from './commands.js'
import { install, lock, versionOf } from './install.js'
import { bundlers } from './kinds/bundlers.js'
import { frameworks } from './kinds/frameworks.js'
import { runtimes } from './kinds/runtimes.js'
import { testRunners } from './kinds/test-runners.js'
import { typescript } from './kinds/typescript.js'
import { isCurrent, write } from './table.js'
import { World } from './world.js'

/**
 * @typedef {object} Project One program.
 * @property {string} section The section of the page.
 * @property {string} uses Its subject. Together with `as`, the project's name.
 * @property {string | undefined} [alias] The name under which that is installed, if it is a package whose version is on the page.
 * @property {string} as
 * @property {readonly string[]} clients Each does the exercise against its own servers.
 * @property {number} [node] The major version of Node.js that it runs on. Default: 20.
 * @property {boolean} [isElsewhere] Whether it runs on a runtime other than Node.js.
 * @property {{ error: RegExp, text: string } | undefined} [limit] What does not work, and the error. If a limit disappears, the project fails.
 * @property {Parameters<World['check']>[0]} [expected] If it does more than the exercise.
 * @property {(context: Context) => Promise<string | void>} run Returns what a user should know.
 *
 * @typedef {object} Context
 * @property {string} folder The folder with the installed packages.
 * @property {ReadonlyMap<string, World>} worlds By client.
 * @property {(args: readonly string[], options?: Partial<Parameters<typeof execute>[2]>) => Promise<string>} node
 *   Runs Node.js in the folder.
 * @property {(command: string, args: readonly string[], options?: Partial<Parameters<typeof execute>[2]>) => Promise<string>} execute
 *
 * @typedef {object} Installation All projects of a kind, in one folder.
 * @property {string} name A folder of `projects`.
 * @property {string} [sources] Another one, whose files it shares.
 * @property {'npm' | 'pnpm'} [manager] Default: npm.
 * @property {readonly Project[]} projects
 *
 * @typedef {Project & { version: string, note: string }} Result
 */

const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean' }, keep: { type: 'boolean' }, lock: { type: 'boolean' } },
})
const began = performance.now()
const directory = mkdtempSync(join(tmpdir(), 'mca-auth-consumers-'))
process.once('exit', () => {
  if (values.keep) console.log(`left in ${directory}`)
  else rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
})

const results = /** @type {Result[]} */ ([])
let failed = 0
/** The longest first, so that both workers are busy until the end. */
const installations = [typescript, bundlers, testRunners, frameworks, runtimes]
  .flat()
  .map((one) => ({ ...one, projects: one.projects.filter(isChosen) }))
  .filter(({ projects }) => projects.length > 0)

await pack(join(directory, 'tarballs'))
if (values.lock) {
  await lock(directory)
  process.exit()
}
// Before anything else runs, because it blocks this process, and with it the servers.
const majors = installations.flatMap(({ projects }) => projects.map(({ node = 20 }) => node))
const programs = new Map([...new Set(majors)].map((major) => /** @type {const} */ ([major, programOf(major)])))
const next = async () => {
  for (let one = installations.shift(); one !== undefined; one = installations.shift()) await runAll(one)
}
await Promise.all([next(), next()])
conclude()

/** @param {Project} project */
function nameOf({ uses, as, node }) {
  return `${uses}, ${as}${node === undefined ? '' : `, Node ${node}`}`
}

/** @param {Project} project */
function isChosen(project) {
  const name = `${project.section}: ${nameOf(project)}`.toLowerCase()
  return filters.every((filter) => name.includes(filter.toLowerCase()))
}

/** @param {Installation} installation */
async function runAll({ name, sources, manager = 'npm', projects }) {
  const folder = await timed(`install ${name} by ${manager}`, () => install(name, manager, directory, sources))
  if (folder === undefined) return
  for (const project of projects) {
    await timed(nameOf(project), async () => {
      const note = (await runWithin(project, folder)) ?? ''
      results.push({ ...project, version: project.alias ? versionOf(folder, project.alias) : '', note })
    })
  }
}

/** @param {Project} project @param {string} folder @returns {Promise<string | void>} */
async function runWithin(project, folder) {
  const { limit } = project
  if (limit === undefined) return run(project, folder)
  try {
    await run(project, folder)
  } catch (error) {
    if (error instanceof Error && limit.error.test(error.message)) return limit.text
    throw error
  }
  throw new Error(`this limit has disappeared: ${limit.text}`)
}

/** @param {Project} project @param {string} folder */
async function run({ clients, node: major = 20, expected, run }, folder) {
  const worlds = new Map(
    await Promise.all(clients.map(async (name) => /** @type {const} */ ([name, await World.start()]))),
  )
  const access = Object.fromEntries([...worlds].map(([name, world]) => [name, world.access]))
  const env = { MCA_AUTH_WORLDS: JSON.stringify(access) }
  /** @type {Context['execute']} */
  const inFolder = (command, args, options) =>
    execute(command, args, { cwd: folder, ...options, env: { ...env, ...options?.env } })
  try {
    const program = programs.get(major) ?? process.execPath
    const note = await run({
      folder,
      worlds,
      execute: inFolder,
      node: (args, options) => inFolder(program, args, options),
    })
    for (const [client, world] of worlds) {
      try {
        world.check(expected)
      } catch (error) {
        throw new Error(`${client}: ${error instanceof Error ? error.message : error}`)
      }
    }
    return note
  } finally {
    await Promise.all([...worlds.values()].map((world) => world.close()))
  }
}

/** @template T @param {string} name @param {() => Promise<T>} work @returns {Promise<T | undefined>} */
async function timed(name, work) {
  const start = performance.now()
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  try {
    const result = await work()
    console.log(`✓ ${name} (${seconds()})`)
    return result
  } catch (error) {
    failed += 1
    console.log(
      `✗ ${name} (${seconds()})\n    ${error instanceof Error ? error.message.replaceAll('\n', '\n    ') : error}`,
    )
    return undefined
  }
}

function conclude() {
  if (results.length === 0 && failed === 0) {
    console.log('no project has that name')
    failed += 1
  }
  if (filters.length === 0 && failed === 0) {
    if (values.write) write(results)
    else if (!isCurrent(results)) {
      console.log('docs/consumers.md is not current: `npm run test:consumers -- --write`')
      failed += 1
    }
  }
  console.log(`in ${Math.round((performance.now() - began) / 1000)} s:`)
  console.log(`${results.length} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}
