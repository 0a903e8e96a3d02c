// Bundlers: an application becomes one file, which runs in an otherwise empty folder.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** @typedef {import('../run.js').Project} Project */
/** @typedef {import('../run.js').Context} Context */
/** @typedef {'cjs' | 'esm'} Format */
/** @typedef {{ alias: string, bundle: Bundle }} Tool */
/** @typedef {(context: Context, entry: string, file: string, format: Format) => Promise<unknown>} Bundle Returns the files, if there are several. */

/** The limit for what our packages add to a minified bundle: core, an adapter and the modules of a token request. In bytes. */
const limit = 155_000

/** How each tool turns an entry into one file, by name. @type {Readonly<Record<string, Tool>>} */
const tools = {
  esbuild: { alias: 'esbuild', bundle: esbuild() },
  'esbuild --minify': { alias: 'esbuild', bundle: esbuild('--minify') },
  webpack: {
    alias: 'webpack',
    bundle: ({ node }, entry, file, format) => node(['webpack.cjs', entry, file, format]),
  },
  rollup: { alias: 'rollup', bundle: ({ node }, entry, file, format) => node(['rollup.mjs', entry, file, format]) },
  ncc: { alias: '@vercel/ncc', bundle: ncc },
  'bun build': {
    alias: 'bun',
    bundle: ({ execute, folder }, entry, file, format) => {
      const args = ['build', entry, '--target=node', `--format=${format}`, '--minify', `--outfile=${file}`]
      return execute(join(folder, 'node_modules/bun/bin/bun.exe'), args)
    },
  },
}

/** @param {...string} flags @returns {Bundle} */
function esbuild(...flags) {
  return ({ execute, folder }, entry, file, format) => {
    const args = [entry, '--bundle', '--platform=node', '--target=node20', `--format=${format}`, `--outfile=${file}`]
    // From its documentation: lets a bundled CommonJS module require modules of Node.js.
    const banner = `--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`
    return execute(join(folder, 'node_modules/.bin/esbuild'), [
      ...args,
      ...flags,
      ...(format === 'esm' ? [banner] : []),
    ])
  }
}

/**
 * It turns an entry into an ES module, and puts modules that are loaded later into more files.
 *
 * @type {Bundle}
 */
async function ncc({ node, folder }, entry, file) {
  const out = join(folder, `ncc-${file}`)
  await node(['node_modules/@vercel/ncc/dist/ncc/cli.js', 'build', entry, '--minify', '--quiet', '--out', out])
  const made = readdirSync(out).filter((name) => /\.[cm]?js$/.test(name))
  const names = made.map((name) => (/^index\./.test(name) ? file : name))
  for (const [i, name] of made.entries()) renameSync(join(out, name), join(folder, names[i] ?? ''))
  rmSync(out, { recursive: true })
  return names
}

/** @param {string} name @param {string} entry @param {Format} format */
const fileOf = (name, entry, format) =>
  `${name.replaceAll(/\W+/g, '-')}-${entry.replaceAll('.', '-')}.${format === 'esm' ? 'mjs' : 'cjs'}`

/** @param {unknown} made The result of a bundler. @param {string} file @returns {readonly string[]} */
const filesOf = (made, file) => (Array.isArray(made) ? made : [file])

/**
 * Runs a bundle in a folder without any packages.
 *
 * @param {Context} context
 * @param {string} file
 * @param {readonly string[]} files
 */
async function runAlone({ node, folder }, file, files) {
  const empty = `${folder}-alone-${file}`
  mkdirSync(empty)
  for (const each of files) renameSync(join(folder, each), join(empty, each))
  await node([file], { cwd: empty })
}

/** @param {string} name @param {string} entry @param {Format} format @param {string} as @param {string[]} clients @returns {Project} */
function project(name, entry, format, as, clients = ['axios', 'fetch', 'undici']) {
  const { alias, bundle } = /** @type {{ alias: string, bundle: Bundle }} */ (tools[name])
  return {
    section: 'Bundlers',
    uses: name,
    alias,
    as,
    clients,
    run: async (context) => {
      const file = fileOf(name, entry, format)
      const files = filesOf(await bundle(context, entry, file, format), file)
      await runAlone(context, file, files)
      return files.length === 1 ? '' : `${as}: several files, for what is loaded later`
    },
  }
}

/** @type {Project[]} */
const applications = Object.keys(tools).flatMap((name) => [
  project(name, 'main.cjs', 'cjs', 'CommonJS'),
  project(name, 'main.mjs', 'esm', 'ES modules'),
  ...(name.startsWith('esbuild') ? [project(name, 'main.mjs', 'cjs', 'ES modules made CommonJS')] : []),
])

/** @type {Project[]} */
const ofIbm = ['esbuild', 'webpack'].map((name) =>
  project(name, 'cloudant.cjs', 'cjs', 'a Cloudant client in CommonJS', ['cloudant']),
)

/** How much our packages add, rounded up so that the page does not change with every line of code. @type {Project[]} */
const sizes = Object.entries(tools)
  // ncc does not minify modules that are loaded later.
  .filter(([name]) => name !== 'esbuild' && name !== 'ncc')
  .map(([name, tool]) => ({
    section: 'Bundlers',
    uses: name,
    alias: tool.alias,
    as: 'size',
    clients: [],
    run: async (context) => {
      // The clients differ little, and some of the bundlers take long for undici.
      const clients = name.startsWith('esbuild') ? ['axios', 'fetch', 'undici'] : ['axios']
      const sizeOf = async (/** @type {string} */ entry) => {
        const file = fileOf(name, entry, 'esm')
        const files = filesOf(await tool.bundle(context, entry, file, 'esm'), file)
        return files.reduce((bytes, each) => bytes + statSync(join(context.folder, each)).size, 0)
      }
      const added = /** @type {number[]} */ ([])
      for (const client of clients) {
        added.push((await sizeOf(`size-${client}.mjs`)) - (await sizeOf(`size-bare-${client}.mjs`)))
      }
      console.log(`  ${name}: with mca-auth, ${clients.join(', ')} are ${added.join(', ')} bytes larger`)
      const most = Math.max(...added)
      if (most > limit) throw new Error(`a bundle grows by ${most} bytes; ${limit} is the limit`)
      // A bundle that lost the adapter would be small.
      if (Math.min(...added) < 20_000) throw new Error(`mca-auth is not in a bundle that grows by ${added} bytes`)
      return `adds at most ${Math.ceil(most / 10_000) * 10} kB, minified`
    },
  }))

const underPnpm = applications.slice(0, 2).map((one) => ({ ...one, as: `${one.as} by pnpm` }))

/** @type {import('../run.js').Installation[]} */
export const bundlers = [
  { name: 'bundlers', projects: [...applications, ...ofIbm, ...sizes] },
  { name: 'bundlers', manager: 'pnpm', projects: underPnpm },
]
