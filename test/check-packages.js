// Packs each package as for publication and checks the tarball: its files, its exports and its types.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkBundles } from './bundle-checks.js'
import { pack } from './pack.js'

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'mca-auth-pack-'))
const allowed =
  /^(package\.json|README\.md|LICENSE|dist\/(THIRD-PARTY-LICENSES|[\w-]+\.js(\.map)?|(esm|cjs)\/([\w-]+\/)*[\w-]+\.[\w.]+))$/

/** @param {string} command @param {string[]} args */
async function run(command, ...args) {
  try {
    return (await promisify(execFile)(command, args, { cwd: root })).stdout
  } catch (error) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (error)
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`)
  }
}

/** @param {string} name */
const tool = (name) => join(root, 'node_modules/.bin', name)

/** @param {string} folder */
async function check(folder) {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
  const tarball = join(directory, `${folder}.tgz`)
  const files = (await run('tar', '-tzf', tarball)).trim().split('\n')
  const stray = files.filter((file) => !allowed.test(file.replace(/^package\//, '')))
  if (stray.length > 0 || !files.includes('package/LICENSE')) throw new Error(`${name} would ship ${files.join(', ')}`)
  const unpacked = join(directory, folder)
  mkdirSync(unpacked)
  await run('tar', '-xzf', tarball, '-C', unpacked, '--strip-components=1')
  await checkBundles(folder, unpacked)
  await run(tool('publint'), '--strict', tarball)
  // A command has no types to check.
  if (exports !== undefined) await run(tool('attw'), tarball)
  console.log(`${name}: ${files.length} files, exports and types are sound`)
}

try {
  const folders = await pack(directory)
  // Two at a time.
  const next = async () => {
    for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) await check(folder)
  }
  await Promise.all([next(), next()])
} finally {
  rmSync(directory, { recursive: true })
}
