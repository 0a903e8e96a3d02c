import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  promises as fs,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileTokenCache } from '@mca-auth/file-cache'
import { afterAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'

const token = { value: 'sealed', digest: 'digest', expiresInMs: 60_000 }
const modeOf = (path: string) => (lstatSync(path).mode & 0o7777).toString(8)

describe.skipIf(process.platform === 'win32')('the files of the cache', () => {
  const parent = mkdtempSync(join(tmpdir(), 'mca-auth-private-'))
  let directory: string
  let count = 0
  beforeEach(() => {
    directory = join(parent, String(count++), 'tokens')
  })
  afterAll(() => rmSync(parent, { recursive: true }))

  async function store(key = 'key'): Promise<void> {
    const cache = fileTokenCache({ directory })
    await cache.set(key, token, (await cache.lease(key, 'me', 60_000)) as number)
  }

  /** The file with the state of the only key. */
  function stateFile(): string {
    const [key] = readdirSync(directory)
    const path = join(directory, key as string)
    const [file] = readdirSync(path)
    return join(path, file as string)
  }

  /** Every method that uses the directory. */
  async function messages(): Promise<string[]> {
    const cache = fileTokenCache({ directory })
    const calls = [
      cache.get('key'),
      cache.set('key', token, 1),
      cache.delete('key', 'digest'),
      cache.lease('key', 'me', 1_000),
      cache.release('key', 'me'),
      cache.list(),
      cache.clear(),
    ]
    const results = await Promise.allSettled(calls)
    return results.map((result) => (result.status === 'rejected' ? result.reason.message : 'not refused'))
  }

  it('belong to their user alone, with 0700 and 0600, whatever the umask is', () => {
    const umasks = [0, 0o022, 0o077, 0o277, 0o777]
    const directoryOf = (umask: number) => join(parent, `umask-${umask}`, 'missing parent', 'tokens')
    const script = `
      const { fileTokenCache } = await import('@mca-auth/file-cache')
      for (const [umask, directory] of JSON.parse(process.argv[1])) {
        process.umask(umask)
        const cache = fileTokenCache({ directory })
        const fence = await cache.lease('key', 'me', 60_000)
        await cache.set('key', ${JSON.stringify(token)}, fence)
        if ((await cache.get('key'))?.value !== 'sealed') throw new Error('not found')
      }`
    const argument = JSON.stringify(umasks.map((umask) => [umask, directoryOf(umask)]))
    execFileSync(process.execPath, ['--input-type=module', '-e', script, argument], { cwd: import.meta.dirname })
    for (const umask of umasks) {
      directory = directoryOf(umask)
      const key = join(directory, readdirSync(directory)[0] as string)
      expect([modeOf(join(directory, '..')), modeOf(directory), modeOf(key)], `umask ${umask}`).toEqual(
        Array(3).fill('700'),
      )
      expect(modeOf(stateFile()), `umask ${umask}`).toBe('600')
    }
  })

  it('are refused if other users could read or change them, and the mode is left as is', async () => {
    // The advice was chmod alone, which for `/tmp` or a home directory locks out everybody else.
    for (const mode of [0o750, 0o705, 0o711, 0o777]) {
      mkdirSync(directory, { recursive: true })
      chmodSync(directory, mode)
      const expected = `the token cache is not used, because ${directory} is open to other users (mode 0${mode.toString(8)}): if it is for tokens only, run \`chmod go= '${directory}'\`; otherwise use a directory in it`
      expect(await messages()).toEqual(Array(7).fill(expected))
      expect(modeOf(directory)).toBe(mode.toString(8))
      expect(readdirSync(directory)).toEqual([])
    }
    chmodSync(directory, 0o2700) // the group is inherited, as in a volume of Kubernetes, but has no access
    await store()
    const file = stateFile()
    chmodSync(file, 0o640)
    await expect(fileTokenCache({ directory }).get('key')).rejects.toThrow(
      `${file} is open to other users (mode 0640): run \`chmod go= '${file}'\``,
    )
    chmodSync(file, 0o600)
    chmodSync(join(file, '..'), 0o755)
    await expect(fileTokenCache({ directory }).get('key')).rejects.toThrow('is open to other users (mode 0755)')
  })

  it('are named in the advice as a shell reads them', async () => {
    const quoted = join(directory, "a 'quoted' $(name)")
    mkdirSync(quoted, { recursive: true })
    chmodSync(quoted, 0o755)
    const message = await fileTokenCache({ directory: quoted })
      .get('key')
      .then(String, (error: Error) => error.message)
    execFileSync('sh', ['-c', /`(.*)`/.exec(message)?.[1] ?? 'false'])
    expect(modeOf(quoted)).toBe('700')
    expect(await fileTokenCache({ directory: quoted }).get('key')).toBeUndefined()
  })

  it.runIf(process.geteuid?.() === 0)('are refused if they belong to another user', async () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    chownSync(directory, 12_345, 0)
    const reason = `${directory} belongs to user 12345, and this process runs as 0: use a directory that does not exist yet`
    expect(await messages()).toEqual(Array(7).fill(`the token cache is not used, because ${reason}`))
    chownSync(directory, 0, 12_345) // a group without access does not matter
    await store()
    chownSync(stateFile(), 12_345, 0)
    await expect(fileTokenCache({ directory }).get('key')).rejects.toThrow('belongs to user 12345')
    await expect(fileTokenCache({ directory }).lease('key', 'you', 1)).rejects.toThrow('belongs to user 12345')
  })

  it.runIf(process.geteuid?.() === 0)('are not taken from the user who has called sudo', async () => {
    vi.stubEnv('SUDO_UID', '12345')
    onTestFinished(() => void vi.unstubAllEnvs())
    const home = join(directory, '..')
    mkdirSync(home)
    chownSync(home, 12_345, 0)
    for (const path of [join(home, '.cache'), join(home, '.cache', 'mca-auth')]) {
      directory = path
      await expect(store()).rejects.toThrow('would belong to root, not to user 12345: run `sudo -H`')
    }
    expect(readdirSync(home)).toEqual([])
    chownSync(home, 0, 0)
    await store()
    expect(readdirSync(home)).toEqual(['.cache'])
  })

  it.each(['EPERM', 'ENOTSUP', 'ENOSYS'])('need hard links: a file system that says %s is not used', async (code) => {
    vi.spyOn(fs, 'link').mockRejectedValue(Object.assign(new Error(`${code}: link`), { code }))
    onTestFinished(() => void vi.restoreAllMocks())
    await expect(store()).rejects.toThrow(`is on a file system without hard links (${code}): use another directory`)
    // The attempt leaves no file behind.
    expect(readdirSync(join(directory, readdirSync(directory)[0] as string))).toEqual([])
  })

  it('are never reached through a symbolic link that could lead elsewhere', async () => {
    await store()
    const elsewhere = `${directory}-elsewhere`
    renameSync(directory, elsewhere)
    symlinkSync(elsewhere, directory)
    expect(new Set(await messages())).toEqual(
      new Set([
        `the token cache is not used, because ${directory} is a symbolic link: use the directory that it points to`,
      ]),
    )
    unlinkSync(directory)
    renameSync(elsewhere, directory)

    const file = stateFile()
    const key = join(file, '..')
    renameSync(file, `${directory}-state`)
    symlinkSync(`${directory}-state`, file)
    await expect(fileTokenCache({ directory }).get('key')).rejects.toThrow(`${file} is a symbolic link: remove it`)
    await expect(fileTokenCache({ directory }).lease('key', 'me', 1)).rejects.toThrow('is a symbolic link')
    unlinkSync(file)
    renameSync(key, `${directory}-key`)
    symlinkSync(`${directory}-key`, key)
    await expect(fileTokenCache({ directory }).get('key')).rejects.toThrow(`${key} is a symbolic link`)
    // A parent may be one: `/tmp` is on macOS.
    symlinkSync(join(directory, '..'), `${directory}-parent`)
    directory = join(`${directory}-parent`, 'more')
    await store()
    expect((await fileTokenCache({ directory }).get('key'))?.value).toBe('sealed')
  })

  it('are regular files and directories: a pipe is not waited for, and a link to another file is not written through', async () => {
    await store()
    const file = stateFile()
    const cache = fileTokenCache({ directory })
    unlinkSync(file)
    execFileSync('mkfifo', ['-m', '600', file])
    await expect(cache.get('key')).rejects.toThrow(`${file} is not a regular file: remove it`)
    unlinkSync(file)
    mkdirSync(file, { mode: 0o700 })
    await expect(cache.lease('key', 'me', 1)).rejects.toThrow('is not a regular file')
    rmSync(file, { recursive: true })

    const victim = `${directory}-victim`
    writeFileSync(victim, 'precious', { mode: 0o600 })
    linkSync(victim, file)
    expect(await cache.get('key')).toBe(undefined)
    await store()
    expect((await cache.get('key'))?.value).toBe('sealed')
    expect(readFileSync(victim, 'utf8')).toBe('precious')
    expect(existsSync(file)).toBe(false)
  })

  it('are not made if a file is in the place of the directory, or of one of its parents', async () => {
    mkdirSync(join(directory, '..'))
    writeFileSync(directory, 'a file')
    expect(await messages()).toEqual(
      Array(7).fill(
        `the token cache is not used, because ${directory} is not a directory: remove it, or use another directory`,
      ),
    )
    directory = join(directory, 'below', 'a file')
    for (const message of await messages()) expect(message).toMatch(/^ENOTDIR: not a directory/)
    symlinkSync('/does/not/exist', `${directory.slice(0, -13)}-dangling`)
    directory = join(`${directory.slice(0, -13)}-dangling`, 'tokens')
    await expect(store()).rejects.toThrow(/ENOENT/)
  })

  it('reveal no key, and take a key of any characters and length', async () => {
    const keys = ['', '../../escape', '/etc/passwd', 'ü\0\n', 'A', 'a', 'x'.repeat(100_000), '\ud800']
    const cache = fileTokenCache({ directory })
    for (const [i, key] of keys.entries()) {
      await cache.set(key, { ...token, value: `v${i}` }, (await cache.lease(key, 'me', 60_000)) as number)
    }
    for (const [i, key] of keys.entries()) expect((await cache.get(key))?.value).toBe(`v${i}`)
    const names = readdirSync(directory)
    expect(names).toHaveLength(keys.length)
    for (const name of names) expect(name).toMatch(/^1-[\da-f]{64}$/)
    expect(readdirSync(join(directory, '..'))).toEqual(['tokens'])
  })
})
