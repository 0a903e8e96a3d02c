import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { packageFolders, read, sourceFiles } from './repository.ts'

const root = join(import.meta.dirname, '..')

/** Every code block of a README or a page, and every example of a doc comment. */
function examples(): { readonly from: string; readonly code: string }[] {
  const readmes = packageFolders.map((folder) => `${folder}/README.md`).filter((path) => existsSync(join(root, path)))
  const pages = readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)
  return ['README.md', ...readmes, ...pages, ...sourceFiles].flatMap((from) => {
    const text = from.endsWith('.ts') ? read(from).replaceAll(/^ *\* ?/gm, '') : read(from)
    return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => ({ from, code }))
  })
}

it('every code block of the READMEs and of docs/, and every example of a doc comment compiles', async () => {
  const directory = join(import.meta.dirname, '.generated')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  const found = examples()
  expect(found.length).toBeGreaterThan(15)
  for (const [i, { from, code }] of found.entries()) {
    writeFileSync(
      join(directory, `${String(i).padStart(2, '0')}-${from.replaceAll(/\W/g, '-')}.ts`),
      `${code}export {}\n`,
    )
  }
  const config = { extends: '../tsconfig.json', include: [], files: readdirSync(directory) }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(dirname(createRequire(join(root, 'package.json')).resolve('typescript/package.json')), 'bin/tsc')
  const output = await run(process.execPath, [tsc, '-p', directory])
  rmSync(directory, { recursive: true })
  expect(output).toBe('')
})

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => execFile(command, args, (error, stdout) => resolve(error ? stdout : '')))
}

it('the README stays short, and names every option and every error code', () => {
  const readme = read('README.md')
  expect(readme.split('\n').length).toBeLessThanOrEqual(200)
  const declarations = sourceFiles.filter((file) => /^packages\/core\/src\/[\w-]+\/[\w-]+-options\.ts$/.test(file))
  const options = declarations.flatMap((file) => read(file).match(/^ {2}readonly (\w+)\?:/gm) ?? [])
  const codes = read('packages/core/src/error.ts').match(/'[A-Z_]+'/g) ?? []
  expect(options.length).toBeGreaterThan(18)
  for (const option of options) expect(readme).toContain(option.replace(/.* (\w+)\?:/, '`$1`').replace(/`oAuth.*/, ''))
  for (const code of codes) expect(readme).toContain(code.replaceAll("'", ''))
})

it('the reading order of the README is under 900 lines, with axios or got whole', () => {
  const start = ['README.md', 'packages/core/src/index.ts', 'packages/core/src/provider/token-provider.ts']
  for (const adapter of ['axios', 'got']) {
    const files = [...start, ...sourceFiles.filter((file) => file.startsWith(`packages/${adapter}/`))]
    const lines = files.map((file) => read(file).split('\n').length - 1)
    expect(lines.reduce((sum, count) => sum + count)).toBeLessThan(900)
  }
})
