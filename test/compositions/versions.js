import { readFileSync } from 'node:fs'

/** A package and its version, under its own name. */
export function versionOf(/** @type {string} */ folder) {
  const file = new URL(`node_modules/${folder}/package.json`, import.meta.url)
  const { name, version } = JSON.parse(readFileSync(file, 'utf8'))
  return `${name} ${version}`
}
