// Packs each package as it would be published and checks the tarball: what is in it, its exports and its types.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'mca-auth-pack-'))
const allowed = /^(package\.json|README\.md|LICENSE|(dist|src)\/[\w-]+\.[\w.]+)$/

/** @param {string} command @param {string[]} args @param {string} cwd */
function run(command, args, cwd) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (error)
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`)
  }
}

/** @param {string} name */
const tool = (name) => join(root, 'node_modules/.bin', name)

try {
  for (const folder of readdirSync(join(root, 'packages'))) {
    const cwd = join(root, 'packages', folder)
    const { name, exports, private: isPrivate } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'))
    if (isPrivate) continue
    run('npx', ['--yes', 'pnpm@12', 'pack', '--pack-destination', directory], cwd)
    const tarball = join(directory, readdirSync(directory).find((file) => file.includes(`auth-${folder}-`)) ?? '')
    const files = run('tar', ['-tzf', tarball], cwd).trim().split('\n')
    const stray = files.filter((file) => !allowed.test(file.replace(/^package\//, '')))
    if (stray.length > 0 || !files.includes('package/LICENSE'))
      throw new Error(`${name} would ship ${files.join(', ')}`)
    run(tool('publint'), ['--strict', tarball], cwd)
    // A command has no types to check.
    if (exports !== undefined) run(tool('attw'), [tarball, '--profile', 'esm-only'], cwd)
    console.log(`${name}: ${files.length} files, exports and types are sound`)
  }
} finally {
  rmSync(directory, { recursive: true })
}
