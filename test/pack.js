// Packs the packages as for publication.
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '..')
const packages = join(root, 'packages')

/** The folders of the published packages. */
const published = readdirSync(packages).filter(
  (folder) => !JSON.parse(readFileSync(join(packages, folder, 'package.json'), 'utf8')).private,
)

/**
 * Packs all published packages, or those of these folders, as `<directory>/core.tgz` and so on.
 *
 * @param {string} directory Created if it does not exist.
 * @param {readonly string[]} [folders] Of `packages/`.
 * @returns {Promise<string[]>} The folders that were packed.
 */
export async function pack(directory, folders = published) {
  mkdirSync(directory, { recursive: true })
  const filters = folders.map((folder) => `--filter=./packages/${folder}`)
  const args = ['--yes', 'pnpm@12', '--recursive', ...filters, 'pack', '--pack-destination', directory]
  await promisify(execFile)('npx', args, { cwd: root })
  for (const file of readdirSync(directory)) {
    const [, folder] = /^mca-auth-(.+)-\d+\.\d+\.\d+.*\.tgz$/.exec(file) ?? []
    if (folder !== undefined) renameSync(join(directory, file), join(directory, `${folder}.tgz`))
  }
  return [...folders]
}
