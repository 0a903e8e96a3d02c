// Every page, in both colour schemes: links, widths, names and contrasts.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { entryPoints } from '../contents.js'
import { sources } from '../pages.js'
import { fileUrl, folderUrl } from '../repository.js'
import { isReady, startSite, violationsOf } from './site.js'

const dist = join(import.meta.dirname, '../dist')

const paths = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.html') && path !== '404.html')
  .map((path) => path.replaceAll('\\', '/'))
  .sort()

/**
 * The parts of a loaded page that other pages refer to.
 *
 * @typedef {object} Content
 * @property {readonly string[]} links Absolute, with their anchors.
 * @property {readonly string[]} ids
 * @property {string} title
 * @property {string} source Where the link at its end leads to.
 */

/** @type {import('./site.js').Site} */
let site
/** @type {Map<string, Content>} */
const contents = new Map()
/** Pages by violation, since a fault of the frame is one of every page. @type {Map<string, string[]>} */
const violations = new Map()
/** @type {string[]} */
const wide = []
/** @type {string[]} */
const unreachable = []
/** @type {string[]} */
const unreadable = []

/** Pages of each kind, for axe on a phone, where little differs: the widths are those of every page. */
const sample = [
  ...[
    'index',
    'getting-started',
    'options',
    'behaviour',
    'errors',
    'architecture',
    'works-with',
    'consumers',
    'versions',
  ],
  ...['measurements', 'packages/redis', 'api/redis'],
].map((name) => `${name}.html`)

/** Loads each page in each scheme, in two windows at once. */
before(async () => {
  site = await startSite()
  await Promise.all([visit('light'), visit('dark')])
})
after(() => site?.close())

/** @param {'light' | 'dark'} scheme */
async function visit(scheme) {
  const page = await site.open({ scheme })
  for (const path of paths) {
    const url = new URL(path, site.address).href
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.goto(url)
    await isReady(page)
    if (scheme === 'light') contents.set(path, await page.evaluate(readPage))
    await check(page, `${path}, ${scheme}, 1280`)
    await page.setViewportSize({ width: 390, height: 844 })
    await isReady(page)
    if (scheme === 'light') await measure(page, path)
    if (sample.includes(path)) await check(page, `${path}, ${scheme}, 390`)
  }
  await page.context().close()
}

/** Notes the parts of a page that are wider than a phone. @param {import('playwright-core').Page} page @param {string} path */
async function measure(page, path) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth)
  if (width > 390) wide.push(`${path}: ${width}`)
  unreadable.push(...(await page.evaluate(unreadableTables)).map((table) => `${path}: ${table}`))
  unreachable.push(...(await page.evaluate(scrollersWithoutKeyboard)).map((element) => `${path}: ${element}`))
}

/** @param {import('playwright-core').Page} page @param {string} where */
async function check(page, where) {
  for (const violation of await violationsOf(page))
    violations.set(violation, [...(violations.get(violation) ?? []), where])
}

/** Runs in the page. @returns {Content} */
function readPage() {
  const anchors = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll('a[href]')])
  const source = /** @type {HTMLAnchorElement | null} */ (document.querySelector('.edit-link-button'))
  return {
    links: [...new Set(anchors.map(({ href }) => href))],
    ids: [...document.querySelectorAll('[id]')].map(({ id }) => id),
    title: document.title,
    source: source?.href ?? '',
  }
}

/** Runs in the page: tables with sentences in several columns that a phone shows only in part. */
function unreadableTables() {
  const tables = [...document.querySelectorAll('.vp-doc .table')].filter((table) => {
    const columns = [...table.querySelectorAll('th')]
    const hasSentences = columns.slice(1).some(({ className }) => /medium|long/.test(className))
    return columns.length > 2 && hasSentences && table.scrollWidth > table.clientWidth
  })
  return tables.map((table) => table.getAttribute('aria-label'))
}

/** Runs in the page: what scrolls to the side, but cannot be focused. */
function scrollersWithoutKeyboard() {
  return [...document.querySelectorAll('.vp-doc *')]
    .filter(
      (element) =>
        element.scrollWidth > element.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(element).overflowX),
    )
    .filter((element) => element.getAttribute('tabindex') !== '0')
    .map((element) => `${element.tagName} ${element.className}`)
}

describe('the pages', () => {
  it('link to pages, files and headings that exist', async () => {
    const { origin } = new URL(site.address)
    const broken = /** @type {string[]} */ ([])
    let checked = 0
    for (const [path, { links }] of contents) {
      for (const link of links) {
        const { href, hash, origin: host } = new URL(link)
        if (host !== origin) continue
        checked += 1
        const target = decodeURI(href.slice(site.address.length).replace(/#.*$/, '')).replace(/^$|\/$/, '$&index.html')
        const content = contents.get(target)
        if (content === undefined) broken.push(`${path}: ${link} is not a page`)
        else if (hash !== '' && !content.ids.includes(decodeURIComponent(hash.slice(1))))
          broken.push(`${path}: ${link} is not a heading`)
      }
    }
    assert.deepEqual(broken, [])
    assert.ok(checked > 2_000, `${checked} links`)
  })

  it('are all there, of docs/, each package and the reference, and name their source in the repository', () => {
    const found = Object.fromEntries([...contents].map(([path, { source }]) => [path, source]))
    const expected = Object.fromEntries([
      ...[...sources].map(([page, file]) => [`${page}.html`, fileUrl(file)]),
      ...entryPoints.map((name) => [
        `api/${name}.html`,
        fileUrl(name === 'core/adapter' ? 'packages/core/src/adapter.ts' : `packages/${name}/src/index.ts`),
      ]),
      ['api/index.html', folderUrl('packages')],
      // The first page has buttons instead.
      ['index.html', ''],
    ])
    assert.deepEqual(found, expected)
    assert.deepEqual(
      sample.filter((path) => !paths.includes(path)),
      [],
    )
  })

  it('have different titles', () => {
    const titles = [...contents.values()].map(({ title }) => title)
    assert.deepEqual(
      titles.filter((title, index) => titles.indexOf(title) !== index),
      [],
    )
  })

  it('have no violation of axe: names, contrasts, landmarks, in both schemes', () => {
    assert.deepEqual(Object.fromEntries(violations), {})
  })

  it('do not scroll to the side on a phone', () => {
    assert.deepEqual(wide, [])
  })

  it('show each row of a table with sentences as a whole on a phone', () => {
    assert.deepEqual(unreadable, [])
  })

  it('let the keyboard scroll each table, diagram and block of code that is wider than a phone', () => {
    assert.deepEqual(unreachable, [])
  })

  it('cause no error or warning in the console, and load nothing from another host', () => {
    assert.deepEqual(site.faults, [])
  })
})
