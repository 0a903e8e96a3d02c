// Everything that a reader does: search, copy, change colours, and all of it without a mouse.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isReady, startSite, violationsOf } from './site.js'

/** @typedef {import('playwright-core').Page} Page */

/** @type {import('./site.js').Site} */
let site
before(async () => {
  site = await startSite()
})
after(() => site?.close())

/**
 * Opens a page in a window, runs a test on it, and closes the window.
 *
 * @param {string} path
 * @param {import('./site.js').Settings} settings
 * @param {(page: Page) => Promise<void>} test
 */
async function on(path, settings, test) {
  const page = await site.open(settings)
  try {
    await page.goto(new URL(path, site.address).href)
    await isReady(page)
    await test(page)
  } finally {
    await page.context().close()
  }
}

/**
 * The focused element: the number that `operable()` gave it, its name, and whether a reader sees that it has the focus.
 * Runs in the page.
 */
function focused() {
  const element = document.activeElement
  if (!(element instanceof HTMLElement) || element === document.body) return undefined
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  const { width, height } = element.getBoundingClientRect()
  element.dataset.stop ??= `${element.tagName} ${element.className} at ${element.offsetTop}`
  return {
    stop: element.dataset.stop,
    isVisible: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1 && width > 0 && height > 0,
  }
}

/** Numbers everything that can be operated. Runs in the page. */
function operable() {
  const elements = /** @type {HTMLElement[]} */ ([
    ...document.querySelectorAll('a[href], button, input, [tabindex="0"]'),
  ])
  return elements
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && element.tabIndex >= 0)
    .map((element, index) => {
      element.dataset.stop = `${index}: ${element.tagName} ${element.className} ${element.textContent?.trim().slice(0, 40)}`
      return element.dataset.stop
    })
}

/** Presses Tab until the focus has gone around. @param {Page} page */
async function tabThrough(page) {
  const stops = new Map()
  for (let presses = 0; presses < 1_000; presses += 1) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(focused)
    if (stop === undefined || stops.has(stop.stop)) return stops
    stops.set(stop.stop, stop.isVisible)
  }
  throw new Error('the focus never came back')
}

describe('the search', () => {
  for (const [word, page, heading] of /** @type {const} */ ([
    ['401', /\/(behaviour|one-request)\.html$/, /401|rejected token/i],
    ['origins', /\/(options|one-request)\.html$/, /origins?/i],
    ['DPoP', /\/(dpop|options)\.html$/, /bound|dpop/i],
    ['invalid_client', /\/(behaviour|errors)\.html$/, /denied|refused/i],
    ['TOKEN_REQUEST_THROTTLED', /\/errors\.html$/, /TOKEN_REQUEST_THROTTLED/],
    ['redisTokenCache', /redis/, /redis/i],
  ])) {
    it(`finds "${word}", and Enter leads there`, () =>
      on('index.html', {}, async (window) => {
        await window.keyboard.press('Control+k')
        await window.locator('.VPLocalSearchBox input').waitFor()
        await window.keyboard.type(word)
        await window.locator('.VPLocalSearchBox .result.selected').filter({ hasText: heading }).first().waitFor()
        const before = window.url()
        await window.keyboard.press('Enter')
        await window.waitForURL((url) => url.href !== before)
        const { pathname, hash } = new URL(window.url())
        assert.match(pathname, page)
        const target = window.locator(hash === '' ? 'h1' : `[id="${decodeURIComponent(hash.slice(1))}"]`)
        assert.match((await target.textContent()) ?? '', heading)
        await window.locator('.VPLocalSearchBox').waitFor({ state: 'detached' })
      }))
  }

  it('opens on a phone as well, and Escape closes it', () =>
    on('options.html', { width: 390 }, async (page) => {
      await page.locator('.DocSearch-Button').click()
      await page.locator('.VPLocalSearchBox input').fill('proxy')
      await page.locator('.VPLocalSearchBox .result').first().waitFor()
      assert.deepEqual(await violationsOf(page), [])
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 390)
      await page.keyboard.press('Escape')
      await page.locator('.VPLocalSearchBox').waitFor({ state: 'detached' })
    }))
})

describe('code', () => {
  for (const path of ['index.html', 'getting-started.html', 'migrating.html', 'api/redis.html']) {
    it(`of ${path} can be copied, as it is shown`, () =>
      on(path, {}, async (page) => {
        const blocks = page.locator('.vp-doc div[class*="language-"]')
        const count = await blocks.count()
        assert.ok(count > 1, `${count} blocks`)
        for (let index = 0; index < Math.min(count, 4); index += 1) {
          const block = blocks.nth(index)
          const code = await block.locator('pre code').textContent()
          await page.evaluate(() => navigator.clipboard.writeText('nothing yet'))
          await block.hover()
          await block.locator('button.copy').click()
          await page.waitForFunction(async () => (await navigator.clipboard.readText()) !== 'nothing yet')
          assert.equal((await page.evaluate(() => navigator.clipboard.readText())).trim(), code?.trim())
        }
      }))
  }
})

describe('the colours', () => {
  for (const scheme of /** @type {const} */ (['light', 'dark'])) {
    it(`are ${scheme} if the system is, change with the switch, and stay so on the next page`, () =>
      on('behaviour.html', { scheme }, async (page) => {
        const brightness = () =>
          page.evaluate(() => {
            const [red = 0, green = 0, blue = 0] = getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? []
            return Number(red) + Number(green) + Number(blue)
          })
        const isDark = scheme === 'dark'
        assert.equal((await brightness()) < 200, isDark)
        await page.locator('.VPSwitchAppearance').first().click()
        await page.waitForFunction((was) => document.documentElement.classList.contains('dark') !== was, isDark)
        assert.equal((await brightness()) < 200, !isDark)
        await page.goto(new URL('options.html', site.address).href)
        assert.equal((await brightness()) < 200, !isDark)
      }))
  }

  for (const [path, part] of /** @type {const} */ ([
    ['behaviour.html', '.diagram svg .actor text'],
    ['measurements.html', '.chart .figures'],
    ['packages/redis.html', '.chart svg text'],
  ])) {
    it(`of ${path} are those of the page also in pictures: ${part}`, () =>
      on(path, { scheme: 'dark' }, async (page) => {
        const colour = await page
          .locator(part)
          .first()
          .evaluate((element) => {
            const { fill, color } = getComputedStyle(element)
            return element instanceof SVGElement ? fill : color
          })
        const [red = 0] = colour.match(/\d+/g)?.map(Number) ?? []
        assert.ok(red > 150, `text in the dark is ${colour}`)
      }))
  }
})

it('the charts show the figures of the bench', () =>
  on('measurements.html', {}, async (page) => {
    const results = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/bench/results/results.json'), 'utf8'))
    for (const { name, ns } of results.header) {
      const rows = page.locator('.chart tr', { has: page.getByRole('rowheader', { name, exact: true }) })
      const figures = await rows.locator('.figures').allTextContents()
      assert.ok(figures.includes(`${Number(ns.toPrecision(3)).toLocaleString('en')} ns`), `${name}: ${figures}`)
    }
    const ratios = results.requests.filter((/** @type {any} */ { role }) => role !== 'floor').length
    assert.equal(await page.locator('.chart .figures', { hasText: /\(.* to .*\)/ }).count(), ratios)
  }))

it('a page is light on paper, without the navigation, and dark again on the screen', () =>
  on('behaviour.html', { scheme: 'dark' }, async (page) => {
    const isDark = () => page.evaluate(() => document.documentElement.classList.contains('dark'))
    await page.evaluate(() => {
      addEventListener('beforeprint', () => {
        document.documentElement.dataset.printed = document.documentElement.className
      })
    })
    await page.pdf()
    assert.equal(await page.evaluate(() => document.documentElement.dataset.printed?.includes('dark')), false)
    assert.equal(await isDark(), true)
    await page.emulateMedia({ media: 'print' })
    for (const part of ['.VPNav', '.VPSidebar', '.VPDocFooter'])
      assert.equal(await page.locator(part).isVisible(), false)
    assert.equal(await page.locator('.vp-doc h1').isVisible(), true)
  }))

describe('the keyboard', () => {
  it('skips the navigation', () =>
    on('options.html', {}, async (page) => {
      await page.keyboard.press('Tab')
      assert.equal(await page.evaluate(() => document.activeElement?.textContent?.trim()), 'Skip to content')
      await page.keyboard.press('Enter')
      await page.keyboard.press('Tab')
      const isInside = await page.evaluate(() => document.querySelector('#VPContent')?.contains(document.activeElement))
      assert.equal(isInside, true)
    }))

  for (const [path, width] of /** @type {const} */ ([
    ['index.html', 1280],
    ['errors.html', 1280],
    ['works-with.html', 390],
    ['measurements.html', 390],
    ['api/redis.html', 1280],
  ])) {
    it(`reaches everything of ${path} at ${width} pixels, and the focus is visible`, () =>
      on(path, { width }, async (page) => {
        const expected = await page.evaluate(operable)
        assert.ok(expected.length > 10, `${expected.length} elements`)
        const stops = await tabThrough(page)
        assert.deepEqual(
          expected.filter((stop) => !stops.has(stop)),
          [],
        )
        assert.deepEqual(
          [...stops].filter(([, isVisible]) => !isVisible).map(([stop]) => stop),
          [],
        )
      }))
  }

  it('scrolls a diagram that is wider than a phone', () =>
    on('behaviour.html', { width: 390 }, async (page) => {
      const diagram = page.locator('.diagram.scrollable').first()
      await diagram.focus()
      await page.keyboard.press('ArrowRight')
      await page.waitForFunction(() => (document.querySelector('.diagram.scrollable')?.scrollLeft ?? 0) > 0)
    }))

  it('opens the menu on a phone, follows a link in it, and closes it', () =>
    on('index.html', { width: 390 }, async (page) => {
      const menu = page.locator('.VPNavBarHamburger')
      await menu.focus()
      await page.keyboard.press('Enter')
      const link = page.locator('.VPNavScreen a', { hasText: 'Options' })
      await link.waitFor()
      assert.deepEqual(await violationsOf(page), [])
      await link.focus()
      await page.keyboard.press('Enter')
      await page.waitForURL(/options\.html$/)
      await page.locator('.VPNavScreen').waitFor({ state: 'detached' })
    }))

  it('opens the list of pages on a phone, and Escape or a link closes it', () =>
    on('behaviour.html', { width: 390 }, async (page) => {
      await page.locator('.VPLocalNav .menu').focus()
      await page.keyboard.press('Enter')
      await page.locator('.VPSidebar.open').waitFor()
      const link = page.locator('.VPSidebar a', { hasText: 'Errors' })
      await link.focus()
      await page.keyboard.press('Enter')
      await page.waitForURL(/errors\.html$/)
      await page.locator('.VPSidebar.open').waitFor({ state: 'detached' })
    }))
})

it('a page that does not exist says so, and leads back', () =>
  on('no-such-page.html', {}, async (page) => {
    await page.getByText('404').waitFor()
    await page.locator('.NotFound a').click()
    await page.waitForURL(site.address)
  }))

it('nothing of this causes an error in the console, or loads something from another host', () => {
  const expected = /no-such-page.*Failed to load resource/
  assert.deepEqual(
    site.faults.filter((fault) => !expected.test(fault)),
    [],
  )
})
