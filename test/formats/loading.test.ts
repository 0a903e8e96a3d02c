// The files that a fresh process loads, and their copies: this needs separate processes.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const test = join(import.meta.dirname, '..')
const packages = join(test, '../packages')

/** The output of a script of this format, as JSON. */
async function run(format: 'esm' | 'cjs', script: string, { cwd = test, args = [] as string[] } = {}) {
  const type = `--input-type=${format === 'esm' ? 'module' : 'commonjs'}`
  const { stdout } = await promisify(execFile)(process.execPath, [...args, type, '-e', script], { cwd })
  return JSON.parse(stdout)
}

const load = (format: 'esm' | 'cjs', name: string) =>
  format === 'esm' ? `await import('${name}')` : `require('${name}')`

/** The scripts that loading this adds, from the folder `packages` or `node_modules` on. */
async function loadedBy(format: 'esm' | 'cjs', name: string, before: readonly string[]): Promise<string[]> {
  const urls: string[] = await run(
    format,
    `const session = new (${load(format, 'node:inspector')}).Session()
    session.connect()
    ${before.map((each) => load(format, each)).join('\n')}
    const loaded = []
    session.on('Debugger.scriptParsed', ({ params }) => loaded.push(params.url))
    session.post('Debugger.enable')
    loaded.length = 0
    ${load(format, name)}
    console.log(JSON.stringify(loaded))`,
  )
  const files = urls.filter((url) => /\.c?js$/.test(url) && !url.startsWith('node:'))
  return files.map((url) => url.replace(/^.*\/(node_modules|packages)\//, '')).sort()
}

const core = (format: string) => ['adapter', 'shared'].map((file) => `core/dist/${format}/${file}.js`)
const lruCache = { esm: 'lru-cache/dist/esm/node/index.min.js', cjs: 'lru-cache/dist/commonjs/node/index.min.js' }

describe.each(['esm', 'cjs'] as const)('%s', (format) => {
  it.each([
    ['fetch', []],
    ['got', []],
    ['undici', ['undici']],
  ])('the adapter of %s loads its one file, two of core and lru-cache', async (name, before) => {
    const expected = [...core(format), `${name}/dist/${format}/index.js`, lruCache[format]].sort()
    expect(await loadedBy(format, `@mca-auth/${name}`, before)).toEqual(expected)
  })

  it('the adapter of axios also loads the proxy lookup of axios, but no second axios', async () => {
    const loaded = await loadedBy(format, '@mca-auth/axios', ['axios'])
    const expected = [...core(format), `axios/dist/${format}/index.js`, lruCache[format]].sort()
    // axios has loaded it, unless one of its builds contains it.
    expect(loaded.filter((file) => !file.startsWith('proxy-from-env/'))).toEqual(expected)
  })

  it('core alone loads two files and lru-cache', async () => {
    const files = ['index', 'shared'].map((file) => `core/dist/${format}/${file}.js`)
    expect(await loadedBy(format, '@mca-auth/core', [])).toEqual([...files, lruCache[format]])
  })

  it('a stack trace points at the sources', async () => {
    const script = `
      const { createTokenProvider } = ${load(format, '@mca-auth/core')}
      try {
        createTokenProvider({ clientId: 7 })
      } catch (error) {
        console.log(JSON.stringify(error.stack.split('\\n')))
      }`
    const [message, ...frames] = await run(format, script, { args: ['--enable-source-maps'] })
    expect(message).toContain('clientId')
    expect(frames[0]).toMatch(/packages\/core\/src\/validate\.ts:\d+:\d+\)?$/)
    expect(frames.join('\n')).toMatch(/packages\/core\/src\/create-token-provider\.ts:\d+/)
    expect(frames.join('\n')).not.toContain('/dist/')
  })
})

describe.each([
  ['axios', 'as new as the adapter'],
  ['axios-oldest', 'the oldest supported version'],
])('with %s, %s', (installed) => {
  let directory: string

  /** A separate application with the adapter as published and this version of axios. */
  beforeAll(() => {
    directory = mkdtempSync(join(test, '.copy-'))
    const modules = join(directory, 'node_modules')
    mkdirSync(join(modules, '@mca-auth/axios'), { recursive: true })
    for (const part of ['dist', 'package.json']) {
      cpSync(join(packages, 'axios', part), join(modules, '@mca-auth/axios', part), { recursive: true })
    }
    for (const name of ['core', 'testing']) symlinkSync(join(packages, name), join(modules, '@mca-auth', name))
    symlinkSync(realpathSync(join(test, 'node_modules', installed)), join(modules, 'axios'))
    symlinkSync(realpathSync(join(packages, 'axios/node_modules/proxy-from-env')), join(modules, 'proxy-from-env'))
    writeFileSync(join(directory, 'package.json'), '{}')
  })

  afterAll(() => rmSync(directory, { recursive: true }))

  it.each(['esm', 'cjs'] as const)(
    '%s: a token is attached, and errors are instances of the classes of the loaded axios',
    async (format) => {
      const axios = format === 'esm' ? "(await import('axios')).default" : "require('axios')"
      const work = `
      const axios = ${axios}
      const { mcaAuth } = ${load(format, '@mca-auth/axios')}
      const { startAuthorizationServer, startProtectedResource } = ${load(format, '@mca-auth/testing')}
      const main = async () => {
        const server = await startAuthorizationServer()
        const api = await startProtectedResource({ authorizationServer: server })
        const client = axios.create()
        client.interceptors.request.use(mcaAuth({ ...server.appId, origins: api.origin }))
        const { status } = await client.get(api.origin + '/')
        const denied = axios.create()
        denied.interceptors.request.use(mcaAuth({ ...server.appId, secret: 'wrong-fake-secret', origins: api.origin }))
        const error = await denied.get(api.origin + '/').catch((reason) => reason)
        const canceled = axios.create()
        canceled.interceptors.request.use(mcaAuth({ ...server.appId, clientId: 'other', origins: api.origin }))
        const controller = new AbortController()
        const pending = canceled.get(api.origin + '/', { signal: controller.signal }).catch((reason) => reason)
        controller.abort()
        const cancel = await pending
        console.log(JSON.stringify({
          version: axios.VERSION,
          status,
          isAxiosError: axios.isAxiosError(error) && error instanceof axios.AxiosError && error.constructor === axios.AxiosError,
          isCancel: axios.isCancel(cancel) && cancel instanceof axios.CanceledError,
          code: error.code,
        }))
        await api[Symbol.asyncDispose]()
        await server[Symbol.asyncDispose]()
      }
      ${format === 'esm' ? 'await main()' : 'main()'}`
      const { version, ...rest } = await run(format, work, { cwd: directory })
      expect(version).toMatch(installed === 'axios' ? /^1\.(2\d|[3-9]\d)\./ : /^1\.8\./)
      expect(rest).toEqual({ status: 200, isAxiosError: true, isCancel: true, code: 'TOKEN_REQUEST_REFUSED' })
    },
  )
})
