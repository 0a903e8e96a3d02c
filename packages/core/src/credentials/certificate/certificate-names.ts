import type { PartNames } from './certificate-pair.js'
import { type CertificateSources, isPath } from './certificate-sources.js'

/** The names of the parts in messages. */
export function namesOf({ cert, key, ca = [] }: CertificateSources): PartNames {
  const name = (setting: string, list: readonly string[]) => list.map((source) => nameOf(setting, source)).join(', ')
  return { cert: name('cert', cert), key: name('key', key), ca: name('ca', ca) }
}

/**
 * The path, if it looks like one. A key without its frame, as base64 or JSON, would count as a path too, and must not be
 * shown.
 */
export function nameOf(setting: string, source: string): string {
  const looksLikePath =
    /^(\.{0,2}[/\\]|[a-z]:[/\\])[^+=]*[^+=/\\]$/i.test(source) || /^[\w./\\-]+\.[a-z]{2,6}$/i.test(source)
  return isPath(source) && source.length <= 200 && looksLikePath ? source : `\`${setting}\``
}
