// The built site in a browser. Every page that a test opens is watched: for errors, and for requests to other hosts.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { serve } from '../serve.js'

/** Debian's, Google's, and one that the environment names. */
const executables = [
  process.env.CHROMIUM_PATH ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]

/**
 * @typedef {object} Site
 * @property {string} address Of the first page, ending with `/`.
 * @property {(settings: Settings) => Promise<import('playwright-core').Page>} open A page in a new window, not yet loaded.
 * @property {readonly string[]} faults What went wrong in any page so far.
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Settings
 * @property {'light' | 'dark'} [scheme]
 * @property {number} [width]
 */

/** @returns {Promise<Site>} */
export async function startSite() {
  const executablePath = executables.find((path) => path !== '' && existsSync(path))
  if (executablePath === undefined) throw new Error('these tests need Chromium: install it, or set CHROMIUM_PATH')
  const { address, close } = await serve()
  const { origin } = new URL(address)
  // In a container there is no sandbox for the browser's processes, and it shows only our own pages.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
  const faults = /** @type {string[]} */ ([])
  return {
    address,
    faults,
    async open({ scheme = 'light', width = 1280 }) {
      const context = await browser.newContext({
        viewport: { width, height: width < 640 ? 844 : 900 },
        hasTouch: width < 640,
        colorScheme: scheme,
        reducedMotion: 'reduce',
        permissions: ['clipboard-read', 'clipboard-write'],
      })
      context.setDefaultTimeout(120_000) // for a slow machine
      const page = await context.newPage()
      page.on('console', (message) => {
        if (/error|warning/.test(message.type())) faults.push(`${page.url()}: ${message.type()}: ${message.text()}`)
      })
      page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`))
      page.on('request', (request) => {
        const url = new URL(request.url())
        if (url.origin !== origin && !/^(data|blob):$/.test(url.protocol)) faults.push(`${page.url()} requests ${url}`)
      })
      page.on('response', (response) => {
        if (response.status() >= 400 && !response.url().includes('/no-such-page'))
          faults.push(`${response.status()} ${response.url()}`)
      })
      return page
    },
    async close() {
      await browser.close()
      await close()
    },
  }
}

/**
 * Waits until Vue has taken over the page, and the page has drawn a frame, in which it learns of its width and decides
 * which parts the keyboard must be able to scroll.
 *
 * @param {import('playwright-core').Page} page
 */
export async function isReady(page) {
  await page.waitForFunction(() => Reflect.has(document.querySelector('#app') ?? {}, '__vue_app__'))
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * The violations that axe finds in a page as it is now, by all of its rules.
 *
 * @param {import('playwright-core').Page} page
 * @returns {Promise<string[]>} Each with the rule, and the first elements.
 */
export async function violationsOf(page) {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    /** @type {{ violations: { id: string, nodes: { html: string }[] }[] }} */
    const { violations } = await Reflect.get(window, 'axe').run(document, { resultTypes: ['violations'] })
    return violations.map(({ id, nodes }) => {
      const elements = nodes.slice(0, 3).map(({ html }) => html.slice(0, 200))
      return `${id}: ${elements.join(' | ')}`
    })
  })
}
