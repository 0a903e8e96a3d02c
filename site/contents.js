// The navigation, read from the tables of docs/README.md, so that there is one list of pages.
import { linkTarget, packageNames } from './pages.js'
import { read } from './repository.js'

/** @typedef {{ text: string, link: string }} Item */

/** @param {string} text */
const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1)

/** The groups of docs/README.md, with their pages. Links that leave the site are left out. */
function groupsOfPages() {
  const tables = read('docs/README.md').matchAll(/^\| (\S.*?) *\|.*\n\|[ -|]+\n((?:\|.*\n)+)/gm)
  return [...tables].map(([, title = '', rows = '']) => {
    const items = [...rows.matchAll(/^\| \[(.*?)\]\((.*?)\)/gm)].map(([, text = '', link = '']) => ({
      text,
      link: linkTarget('docs/README.md', link).replace(/\.md$/, ''),
    }))
    return { text: capitalised(title), items: items.filter(({ link }) => link.startsWith('/')) }
  })
}

/** The description of a page: its row in docs/README.md, or that of its package. @param {string} page Its path in the site. */
export function descriptionOf(page) {
  const [, name] = /^packages\/(.*)/.exec(page) ?? []
  if (name !== undefined) return packageDescription(name)
  for (const [, text, link = '', about = ''] of read('docs/README.md').matchAll(
    /^\| \[(.*?)\]\((.*?)\) *\| (.*?) *\|$/gm,
  )) {
    if (linkTarget('docs/README.md', link) === `/${page}.md`) return `${text}: ${about.replaceAll('`', '')}`
  }
  return undefined
}

/** @param {string} name @returns {string} */
export function packageDescription(name) {
  return JSON.parse(read(`packages/${name}/package.json`)).description
}

/** The packages in the order of the README: clients first. */
const ordered = [...read('README.md').matchAll(/^\| \[`@mca-auth\/([\w-]+)`\]/gm)].map(([, name = '']) => name)
const missing = packageNames.filter((name) => !ordered.includes(name))
if (missing.length > 0) throw new Error(`the table of packages in README.md has no ${missing}`)

/** The entry points that the reference documents, in the order of the README. The command line has none. */
export const entryPoints = ordered.flatMap((name) => {
  if (name === 'cli') return []
  return name === 'core' ? ['core', 'core/adapter'] : [name]
})

/** The guide has its pages; packages and their reference have a separate list. */
export function sidebar() {
  const packages = {
    text: 'Packages',
    items: ordered.map((name) => ({ text: `@mca-auth/${name}`, link: `/packages/${name}` })),
  }
  const reference = {
    text: 'Reference',
    items: [
      { text: 'All entry points', link: '/api/' },
      ...entryPoints.map((name) => ({ text: `@mca-auth/${name}`, link: `/api/${name}` })),
    ],
  }
  return { '/': groupsOfPages(), '/packages/': [packages, reference], '/api/': [reference, packages] }
}
