// The pages agree with the sources, and their links work.
import { existsSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { flags } from '../../packages/cli/src/flags.ts'
import { resolveOptions } from '../../packages/core/src/options.ts'
import { packageFolders, read, sourceFiles } from '../repository.ts'
import { pages } from './code-blocks.ts'
import { errorsPage } from './error-messages.ts'
import { allOptions, optionsIn, optionsPage, settingsInterfaces } from './options-page.ts'

const root = join(import.meta.dirname, '../..')

const allPages = [...pages, ...testPages()]

describe('the README', () => {
  it('is at most 120 lines long', () => {
    expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(120)
  })

  it('names every package that is published', () => {
    const published = packageFolders.filter((folder) => JSON.parse(read(`${folder}/package.json`)).private !== true)
    for (const folder of published) expect(read('README.md')).toContain(`](${folder})`)
  })
})

describe('docs/options.md', () => {
  it('is written from the doc comments: if not, npm run vitest -- documentation --update', async () => {
    await expect(optionsPage()).toMatchFileSnapshot(join(root, 'docs/options.md'))
  })

  it('has every option, with its meaning', () => {
    const { options, declared } = allOptions()
    expect(options).toHaveLength(declared)
    expect(declared).toBeGreaterThan(25)
    for (const { name, meaning } of options) expect(meaning, name).toMatch(/\w{3}/)
  })

  it('has the settings of every function', () => {
    const { documented, exported } = settingsInterfaces()
    expect([...documented].sort()).toEqual([...exported].sort())
    expect(documented.length).toBeGreaterThan(3)
  })

  it('has the actual defaults', () => {
    const required = {
      tokenEndpoint: 'https://login.example.com/token',
      clientId: 'orders',
      secret: 'not-a-real-secret',
    }
    const { tokenEndpoint, sharedCache, provider, authorization } = resolveOptions(required)
    const real: Record<string, unknown> = {
      ...{ ...tokenEndpoint, ...sharedCache, ...provider, ...authorization },
      ...provider.refresh,
    }
    const documented = [...allOptions().options, ...optionsIn('provider/refresh-policy.ts', 'RefreshPolicy')]
    const values = documented.filter(
      ({ default: value }) => value !== undefined && /^('\w+'|[\d_]+|true|false)$/.test(value),
    )
    expect(values.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['cacheSize', 'timeoutMs', 'staleMs', 'expiredMs', 'incoming', 'sharedCacheTimeoutMs']),
    )
    for (const { name, default: value = '' } of values) {
      expect(String(real[name]), name).toBe(value.replaceAll(/['_]/g, ''))
    }
  })
})

describe('docs/errors.md', () => {
  it('has one section for each code', () => {
    const codes = [
      ...(/^export type McaAuthErrorCode =\n(.*?)\n\n/ms.exec(read('packages/core/src/error.ts'))?.[1] ?? '').matchAll(
        /'(\w+)'/g,
      ),
    ]
    const sections = [...read('docs/errors.md').matchAll(/^## ([A-Z_]+)$/gm)]
    expect(codes.length).toBeGreaterThan(10)
    expect(sections.map(([, code]) => code).sort()).toEqual(codes.map(([, code]) => code).sort())
  })

  it('shows messages that are real: if not, npm run vitest -- documentation --update', async () => {
    await expect(await errorsPage()).toMatchFileSnapshot(join(root, 'docs/errors.md'))
  })
})

describe('the links', () => {
  it('of every page lead to files and headings that exist', () => {
    const broken = allPages.flatMap((page) =>
      linksOf(page)
        .filter((link) => !leadsSomewhere(page, link))
        .map((link) => `${page}: ${link}`),
    )
    expect(broken).toEqual([])
  })

  it('of docs/README.md lead to every page of docs/', () => {
    const linked = new Set(linksOf('docs/README.md'))
    const names = readdirSync(join(root, 'docs')).filter((name) => name !== 'README.md')
    expect(names.length).toBeGreaterThan(15)
    expect(names.filter((name) => !linked.has(name))).toEqual([])
  })
})

describe('the commands in every page', () => {
  it('are scripts of package.json', () => {
    const { scripts } = JSON.parse(read('package.json'))
    const named = allPages.flatMap((page) => [...read(page).matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name))
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })

  it('give options that the command line has', () => {
    const given = pages.flatMap((page) =>
      [...read(page).matchAll(/mca-auth(?:\/cli)? (?:doctor|token|jwk|clear)\b(.*)/g)].flatMap(([, line = '']) =>
        [...line.matchAll(/ --([\w-]+)/g)].map(([, flag]) => flag),
      ),
    )
    expect(given.length).toBeGreaterThan(10)
    expect(given.filter((flag) => !flags.has(flag ?? ''))).toEqual([])
  })
})

it('the reading order of docs/architecture.md is under 1,100 lines, with axios or got whole', () => {
  const start = [
    'README.md',
    'docs/architecture.md',
    'packages/core/src/index.ts',
    'packages/core/src/provider/token-provider.ts',
  ]
  for (const adapter of ['axios', 'got']) {
    const files = [...start, ...sourceFiles.filter((file) => file.startsWith(`packages/${adapter}/`))]
    const lines = files.map((file) => read(file).split('\n').length - 1)
    expect(lines.reduce((sum, count) => sum + count)).toBeLessThan(1_100)
  }
})

function testPages(): string[] {
  const folders = readdirSync(join(root, 'test'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const paths = ['test/README.md', ...folders.map(({ name }) => `test/${name}/README.md`)]
  return paths.filter((path) => existsSync(join(root, path)))
}

/** Those within the repository. */
function linksOf(page: string): string[] {
  const text = read(page)
    .replaceAll(/^```.*?^```$/gms, '')
    .replaceAll(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => !/^\w+:/.test(link))
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : posix.join(posix.dirname(page), path)
  if (!existsSync(join(root, target))) return false
  if (anchor === undefined) return true
  const isPage = target.endsWith('.md')
  return anchorsOf(isPage ? target : `${target}/README.md`).has(anchor)
}

/** As the host makes them of headings. */
function anchorsOf(page: string): Set<string> {
  const headings = read(page)
    .replaceAll(/^```.*?^```$/gms, '')
    .matchAll(/^#+ (.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
