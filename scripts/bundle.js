// Builds the published files of one package: a bundle for each entry point and module format, its declarations, and the
// licences of bundled packages.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { rolldown } from 'rolldown'

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {Record<string, unknown>} [exports]
 * @property {Record<string, string>} [bin]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [peerDependencies]
 */

/** Replaces `dist` of the package in this folder. The declarations must be in its `build`. @param {string} folder */
export async function bundle(folder) {
  /** @type {Manifest} */
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const entries = entriesOf(manifest)
  const dist = join(folder, 'dist')
  rmSync(dist, { recursive: true, force: true })
  // A command is started by Node.js, which reads ES modules. A library is published in both formats.
  const formats = manifest.exports === undefined ? { '.': 'es' } : { esm: 'es', cjs: 'cjs' }
  const bundled = await write(folder, manifest, entries, formats)
  for (const name of manifest.exports === undefined ? [] : Object.keys(formats)) {
    const directory = join(dist, name)
    for (const file of reachable(join(folder, 'build'), entries)) {
      mkdirSync(dirname(join(directory, file)), { recursive: true })
      cpSync(join(folder, 'build', file), join(directory, file))
    }
    // The manifest of the package says `type: module`. Node.js and TypeScript use the nearest one.
    if (name === 'cjs') writeFileSync(join(directory, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`)
  }
  if (bundled.size > 0) writeFileSync(join(dist, 'THIRD-PARTY-LICENSES'), [...bundled].map(licenceOf).join('\n\n'))
}

/** Names of the entry files in `src`, without their extensions. @param {Manifest} manifest */
function entriesOf({ exports = {}, bin = {} }) {
  const libraries = Object.keys(exports).map((path) => (path === '.' ? 'index' : path.slice(2)))
  return [...libraries, ...Object.values(bin).map((path) => basename(path, '.js'))]
}

/**
 * Dependencies and peers stay outside; everything else that is imported is bundled. Code that the entry points of a package
 * share is in a file that they import, so that it exists once for each format.
 *
 * @param {string} folder
 * @param {Manifest} manifest
 * @param {readonly string[]} entries
 * @param {Readonly<Record<string, string>>} formats By folder of `dist`.
 * @returns {Promise<Set<string>>} The folders of the bundled packages.
 */
async function write(folder, manifest, entries, formats) {
  const outside = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  const bundled = /** @type {Set<string>} */ (new Set())
  const input = Object.fromEntries(entries.map((entry) => [entry, join(folder, 'src', `${entry}.ts`)]))
  const build = await rolldown({
    input,
    cwd: folder,
    platform: 'node',
    transform: { target: 'es2023' },
    external: (id) => isBuiltin(id) || outside.some((name) => id === name || id.startsWith(`${name}/`)),
  })
  for (const [directory, format] of Object.entries(formats)) {
    const { output } = await build.write({
      dir: join(folder, 'dist', directory),
      format: /** @type {'es' | 'cjs'} */ (format),
      exports: 'named',
      strict: true,
      minifyInternalExports: false,
      esModule: true,
      entryFileNames: '[name].js',
      chunkFileNames: '[name].js',
      codeSplitting: {
        groups: [{ debugName: 'shared', name: (id, graph) => (sharedIn(graph, input).has(id) ? 'shared' : null) }],
      },
      sourcemap: true,
      // Do not reveal where the package manager keeps its packages.
      sourcemapPathTransform: (path) => path.replace(/^.*\/node_modules\//, '../../node_modules/'),
      comments: { legal: true, annotation: true, jsdoc: false },
      banner: ({ moduleIds }) => noticeOf(moduleIds),
    })
    for (const chunk of output) {
      if (chunk.type !== 'chunk') continue
      for (const id of chunk.moduleIds) if (isForeign(id)) bundled.add(packageOf(id))
      if (chunk.moduleIds.some(isForeign))
        leaveOutForeignSources(join(folder, 'dist', directory, `${chunk.fileName}.map`))
    }
  }
  await build.close()
  return bundled
}

/** @type {WeakMap<object, Set<string>>} */
const shared = new WeakMap()

/**
 * The modules that an entry point loads at once and that another entry point, or a module loaded later, needs too: one
 * file, instead of one for each combination.
 *
 * @param {import('rolldown').ChunkingContext} graph
 * @param {Readonly<Record<string, string>>} input
 */
function sharedIn(graph, input) {
  const known = shared.get(input)
  if (known !== undefined) return known
  const later = /** @type {Set<string>} */ (new Set())
  const reach = (/** @type {string} */ root) => {
    const ids = new Set([root])
    for (const id of ids) {
      const info = graph.getModuleInfo(id)
      for (const imported of info?.importedIds ?? []) ids.add(imported)
      for (const imported of info?.dynamicallyImportedIds ?? []) later.add(imported)
    }
    return ids
  }
  const eager = Object.values(input).map(reach)
  const lazy = new Set()
  for (const root of later) for (const id of reach(root)) lazy.add(id)
  const found = eager.flatMap((ids, i) =>
    [...ids].filter((id) => lazy.has(id) || eager.some((others, j) => i !== j && others.has(id))),
  )
  shared.set(input, new Set(found))
  return new Set(found)
}

/** @param {string} id Path of a module. */
function isForeign(id) {
  return id.includes('/node_modules/')
}

/** The folder of the package that a module belongs to. @param {string} id */
function packageOf(id) {
  const [folder = ''] = /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(id) ?? []
  return folder
}

/** They are several times larger than the code that is used, and their packages contain them. @param {string} file */
function leaveOutForeignSources(file) {
  const map = JSON.parse(readFileSync(file, 'utf8'))
  for (const [i, source] of map.sources.entries()) if (isForeign(source)) map.sourcesContent[i] = null
  writeFileSync(file, JSON.stringify(map))
}

/** A comment of the form that minifiers keep. @param {readonly string[]} moduleIds */
function noticeOf(moduleIds) {
  const names = [...new Set(moduleIds.filter(isForeign).map(packageOf))].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return `${name} ${version} (${license})`
  })
  return names.length === 0 ? '' : `/*! @license Contains ${names.join(', ')}: see THIRD-PARTY-LICENSES */`
}

/** @param {string} folder */
function licenceOf(folder) {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = ['LICENSE.md', 'LICENSE', 'license'].map((each) => join(folder, each)).find((path) => existsSync(path))
  if (file === undefined) throw new Error(`${name} has no licence file to include`)
  return `${name} ${version}\n\n${readFileSync(file, 'utf8').trim()}\n`
}

/**
 * The declarations that those of the entry points import, without those of internal modules.
 *
 * @param {string} directory
 * @param {readonly string[]} entries
 */
function reachable(directory, entries) {
  const files = new Set(entries.map((entry) => `${entry}.d.ts`))
  for (const file of files) {
    const text = readFileSync(join(directory, file), 'utf8').replaceAll(/\/\*\*.*?\*\//gs, '')
    for (const [, specifier = ''] of text.matchAll(/\b(?:from |import |import\()'(\.[^']+)'/g)) {
      files.add(join(dirname(file), specifier.replace(/\.js$/, '.d.ts')))
    }
  }
  return files
}
