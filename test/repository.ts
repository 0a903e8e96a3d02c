import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

export const packageFolders: readonly string[] = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`)

export const sourceFiles: readonly string[] = packageFolders.flatMap((folder) =>
  readdirSync(join(root, folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/src/${file}`),
)

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}
