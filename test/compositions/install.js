// Installs the packages under test, and ours next to them as they would be published: packed, unpacked, without a link to
// the workspace, so that each adapter finds this folder's copy of its client.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pack } from '../pack.js'

const here = import.meta.dirname
const root = join(here, '../..')
const ours = ['core', 'axios', 'fetch', 'got', 'testing', 'undici']

const pnpm = (/** @type {string[]} */ ...args) =>
  execFileSync('npx', ['--yes', 'pnpm@12', ...args, '--loglevel=error'], { cwd: root, stdio: ['ignore', 'ignore', 2] })

/** Third-party dependencies of our packages must be in package.json, because unpacking does not install them. */
function checkDependencies(/** @type {string} */ folder) {
  const { name, dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { dependencies: listed } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
  const missing = Object.keys(dependencies ?? {}).filter((one) => !one.startsWith('@mca-auth/') && !(one in listed))
  if (missing.length > 0) throw new Error(`${name} needs ${missing}: add it to test/compositions/package.json`)
}

pnpm('install', '--dir', here, '--ignore-workspace', '--frozen-lockfile')
const tarballs = join(here, 'node_modules/.cache/tarballs')
rmSync(tarballs, { recursive: true, force: true })
await pack(tarballs, ours)
rmSync(join(here, 'node_modules/@mca-auth'), { recursive: true, force: true })
for (const name of ours) {
  const folder = join(here, 'node_modules/@mca-auth', name)
  mkdirSync(folder, { recursive: true })
  execFileSync('tar', ['-xzf', join(tarballs, `${name}.tgz`), '-C', folder, '--strip-components=1'])
  checkDependencies(folder)
}
