import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type CodeBlock, programOf } from './code-blocks.ts'

const root = join(import.meta.dirname, '../..')

/** Within the tests, so that their packages are found. */
const directory = join(import.meta.dirname, '../.generated')
const output = join(directory, 'out')

/** Compiles blocks as if a reader had saved them, all blocks of a page in one folder. */
export async function compile(blocks: readonly CodeBlock[]): Promise<string> {
  rmSync(directory, { recursive: true, force: true })
  for (const block of blocks) {
    const path = join(directory, sourceOf(block))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${programOf(block)}export {}\n`)
  }
  const compilerOptions = {
    noEmit: false,
    rootDir: '.',
    outDir: 'out',
    sourceMap: false,
    // NestJS
    experimentalDecorators: true,
    erasableSyntaxOnly: false,
  }
  const config = { extends: '../tsconfig.json', compilerOptions, include: ['**/*'], exclude: ['out'] }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(dirname(createRequire(join(root, 'package.json')).resolve('typescript/package.json')), 'bin/tsc')
  const { code, out } = await runNode([tsc, '-p', directory])
  return code === 0 ? '' : out
}

export function clear(): void {
  rmSync(directory, { recursive: true, force: true })
}

/** The path of the compiled file of a page. */
export function compiledFile(page: string, file: string): string {
  return join(output, folderOf(page), file.replace(/\.ts$/, '.js'))
}

/** Runs files of a page like a reader, in their folder. */
export function runFiles(page: string, args: readonly string[]): Promise<{ code: number; out: string }> {
  return runNode(args, join(output, folderOf(page)))
}

function sourceOf({ from, index, language, file }: CodeBlock): string {
  return join(folderOf(from), file ?? `${String(index).padStart(2, '0')}.${language === 'js' ? 'mjs' : 'ts'}`)
}

function folderOf(page: string): string {
  return page.replace(/\.\w+$/, '').replaceAll(/\W/g, '-')
}

function runNode(args: readonly string[], cwd?: string): Promise<{ code: number; out: string }> {
  // A test runner that is started by another one reports to that one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, out: `${stdout}${stderr}` })
    })
  })
}
