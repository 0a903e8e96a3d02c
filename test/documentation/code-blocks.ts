import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolders, read, sourceFiles } from '../repository.ts'

const root = join(import.meta.dirname, '../..')

/** A fenced block of code. */
export interface CodeBlock {
  /** The page or source file, relative to the repository. */
  readonly from: string
  /** The index of the block within its page, from 0. */
  readonly index: number
  readonly language: string
  readonly code: string
  /** The name under which a reader saves it, e.g. `orders.mjs`: in a comment in its first line. */
  readonly file: string | undefined
}

const readmes = packageFolders.map((folder) => `${folder}/README.md`).filter((path) => existsSync(join(root, path)))

/** The pages for readers: Markdown, relative to the repository. */
export const pages: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ...readmes,
]

export function codeBlocksOf(from: string): CodeBlock[] {
  const text = from.endsWith('.ts') ? read(from).replaceAll(/^ *\* ?/gm, '') : read(from)
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = ''], index) => {
    const file = /^\/\/ ([\w./-]+\.\w+)\n/.exec(code)?.[1]
    return { from, index, language, code, file }
  })
}

/** Every block that must compile: of pages, and of the examples in doc comments. */
export function compiledBlocks(): CodeBlock[] {
  return [...pages, ...sourceFiles]
    .flatMap(codeBlocksOf)
    .filter(({ language }) => ['ts', 'js', 'diff'].includes(language))
}

/** The parts that the one-liners of the README leave out: the import of the client, and the options above them. */
const leftOut: Readonly<Record<string, string>> = {
  axios: "import axios from 'axios'",
  got: "import got from 'got'",
  Agent: "import { Agent } from 'undici'",
  opts: "declare const opts: import('@mca-auth/core').McaAuthOptions",
}

/** The program in a block; for a migration, the new one. */
export function programOf({ from, language, code }: CodeBlock): string {
  if (language === 'diff') return code.replaceAll(/^-.*\n/gm, '').replaceAll(/^[+ ]/gm, '')
  if (from !== 'README.md') return code
  const missing = Object.keys(leftOut).filter(
    (name) =>
      new RegExp(`\\b${name}\\b`).test(code) && !new RegExp(`(const|import|import \\{.*) ${name}\\b`).test(code),
  )
  return `${missing.map((name) => `${leftOut[name]}\n`).join('')}${code}`
}
