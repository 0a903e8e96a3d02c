import { execFileSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { chmodSync, promises as fs, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenProvider } from '@mca-auth/core'
import { type FileTokenCacheOptions, fileTokenCache } from '@mca-auth/file-cache'
import { startAuthorizationServer } from '@mca-auth/testing'
import { afterAll, afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { defaultDirectory } from '../../packages/file-cache/src/default-directory.ts'

const token = { value: 'sealed', digest: 'digest', expiresInMs: 60_000 }

describe('fileTokenCache()', () => {
  const parent = mkdtempSync(join(tmpdir(), 'mca-auth-options-'))
  afterAll(() => rmSync(parent, { recursive: true }))
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('rejects bad options by name', () => {
    const make = (options: unknown) => () => fileTokenCache(options as FileTokenCacheOptions)
    for (const directory of [
      '',
      'tokens',
      './tokens',
      '../tokens',
      '~/tokens',
      42,
      null,
      new URL('file:///tokens'),
      '/a\0b',
    ]) {
      expect(make({ directory }), String(directory)).toThrow(new TypeError('`directory` must be an absolute path'))
    }
    expect(make({ path: '/tokens' })).toThrow(
      new TypeError('unknown option `path`; known are: directory, encryptionKeys, exchanged'),
    )
    expect(make({ exchanged: 1 })).toThrow(new TypeError('`exchanged` must be a boolean'))
    const encryptionKeys = ['a key that has at least 32 bytes']
    expect(fileTokenCache({ directory: '/tokens', encryptionKeys, exchanged: true })).toMatchObject({
      directory: '/tokens',
      encryptionKeys,
      exchanged: true,
    })
    expect(fileTokenCache({ directory: undefined })).toMatchObject({ encryptionKeys: undefined, exchanged: false })
  })

  it('uses the directory for caches of the platform', () => {
    vi.stubEnv('HOME', '/home/alice')
    expect(defaultDirectory('linux', {})).toBe('/home/alice/.cache/mca-auth')
    expect(defaultDirectory('linux', { XDG_CACHE_HOME: '/var/cache/alice' })).toBe('/var/cache/alice/mca-auth')
    for (const XDG_CACHE_HOME of ['', 'cache', './cache'])
      expect(defaultDirectory('freebsd', { XDG_CACHE_HOME })).toBe('/home/alice/.cache/mca-auth')
    expect(defaultDirectory('darwin', { XDG_CACHE_HOME: '/elsewhere' })).toBe('/home/alice/Library/Caches/mca-auth')
    const LOCALAPPDATA = 'C:\\Users\\alice\\AppData\\Local'
    expect(defaultDirectory('win32', { LOCALAPPDATA })).toBe(`${LOCALAPPDATA}\\mca-auth`)
  })

  it('can be called without a home directory, and then says what is missing when it is used', async () => {
    for (const home of ['', 'relative']) {
      vi.stubEnv('HOME', home)
      vi.stubEnv('XDG_CACHE_HOME', undefined)
      expect(() => defaultDirectory('linux', {})).toThrow(/there is no home directory/)
      expect(() => defaultDirectory('darwin', {})).toThrow(/there is no home directory/)
      expect(() => defaultDirectory('win32', {})).toThrow(/there is no home directory/)
    }
    if (process.platform === 'win32' || process.platform === 'darwin') return
    const cache = fileTokenCache()
    expect(cache.directory).toBe(undefined)
    const message = 'there is no home directory to keep tokens in: give `directory` to fileTokenCache(), or set HOME'
    const calls = [
      cache.get('key'),
      cache.set('key', token, 1),
      cache.delete('key', 'digest'),
      cache.lease('key', 'me', 1),
      cache.release('key', 'me'),
      cache.list(),
      cache.clear(),
    ]
    for (const call of calls) await expect(call).rejects.toThrow(message)
  })

  it('is checked when it is used: an unsafe directory never fails a service, and the reason is published', async () => {
    await using server = await startAuthorizationServer()
    const directory = join(parent, 'open to all')
    mkdirSync(directory)
    chmodSync(directory, 0o777)
    const reasons: unknown[] = []
    const listen = (message: unknown) => reasons.push(message)
    subscribe('mca-auth:shared-cache:failed', listen)
    try {
      await using provider = createTokenProvider({ ...server.appId, sharedCache: fileTokenCache({ directory }) })
      await provider.getToken()
      await provider.getToken({ scope: 'more' })
    } finally {
      unsubscribe('mca-auth:shared-cache:failed', listen)
    }
    const reason = `the token cache is not used, because ${directory} is open to other users (mode 0777): if it is for tokens only, run \`chmod go= '${directory}'\`; otherwise use a directory in it`
    expect(reasons).toEqual([{ reason }, { reason }])
    expect(server.tokenRequests).toBe(2)
  })

  it('touches nothing before the first lease, and nothing keeps the process running afterwards', () => {
    const directory = join(parent, 'untouched')
    const script = `
      const { fileTokenCache } = await import('@mca-auth/file-cache')
      const { existsSync } = await import('node:fs')
      const cache = fileTokenCache({ directory: process.argv[1] })
      const before = [await cache.get('key'), await cache.list(), await cache.clear()]
      await cache.release('key', 'me')
      await cache.delete('key', 'digest')
      const existed = existsSync(process.argv[1])
      await cache.lease('key', 'me', 60_000)
      console.log(JSON.stringify([before, existed, existsSync(process.argv[1])]))`
    const node = ['--input-type=module', '-e', script, directory]
    const output = execFileSync(process.execPath, node, { cwd: import.meta.dirname, encoding: 'utf8' })
    expect(JSON.parse(output)).toEqual([[null, [], 0], false, true])
  })

  it('lists what is stored without showing it, and clears it', async () => {
    const directory = join(parent, 'listed')
    const cache = fileTokenCache({ directory })
    await cache.set('one', token, (await cache.lease('one', 'me', 60_000)) as number)
    await cache.release('one', 'me')
    await cache.lease('other', 'me', 60_000)
    const other = fileTokenCache({ directory })
    const entries = await other.list()
    const left = expect.toSatisfy((ms: number) => ms > 0 && ms <= 60_000)
    expect(entries).toHaveLength(2)
    expect(entries).toEqual(
      expect.arrayContaining([
        { path: expect.stringContaining(directory), expiresInMs: left, leased: false, problem: undefined },
        { path: expect.stringContaining(directory), expiresInMs: undefined, leased: true, problem: undefined },
      ]),
    )
    mkdirSync(join(directory, 'foreign'))
    expect(await other.clear()).toBe(1)
    expect(await cache.get('one')).toBe(undefined)
    expect(await other.list()).toEqual([])
    expect(readdirSync(directory)).toEqual(['foreign'])
    // It can be used again.
    expect(await cache.lease('one', 'you', 1_000)).toBeTypeOf('number')
  })
  it('lists an entry that is not used, with the reason', async () => {
    const directory = join(parent, 'spoiled')
    const cache = fileTokenCache({ directory })
    for (const key of ['one', 'other']) await cache.lease(key, 'me', 60_000)
    const [spoiled] = await cache.list()
    const path = String(spoiled?.path)
    chmodSync(path, 0o755)
    const problem = expect.stringMatching(/is open to other users \(mode 0755\): .*chmod/)
    const entry = { path, expiresInMs: undefined, leased: false, problem }
    const entries = await cache.list()
    expect(entries).toContainEqual(entry)
    expect(entries.map(({ leased }) => leased).toSorted()).toEqual([false, true])
    await expect(cache.clear()).rejects.toThrow('is open to other users')
    expect(await cache.list()).toEqual([entry])
  })

  // Those that it could not remove were counted as removed.
  it.each(['EROFS', 'EACCES', 'EBUSY'])('removes what it can, and rejects if a file stays (%s)', async (code) => {
    const directory = join(parent, code)
    const cache = fileTokenCache({ directory })
    for (const key of ['one', 'another', 'third']) {
      await cache.set(key, token, (await cache.lease(key, 'me', 60_000)) as number)
    }
    const [stays] = await cache.list()
    const { unlink } = fs
    vi.spyOn(fs, 'unlink').mockImplementation((path) =>
      String(path).startsWith(String(stays?.path))
        ? Promise.reject(Object.assign(new Error(code), { code }))
        : unlink(path),
    )
    onTestFinished(() => void vi.restoreAllMocks())
    await expect(cache.clear()).rejects.toThrow(code)
    expect(await cache.list()).toEqual([expect.objectContaining({ path: stays?.path })])
    vi.restoreAllMocks()
    expect(await cache.clear()).toBe(1)
  })
})
