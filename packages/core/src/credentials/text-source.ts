import type { FileHandle } from 'node:fs/promises'
import { McaAuthError } from '../error.js'
import { nonEmptyString, rejectUnknownKeys } from '../validate.js'
import { callFunction } from './user-function.js'

/** More than any header or form that a server accepts. */
const maxFileBytes = 64 * 1024

/**
 * The source of a token or an assertion: its text; a file, which is read for each token request; or a function, which is
 * called for each.
 */
export type TextSource = string | { readonly file: string } | (() => string | Promise<string>)

/** @throws TypeError for anything else. */
export function checkTextSource(name: string, value: unknown): asserts value is TextSource {
  if (typeof value === 'function') return
  if (typeof value === 'object' && value !== null && 'file' in value) {
    rejectUnknownKeys(`field of \`${name}\``, value, ['file'])
    return nonEmptyString(`${name}.file`, value.file)
  }
  if (typeof value !== 'string' || value.trim() === '') {
    throw new TypeError(`\`${name}\` must be a non-empty string, a function, or \`{ file: '/path' }\``)
  }
}

/** A checked copy, unaffected by later changes of the caller. */
export function copyOf(source: TextSource): TextSource {
  return typeof source === 'object' ? { file: source.file } : source
}

export function canChange(source: TextSource): boolean {
  return typeof source !== 'string'
}

/** A token from a source, and its name in messages. */
export interface SourceText {
  readonly text: string
  readonly from: string
  /** Whether the source may renew it. */
  readonly canChange: boolean
}

/** Reads a token without the white space around it, such as the line break at the end of a file. */
export async function readSource(name: string, source: TextSource): Promise<SourceText> {
  if (typeof source === 'string') return { text: source.trim(), from: `\`${name}\``, canChange: false }
  if (typeof source === 'function') {
    const from = `what the \`${name}\` function returned`
    return { text: tokenIn(await callFunction(name, source), from), from, canChange: true }
  }
  return readTokenFile(source.file)
}

/** @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` with the path, never with the content. */
export async function readTokenFile(path: string): Promise<SourceText> {
  // Read by its path each time: a platform replaces it, sometimes by swapping a symbolic link.
  const { open } = await import('node:fs/promises')
  const { O_NONBLOCK, O_RDONLY } = (await import('node:fs')).constants
  let text: string
  try {
    // Non-blocking: opening a named pipe without a writer would block one of the process's few threads.
    // Windows has no such pipes, and no such flag.
    const file = await open(path, O_RDONLY | (O_NONBLOCK ?? 0))
    try {
      text = await textOf(file, path)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof McaAuthError) throw error
    throw unusable(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  return { text: tokenIn(text, path), from: path, canChange: true }
}

/** Rejects a device, which may be endless, and a file that is too long to be a token. */
async function textOf(file: FileHandle, path: string): Promise<string> {
  if (!(await file.stat()).isFile()) throw unusable(`${path} is not a file`)
  const bytes = Buffer.alloc(maxFileBytes + 1)
  let size = 0
  for (;;) {
    const { bytesRead } = await file.read(bytes, size, bytes.length - size)
    size += bytesRead
    if (size > maxFileBytes) throw unusable(`${path} has more than ${maxFileBytes} bytes: it does not contain a token`)
    if (bytesRead === 0) return bytes.toString('utf8', 0, size)
  }
}

/** @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` for anything that cannot be a single token. */
function tokenIn(value: unknown, from: string): string {
  if (typeof value !== 'string') throw unusable(`${from} is not a string`)
  const text = value.trim()
  if (text === '') throw unusable(`${from} is empty`)
  if (!/^[\x21-\x7e]+$/.test(text)) throw unusable(`${from} contains white space or other characters that no token has`)
  return text
}

export function unusable(message: string): McaAuthError {
  return new McaAuthError('INVALID_CREDENTIALS_SOURCE', message)
}
