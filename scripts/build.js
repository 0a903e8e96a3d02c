// Bundles the packages that have changed since the last run. `npm run build` compiles their declarations first.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from './bundle.js'

const root = join(import.meta.dirname, '..')
const packages = join(root, 'packages')
/** Inputs of all bundles: the build scripts, and the versions of bundled packages. */
const common = ['scripts/bundle.js', 'pnpm-lock.yaml'].map((file) => readFileSync(join(root, file), 'utf8'))

const folders = readdirSync(packages)
  .map((name) => join(packages, name))
  .filter((folder) => !JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).private)
await Promise.all(folders.map(bundleIfChanged))

/** The state of a bundle's sources when it was last built, stored next to their declarations. */
async function bundleIfChanged(/** @type {string} */ folder) {
  const record = join(folder, 'build/bundled.sha256')
  const state = stateOf(folder)
  const isCurrent = existsSync(join(folder, 'dist')) && existsSync(record) && readFileSync(record, 'utf8') === state
  if (isCurrent) return
  await bundle(folder)
  writeFileSync(record, state)
}

function stateOf(/** @type {string} */ folder) {
  const hash = createHash('sha256')
  for (const text of common) hash.update(text).update('\0')
  const sources = readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' })
  for (const file of [
    'package.json',
    ...sources
      .filter((name) => name.endsWith('.ts'))
      .sort()
      .map((name) => `src/${name}`),
  ]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(folder, file)))
      .update('\0')
  }
  return hash.digest('hex')
}
