import { McaAuthError } from '../error.js'
import { nonEmptyString, rejectUnknownKeys } from '../validate.js'
import { callFunction } from './user-function.js'

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
}

/** Reads a token without the white space around it, such as the line break at the end of a file. */
export async function readSource(name: string, source: TextSource): Promise<SourceText> {
  if (typeof source === 'string') return { text: source.trim(), from: `\`${name}\`` }
  if (typeof source === 'function') {
    const from = `what the \`${name}\` function returned`
    return { text: tokenIn(await callFunction(name, source), from), from }
  }
  return readTokenFile(source.file)
}

/** @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` with the path, never with the content. */
export async function readTokenFile(path: string): Promise<SourceText> {
  // Read by its path each time: a platform replaces it, also by swapping a symbolic link.
  const { readFile } = await import('node:fs/promises')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw unusable(`${path} can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  return { text: tokenIn(text, path), from: path }
}

/** @throws McaAuthError `INVALID_CREDENTIALS_SOURCE` for what cannot be one token. */
function tokenIn(value: unknown, from: string): string {
  const text = typeof value === 'string' ? value.trim() : ''
  if (text === '') throw unusable(`${from} is empty`)
  if (!/^[\x21-\x7e]+$/.test(text)) throw unusable(`${from} holds white space or other characters that no token has`)
  return text
}

export function unusable(message: string): McaAuthError {
  return new McaAuthError('INVALID_CREDENTIALS_SOURCE', message)
}
