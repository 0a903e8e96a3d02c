// What a packed package must hold to, beyond what its exports and types promise: it needs nothing that it does not
// declare, it resolves nothing at run time, what was bundled is known and has its licence, and core is small.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { rolldown } from 'rolldown'

/** What is an ES module only, and so must be bundled for CommonJS. By package. */
const bundled = /** @type {Record<string, string[]>} */ ({ core: ['oauth4webapi'], testing: ['jose'] })

/**
 * Of the entry with what it imports, minified, without dependencies and what a token request loads. In bytes. A third of it
 * is what finds and checks credentials, which must be there when `mcaAuth()` is called.
 */
const sizes = /** @type {Record<string, number>} */ ({ core: 60_000 })

/** Throws for the first thing that is wrong. @param {string} name @param {string} folder The unpacked package. */
export async function checkBundles(name, folder) {
  const files = readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((each) => /\.(js|ts)$/.test(each))) checkFile(folder, file)
  checkLicences(folder, bundled[name] ?? [])
  const limit = sizes[name]
  if (limit !== undefined) await checkSize(name, join(folder, 'dist/esm/index.js'), limit)
}

/** @param {string} folder @param {string} file */
function checkFile(folder, file) {
  const { name, exports, dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  )
  const text = readFileSync(join(folder, 'dist', file), 'utf8').replaceAll(/\/\*\*.*?\*\//gs, '')
  const imports = text.matchAll(/(?:\bfrom |\bimport |\b(?:import|require)\()["']([^."'][^"']*)["']/g)
  const declared = Object.keys({ ...dependencies, ...peerDependencies })
  for (const [, specifier = ''] of imports) {
    const [imported = ''] = /^(@[^/]+\/)?[^/]+/.exec(specifier) ?? []
    if (!isBuiltin(specifier) && !declared.includes(imported)) {
      throw new Error(`${file} of ${name} imports ${specifier}, which is no dependency`)
    }
  }
  const found = /createRequire|require\.resolve|import\.meta/.exec(text)
  if (exports !== undefined && found !== null)
    throw new Error(`${file} of ${name} has ${found[0]}: it resolves at run time`)
}

/** @param {string} folder @param {readonly string[]} expected */
function checkLicences(folder, expected) {
  const file = join(folder, 'dist/THIRD-PARTY-LICENSES')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const names = [...text.matchAll(/^(\S+) \d+\.\d+\.\d+$/gm)].map(([, name]) => name)
  if (names.join() !== expected.join()) throw new Error(`${folder} bundles ${names}, not ${expected}`)
  if (expected.length > 0 && !/Permission is hereby granted.*THE SOFTWARE IS PROVIDED "AS IS"/s.test(text)) {
    throw new Error(`${file} does not hold the licence`)
  }
}

/** @param {string} name @param {string} entry @param {number} limit */
async function checkSize(name, entry, limit) {
  const external = (/** @type {string} */ id) => !id.startsWith('.') && !isAbsolute(id)
  const build = await rolldown({ input: entry, platform: 'node', external, tsconfig: false })
  const { output } = await build.generate({ format: 'es', minify: true })
  await build.close()
  const chunks = output.filter((each) => each.type === 'chunk')
  const eager = new Set(chunks.filter(({ isEntry }) => isEntry))
  for (const { imports } of eager) for (const each of chunks) if (imports.includes(each.fileName)) eager.add(each)
  const bytes = [...eager].reduce((sum, { code }) => sum + Buffer.byteLength(code), 0)
  const lazy = chunks.length - eager.size
  if (bytes > limit || lazy === 0) throw new Error(`${entry} is ${bytes} bytes minified; ${limit} is the limit`)
  console.log(`@mca-auth/${name}: ${bytes} bytes minified, of at most ${limit}; ${lazy} files are loaded later`)
}
