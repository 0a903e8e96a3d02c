// Checks a packed package beyond its exports and types: it imports only declared dependencies, resolves nothing at run
// time, contains only known bundled packages and their licences, and core is small.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { rolldown } from 'rolldown'

/** Packages that exist only as ES modules, and so must be bundled for CommonJS, and a small one. By the package that needs them. */
const bundled = /** @type {Record<string, string[]>} */ ({
  cli: ['get-east-asian-width'],
  core: ['oauth4webapi'],
  testing: ['jose'],
})

/**
 * The size limit of an entry with its imports, minified, without dependencies and the files that a token request loads. In
 * bytes. A third of it finds and checks credentials, which `mcaAuth()` does when it is called.
 */
const sizes = /** @type {Record<string, number>} */ ({ core: 70_500 })

/** Throws at the first fault. @param {string} name @param {string} folder The unpacked package. */
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
      throw new Error(`${file} of ${name} imports ${specifier}, which is not a dependency`)
    }
  }
  const found = /createRequire|require\.resolve|import\.meta/.exec(text)
  if (exports !== undefined && found !== null)
    throw new Error(`${file} of ${name} has ${found[0]}, which resolves at run time`)
}

/** @param {string} folder @param {readonly string[]} expected */
function checkLicences(folder, expected) {
  const file = join(folder, 'dist/THIRD-PARTY-LICENSES')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const names = [...text.matchAll(/^(\S+) \d+\.\d+\.\d+$/gm)].map(([, name]) => name)
  if (names.join() !== expected.join()) throw new Error(`${folder} bundles ${names}, not ${expected}`)
  if (expected.length > 0 && !/Permission is hereby granted.*THE SOFTWARE IS PROVIDED "AS IS"/s.test(text)) {
    throw new Error(`${file} does not contain the licence`)
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
