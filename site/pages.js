// Which Markdown files are pages of the site, and what their links lead to there.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileUrl, folderUrl, root } from './repository.js'

/** Names of the packages, without their scope. @type {readonly string[]} */
export const packageNames = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, `packages/${name}/README.md`)),
)

/** The page that each Markdown file becomes: its path in the site, without an extension. @type {ReadonlyMap<string, string>} */
export const pages = new Map([
  ['README.md', 'index'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => /** @type {const} */ ([`docs/${name}`, name === 'README.md' ? 'contents' : name.slice(0, -3)])),
  ...packageNames.map((name) => /** @type {const} */ ([`packages/${name}/README.md`, `packages/${name}`])),
  ['test/bench/README.md', 'measurements'],
  ['test/faults/README.md', 'faults'],
])

/** The file of each page, by its path in the site. */
export const sources = new Map([...pages].map(([file, page]) => [page, file]))

/**
 * The target of a link in a Markdown file: a page of the site if there is one, otherwise the file in the repository.
 *
 * @param {string} file The Markdown file, relative to the repository.
 * @param {string} link As written there.
 * @returns {string} For a page `/path.md` with its anchor, which VitePress resolves and checks.
 */
export function linkTarget(file, link) {
  if (/^(\w+:|#)/.test(link)) return link
  const [path = '', anchor] = link.split('#')
  const target = posix.join(posix.dirname(file), decodeURI(path)).replace(/\/$/, '')
  if (!existsSync(join(root, target))) throw new Error(`${file} links to ${link}, which does not exist`)
  const page = pages.get(target) ?? pages.get(`${target}/README.md`)
  const hash = anchor === undefined ? '' : `#${anchor}`
  if (page !== undefined) return `/${page}.md${hash}`
  return (statSync(join(root, target)).isDirectory() ? folderUrl(target) : fileUrl(target)) + hash
}
