import type { FileHandle } from 'node:fs/promises'
import { McaAuthError } from '../error.js'
import { nonEmptyString, rejectUnknownKeys } from '../validate.js'
import { callFunction } from './user-function.js'

/** More than any header or form that a server takes. */
const maxFileBytes = 64 * 1024

/**
 * Where a token or an assertion comes from: its text; a file, which is read for each token request; or a function, which
 * is called for each.
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

/** What was checked, so that what the caller changes afterwards changes nothing. */
export function copyOf(source: TextSource): TextSource {
  return typeof source === 'object' ? { file: source.file } : source
}

export function canChange(source: TextSource): boolean {
  return typeof source !== 'string'
}

/** A token from a source, and how messages call it. */
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
  // Read by its path each time: a platform replaces it, also by swapping a symbolic link.
  const { open } = await import('node:fs/promises')
  const { O_NONBLOCK, O_RDONLY } = (await import('node:fs')).constants
  let text: string
  try {
    // Not blocking: the open of a named pipe would hold one of the process's few threads for as long as nobody writes.
    // Windows has no such pipes, and no such flag.
    const file = await open(path, O_RDONLY | (O_NONBLOCK ?? 0))
    try {
      text = await textOf(file, path)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof McaAuthError) throw error
    throw unusable(`${path} can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  return { text: tokenIn(text, path), from: path, canChange: true }
}

/** Not of a device, which may have no end, nor of a file that somebody has mistaken for that of a token. */
async function textOf(file: FileHandle, path: string): Promise<string> {
  if (!(await file.stat()).isFile()) throw unusable(`${path} is not a file`)
  const bytes = Buffer.alloc(maxFileBytes + 1)
  let size = 0
  for (;;) {
    const { bytesRead } = await file.read(bytes, size, bytes.length - size)
    size += bytesRead
    if (size > maxFileBytes) throw unusable(`${path} has more than ${maxFileBytes} bytes: it is not a token's`)
    if (bytesRead === 0) return bytes.toString('utf8', 0, size)
  }
}

/** @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` for what cannot be one token. */
function tokenIn(value: unknown, from: string): string {
  if (typeof value !== 'string') throw unusable(`${from} is not a string`)
  const text = value.trim()
  if (text === '') throw unusable(`${from} is empty`)
  if (!/^[\x21-\x7e]+$/.test(text)) throw unusable(`${from} holds white space or other characters that no token has`)
  return text
}

export function unusable(message: string): McaAuthError {
  return new McaAuthError('INVALID_CREDENTIALS_SOURCE', message)
}
