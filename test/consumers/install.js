// Installs the dependencies of the projects of one kind into a separate folder: the packages that they name, and ours as
// they would be published.
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from './commands.js'

const projects = join(import.meta.dirname, 'projects')

/**
 * @param {string} name A folder of `projects`.
 * @param {'npm' | 'pnpm'} manager pnpm installs without hoisting: a package finds only what it depends on.
 * @param {string} directory Has the `tarballs`.
 * @param {string} [sources] Another folder of `projects`, whose files it shares.
 * @returns {Promise<string>} The folder.
 */
export async function install(name, manager, directory, sources = name) {
  const folder = join(directory, `${name}-${manager}`)
  for (const each of [sources, name]) cpSync(join(projects, each), folder, { recursive: true })
  for (const file of ['exercise.cjs', 'exercise.d.cts']) cpSync(join(projects, file), join(folder, file))
  if (manager === 'pnpm') await installByPnpm(folder)
  else await execute('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder })
  return folder
}

/**
 * Rewrites the package-lock.json of the projects, without our packages, which npm takes from the tarballs, and without the
 * name of the registry.
 *
 * @param {string} directory Has the `tarballs`.
 */
export async function lock(directory) {
  for (const name of readdirSync(projects).filter((each) => existsSync(join(projects, each, 'package.json')))) {
    const folder = join(directory, name)
    cpSync(join(projects, name, 'package.json'), join(folder, 'package.json'))
    const args = ['install', '--package-lock-only', '--omit-lockfile-registry-resolved', '--no-audit', '--no-fund']
    await execute('npm', args, { cwd: folder })
    const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
    const entries = Object.entries(lock.packages).filter(([path]) => !path.includes('node_modules/@mca-auth/'))
    const own = lock.packages[''].dependencies
    for (const each of Object.keys(own)) if (each.startsWith('@mca-auth/')) delete own[each]
    const text = JSON.stringify({ ...lock, packages: Object.fromEntries(entries) }, undefined, 2)
    writeFileSync(join(projects, name, 'package-lock.json'), `${text}\n`)
  }
}

/** @param {string} folder */
async function installByPnpm(folder) {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  // No registry has our packages, so their dependencies on each other must be given here.
  const ours = Object.entries(dependencies).filter(([name]) => name.startsWith('@mca-auth/'))
  const settings = { nodeLinker: 'isolated', dangerouslyAllowAllBuilds: true, overrides: Object.fromEntries(ours) }
  // JSON is YAML.
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), JSON.stringify(settings))
  await execute('npx', ['--yes', 'pnpm@12', 'install', '--no-frozen-lockfile', '--loglevel=error'], { cwd: folder })
}

/** The version of an installed package. @param {string} folder @param {string} name Of its folder in `node_modules`. */
export function versionOf(folder, name) {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version
}
