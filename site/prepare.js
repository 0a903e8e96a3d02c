// Puts the pages together: a copy of each Markdown file with the address of its source, and the reference.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { descriptionOf } from './contents.js'
import { frontMatter } from './front-matter.js'
import { landing } from './landing.js'
import { pages } from './pages.js'
import { writeReference } from './reference.js'
import { fileUrl, read } from './repository.js'

/** Where VitePress reads the pages. */
export const folder = join(import.meta.dirname, '.generated')

export async function prepare() {
  rmSync(folder, { recursive: true, force: true })
  for (const [file, page] of pages) {
    const target = join(folder, `${page}.md`)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, page === 'index' ? landing() : frontMatter(fileUrl(file), descriptionOf(page)) + read(file))
  }
  cpSync(join(import.meta.dirname, 'public'), join(folder, 'public'), { recursive: true })
  await writeReference(join(folder, 'api'))
}
