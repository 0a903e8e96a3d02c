import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { invalid, readText } from './platform-text.js'

const fileName = 'ibm-credentials.env'

/** A line of the file, in the syntax of `dotenv`, which IBM's own client uses. */
const assignment =
  /^[^\S\n]*(?:export\s+)?([\w.-]+)(?:\s*=|:\s)[^\S\r\n]*('[^']*'|"(?:\\"|[^"])*"|`[^`]*`|[^#\r\n]*)[^\S\n]*(?:#.*)?$/gm

/** The variables in the credentials file of IBM's SDKs, and its path. `undefined` if there is no such file. */
export function ibmCredentialsFile():
  | { readonly path: string; readonly variables: Readonly<Record<string, string>> }
  | undefined {
  const path = pathOf(process.env.IBM_CREDENTIALS_FILE)
  if (path === undefined) return undefined
  const text = readText(path).replace(/^\ufeff/, '')
  const lines = [...text.matchAll(assignment)].map(([, name = '', value = '']) => [name, unquoted(value.trim())])
  return { path, variables: Object.fromEntries(lines) }
}

/** Everything that decides which file is read. */
export function credentialsFilePlaces(): readonly (string | undefined)[] {
  return [process.env.IBM_CREDENTIALS_FILE, ...directories()]
}

/** The file or the directory that the variable names; else the working directory, else the home directory. */
function pathOf(given: string | undefined): string | undefined {
  if (!given)
    return directories()
      .map((directory) => join(directory, fileName))
      .find(isFile)
  const path = [given, join(given, fileName)].find(isFile)
  if (path === undefined) throw invalid(`IBM_CREDENTIALS_FILE names ${given}, which does not exist`)
  return path
}

/** Only existing ones: the working directory may have been deleted, and the user of a container may have no home. */
function directories(): string[] {
  return [() => process.cwd(), homedir].flatMap((find) => {
    try {
      return [find()]
    } catch {
      return []
    }
  })
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function unquoted(value: string): string {
  const text = /^(['"`])(.*)\1$/s.exec(value)?.[2] ?? value
  return value.startsWith('"') ? text.replaceAll('\\n', '\n').replaceAll('\\r', '\r') : text
}
