// The repository that the site is made from.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** @param {string} path Relative to the repository. */
export function read(path) {
  return readFileSync(join(root, path), 'utf8')
}

const { repository } = JSON.parse(read('packages/core/package.json'))

/** The address of the repository, e.g. `https://github.com/owner/name`. */
export const home = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')

const branch = 'main'

/** The address of a source file. @param {string} path */
export function fileUrl(path) {
  return `${home}/blob/${branch}/${path}`
}

/** The address of a folder. @param {string} path */
export function folderUrl(path) {
  return `${home}/tree/${branch}/${path}`
}

/** The path under which the host of the repository publishes a site: the name of the repository. */
export const base = `/${home.split('/').at(-1)}/`
