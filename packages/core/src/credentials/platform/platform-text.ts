import { readFileSync } from 'node:fs'
import { McaAuthError } from '../../error.js'

export type Json = Readonly<Record<string, unknown>>

/** @throws McaAuthError with the path, never with the content. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
}

/** @throws McaAuthError without the parser's own error, which quotes its input. */
export function parseObject(text: string, where: string): Json {
  const json = objectIn(text)
  if (json === undefined) throw invalid(`${where} is not a JSON object`)
  return json
}

/** The JSON object in a text, or `undefined`. */
export function objectIn(text: string): Json | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return isObject(json) ? json : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function invalid(message: string): McaAuthError {
  return new McaAuthError('INVALID_CREDENTIALS_SOURCE', message)
}
