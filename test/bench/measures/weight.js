// The cost of installing it: its import time over that of the bare client, size, number of packages.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { median } from '../statistics.js'

const directory = dirname(import.meta.dirname)

/** @type {{ name: string, client?: string, modules: string[], required?: boolean }[]} */
const weighed = [
  { name: 'an empty module', client: 'axios', modules: ['data:text/javascript,'] },
  { name: '@mca-auth/axios', client: 'axios', modules: ['@mca-auth/axios'] },
  { name: '@mca-auth/axios, required', client: 'axios', modules: ['@mca-auth/axios'], required: true },
  { name: 'axios-token-interceptor', client: 'axios', modules: ['axios-token-interceptor', 'axios-oauth-client'] },
  { name: 'ibm-cloud-sdk-core', client: 'axios', modules: ['ibm-cloud-sdk-core'] },
  { name: 'ibmcloud-appid', client: 'axios', modules: ['ibmcloud-appid'] },
  { name: '@mca-auth/got', client: 'got', modules: ['@mca-auth/got'] },
  { name: 'simple-oauth2', client: 'got', modules: ['simple-oauth2'] },
  { name: 'openid-client', client: 'got', modules: ['openid-client'] },
  { name: '@mca-auth/undici', client: 'undici', modules: ['@mca-auth/undici'] },
  { name: '@mca-auth/undici, required', client: 'undici', modules: ['@mca-auth/undici'], required: true },
  { name: 'undici-oidc-interceptor', client: 'undici', modules: ['undici-oidc-interceptor'] },
  { name: '@badgateway/oauth2-client', modules: ['@badgateway/oauth2-client'] },
  { name: '@azure/core-rest-pipeline', modules: ['@azure/core-rest-pipeline'] },
  { name: 'google-auth-library', modules: ['google-auth-library'] },
]

/** @param {{ times: number }} argument */
export async function measure({ times }) {
  /** @type {number[][]} */
  const ms = weighed.map(() => [])
  for (let i = 0; i < times; i++) for (const [j, one] of weighed.entries()) ms[j]?.push(importMs(one))
  return weighed.map(({ name, client, modules }, i) => {
    /** @type {Map<string, number>} */
    const packages = new Map()
    for (const module of modules) if (!module.startsWith('data:')) collect(find(directory, module), packages, client)
    const bytes = [...packages.values()].reduce((sum, size) => sum + size, 0)
    return { name, client, importMs: median(ms[i] ?? []), kilobytes: bytes / 1000, packages: packages.size }
  })
}

/** In a separate process, after the client has been loaded. */
function importMs(/** @type {typeof weighed[number]} */ { client, modules, required }) {
  const load = (/** @type {string} */ name) => (required ? `require('${name}')` : `await import('${name}')`)
  const code = `
    ${client === undefined ? '' : load(client)}
    const start = performance.now()
    ${modules.map(load).join('\n')}
    console.log = () => {}
    process.stderr.write(String(performance.now() - start))`
  const type = required ? 'commonjs' : 'module'
  const options = { cwd: directory, stdio: /** @type {['ignore', 'ignore', 'pipe']} */ (['ignore', 'ignore', 'pipe']) }
  // On standard error, because some of them log to standard output.
  return Number(
    execFileSync('bash', ['-c', 'exec "$0" --input-type="$1" -e "$2" 2>&1 >/dev/null', process.execPath, type, code], {
      ...options,
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    }),
  )
}

/** The package and its dependencies, without the client, which is already installed. */
function collect(
  /** @type {string | undefined} */ path,
  /** @type {Map<string, number>} */ packages,
  /** @type {string | undefined} */ client,
) {
  if (path === undefined || packages.has(path)) return
  const { name, dependencies = {} } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
  if (name === client) return
  packages.set(path, sizeOf(name.startsWith('@mca-auth/') ? join(path, 'dist') : path))
  for (const dependency of Object.keys(dependencies)) collect(find(path, dependency), packages, client)
}

function find(/** @type {string} */ from, /** @type {string} */ name) {
  for (let directory = from; directory !== dirname(directory); directory = dirname(directory)) {
    const path = join(directory, 'node_modules', name)
    if (existsSync(path)) return realpathSync(path)
  }
  return undefined
}

/** @returns {number} bytes */
function sizeOf(/** @type {string} */ path) {
  if (!statSync(path).isDirectory()) return statSync(path).size
  return readdirSync(path)
    .filter((name) => name !== 'node_modules')
    .reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}
