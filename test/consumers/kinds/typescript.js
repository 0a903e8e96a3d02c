// TypeScript: three versions with all their kinds of resolution, a CommonJS and an ES module package each.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** @typedef {import('../run.js').Project} Project */
/** @typedef {import('../run.js').Context} Context */
/** @typedef {{ module: string, moduleResolution: string }} Mode */

/** By their common name. @type {Readonly<Record<string, { esm?: Mode, cjs?: Mode }>>} */
const modes = {
  nodenext: both({ module: 'nodenext', moduleResolution: 'nodenext' }),
  node16: both({ module: 'node16', moduleResolution: 'node16' }),
  bundler: {
    esm: { module: 'esnext', moduleResolution: 'bundler' },
    cjs: { module: 'preserve', moduleResolution: 'bundler' },
  },
  'commonjs with node10': { cjs: { module: 'commonjs', moduleResolution: 'node10' } },
}

/** @param {Mode} mode */
function both(mode) {
  return { esm: mode, cjs: mode }
}

/** With the modes that each supports: 7 has no node10. @type {Readonly<Record<string, readonly string[]>>} */
const versions = {
  5.4: ['nodenext', 'node16', 'bundler', 'commonjs with node10'],
  5.9: ['nodenext', 'node16', 'bundler', 'commonjs with node10'],
  7: ['nodenext', 'node16', 'bundler'],
}

/** The files of a package that are compiled; the first one is run. @param {'esm' | 'cjs'} format @param {Mode} mode */
function filesOf(format, { module }) {
  if (module === 'preserve') return ['required.ts']
  return [format === 'esm' ? 'start-with-got.ts' : 'start.ts', 'every-entry-point.ts']
}

/** @param {string} version @param {string} name @param {'esm' | 'cjs'} format @param {Mode} mode @returns {Project} */
function project(version, name, format, mode) {
  const files = filesOf(format, mode)
  const all = ['axios', 'fetch', 'undici', ...(format === 'esm' ? ['got'] : [])]
  return {
    section: 'TypeScript',
    uses: `TypeScript ${version}`,
    alias: `typescript${version}`,
    as: `${name} (${format === 'esm' ? 'ES modules' : 'CommonJS'})`,
    clients: mode.module === 'preserve' ? ['axios'] : all,
    run: async ({ folder, node }) => {
      const cwd = join(folder, `${version}-${format}-${name.replaceAll(' ', '-')}`)
      mkdirSync(cwd)
      for (const file of ['exercise.cjs', 'exercise.d.cts']) cpSync(join(folder, file), join(cwd, file))
      for (const file of ['main.ts', ...files]) cpSync(join(folder, 'source', file), join(cwd, file))
      const manifest = { private: true, type: format === 'esm' ? 'module' : 'commonjs' }
      writeFileSync(join(cwd, 'package.json'), JSON.stringify(manifest))
      writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions: optionsOf(mode), files }))
      const tsc = join(folder, `node_modules/typescript${version}/bin/tsc`)
      const foreign = await node([tsc, '-p', '.'], { cwd }).then(() => [], errorsOfOthers)
      await node([files[0]?.replace('.ts', '.js') ?? ''], { cwd })
      return foreign.map((name) => `${name}'s own declarations need \`skipLibCheck\``).join('<br>')
    },
  }
}

/**
 * The packages whose declarations cause all errors of the compiler, if none of them is ours.
 *
 * @param {Error & { output: string }} error
 */
function errorsOfOthers(error) {
  const files = [...error.output.matchAll(/^(.+)\(\d+,\d+\): error TS/gm)].map(([, file = '']) => file)
  const names = files.map((file) => /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? '@mca-auth')
  if (names.length === 0 || names.some((name) => name.startsWith('@mca-auth'))) throw error
  return [...new Set(names)]
}

/** @param {Mode} mode */
function optionsOf({ module, moduleResolution }) {
  return {
    module,
    moduleResolution,
    target: 'es2022',
    lib: ['es2022'],
    types: ['node'],
    strict: true,
    esModuleInterop: true,
    skipLibCheck: false,
  }
}

/** @type {readonly Project[]} */
const projects = Object.entries(versions).flatMap(([version, names]) =>
  names.flatMap((name) =>
    Object.entries(modes[name] ?? {}).map(([format, mode]) =>
      project(version, name, /** @type {'esm' | 'cjs'} */ (format), mode),
    ),
  ),
)

/** The layout of pnpm reveals a declaration that needs a package which the application does not have. */
const underPnpm = projects
  .filter(({ alias, as }) => alias === 'typescript5.9' && as.startsWith('nodenext'))
  .map((one) => ({ ...one, as: `${one.as} by pnpm` }))

/** @type {import('../run.js').Installation[]} */
export const typescript = [
  { name: 'typescript', projects },
  { name: 'typescript', manager: 'pnpm', projects: underPnpm },
]
