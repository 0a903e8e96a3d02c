import { execFile, execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { privateKeyJwt } from '@mca-auth/core'
import { startIam } from '@mca-auth/testing'
import { describe, expect, it } from 'vitest'
import { tokenStore } from '../../packages/cli/src/token-store.ts'
import { canMount, mounting } from '../file-cache/mounts.ts'
import { unsignedJwt } from '../servers/sent-token-requests.ts'
import { startTokenEndpoints } from '../servers/token-endpoints.ts'
import { fullSize } from '../size.ts'
import { doctor, environment, Fixture, main, type Result, rowsOf, run, secret } from './fixture.ts'

const fixture = new Fixture()
/** Files get a fifth of this time. */
const patience = ['--timeout-ms', '300000']
const token = (...args: string[]) => run(['token', ...fixture.explicit(...patience, ...args)])
const requests = () => fixture.server.tokenRequests

/** The output of a run that has succeeded without a warning. */
function printed({ code, out, err }: Result): string {
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/^Bearer \S+\n$/)
  return out
}

/** The stored files and their content. */
function files(): { path: string; content: string; mode: number }[] {
  return readdirSync(fixture.store, { recursive: true, encoding: 'utf8' })
    .map((name) => join(fixture.store, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ path, content: readFileSync(path, 'utf8'), mode: statSync(path).mode & 0o777 }))
}

/** Code that logs when a process uses the files, from its first lease on. */
const logsUse = (file: string) => `
  import { appendFileSync, promises } from 'node:fs'
  let hasLease = false
  const log = () => hasLease && appendFileSync(${JSON.stringify(file)}, process.pid + ' ' + performance.now() + '\\n')
  for (const name of ['link', 'readdir']) {
    const call = promises[name]
    promises[name] = async (...args) => {
      hasLease ||= name === 'link'
      log()
      return call(...args).finally(log)
    }
  }`

/** How many processes were too slow to extend a lease in time. */
function lapsesIn(log: string): number {
  const times = new Map<string, number>()
  const slow = new Set<string>()
  for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
    const [pid = '', time] = line.split(' ')
    if (Number(time) - (times.get(pid) ?? Number(time)) > 1_500) slow.add(pid)
    times.set(pid, Number(time))
  }
  return slow.size
}

// Each run used to request a token, so that a loop hammered the authorization server.
describe('mca-auth token', () => {
  it('requests one token for all runs of a loop', async () => {
    const first = printed(await token())
    for (let i = 1; i < (fullSize ? 100 : 3); i++) expect(printed(await token())).toBe(first)
    expect(requests()).toBe(1)
  })

  it('requests one token for several shells that start at once', async () => {
    const log = fixture.file('log', '')
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(logsUse(log))}` }
    const command = ['token', ...fixture.explicit(...patience)]
    const outputs = await Promise.all([1, 2, 3].map(() => run(command, env)))
    const tokens = new Set(outputs.map(printed))
    expect(readFileSync(log, 'utf8')).not.toBe('')
    // A process that is too slow to extend its lease loses it to another one.
    const most = 1 + lapsesIn(log)
    expect(tokens.size).toBeLessThanOrEqual(most)
    expect(requests()).toBeLessThanOrEqual(most)
  })

  it('stores nothing readable, for this user only', async () => {
    const text = printed(await token())
    expect(files().length).toBeGreaterThan(0)
    for (const { content, mode } of files()) {
      expect(mode).toBe(0o600)
      for (const part of [...text.slice('Bearer '.length).trim().split('.'), secret, fixture.server.clientId]) {
        expect(content).not.toContain(part)
      }
    }
    expect(statSync(fixture.store).mode & 0o777).toBe(0o700)
  })

  it('requests another token for another scope, and for another secret', async () => {
    const first = printed(await token())
    expect(printed(await token('--scope', 'read'))).not.toBe(first)
    const wrong = await token('--secret-file', fixture.file('wrong', 'is-wrong'))
    expect([wrong.code, wrong.out]).toEqual([4, ''])
    expect(printed(await token())).toBe(first)
    expect(requests()).toBe(3)
  })

  it('--no-cache requests a new token, which the next runs print', async () => {
    const old = printed(await token())
    const renewed = printed(await token('--no-cache'))
    expect(renewed).not.toBe(old)
    expect(printed(await token())).toBe(renewed)
    expect(requests()).toBe(2)
  })

  it('prints the same fields of a stored token as JSON', async () => {
    const first = (await token('--json', '--scope', 'read')).out
    expect(JSON.parse(first).scope).toContain('read')
    expect((await token('--json', '--scope', 'read')).out).toBe(first)
    expect(requests()).toBe(1)
  })

  it('requests a new token if the stored file is damaged', async () => {
    printed(await token())
    for (const { path } of files()) writeFileSync(path, 'damaged')
    printed(await token())
    expect(requests()).toBe(2)
  })
})

describe('a token is stored for', () => {
  it('the secret of the platform', async () => {
    const runs = [
      await run(['token', ...patience], fixture.vcap()),
      await run(['token', ...patience], fixture.vcap()),
    ].map(printed)
    expect(runs[0]).toBe(runs[1])
    expect(requests()).toBe(1)
  })

  it('an API key of IBM Cloud', async () => {
    await using iam = await startIam({ apikey: secret })
    const env = { CLOUDANT_APIKEY: secret, CLOUDANT_URL: 'https://orders.example.com', CLOUDANT_AUTH_URL: iam.url }
    for (let i = 0; i < 2; i++) printed(await run(['token', ...patience, '--service', 'cloudant'], env))
    expect(iam.tokenRequests).toBe(1)
  })

  it('a private key, whatever its format, and not for another key', async () => {
    const endpoint = (await startTokenEndpoints())()
    const url = String(endpoint.options.tokenEndpoint)
    const [own, other] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey) as [
      KeyObject,
      KeyObject,
    ]
    const pem = (key: KeyObject) => String(key.export({ type: 'pkcs8', format: 'pem' }))
    const withKey = (content: unknown) =>
      run([
        'token',
        ...patience,
        '--token-endpoint',
        url,
        '--client-id',
        'orders',
        '--key-file',
        fixture.file('key', content),
      ])
    const first = printed(await withKey(pem(own)))
    expect(printed(await withKey(pem(own)))).toBe(first)
    expect(printed(await withKey(own.export({ format: 'jwk' })))).toBe(first)
    expect(printed(await withKey(pem(other)))).not.toBe(first)
    expect(endpoint.issued.length).toBe(2)
  })
})

describe('a token is not stored, and is printed, for', () => {
  const assertion = () => unsignedJwt({ iss: 'https://cluster.example.com', sub: 'orders', exp: 4e9 })

  it.each<[string, () => string[]]>([
    ['a mounted assertion', () => ['--assertion-file', fixture.file('idp', assertion())]],
    ['a client without authentication', () => ['--client-auth', 'none']],
  ])('%s', async (_what, args) => {
    const endpoint = (await startTokenEndpoints())()
    const url = String(endpoint.options.tokenEndpoint)
    const command = ['--token-endpoint', url, '--client-id', 'orders', ...args()]
    for (let i = 0; i < 2; i++) printed(await run(['token', ...patience, ...command]))
    expect(endpoint.issued.length).toBe(2)
    expect(existsSync(fixture.store)).toBe(false)
    expect((await doctor(command)).rows).toContainEqual(expect.stringMatching(/^· this one is not stored: /))
  })
})

describe('if the files cannot be used, there is one warning, and the token is printed:', () => {
  it.each<[string, RegExp, () => Record<string, string>]>([
    ['no home directory', /there is no home directory/, () => ({ XDG_CACHE_HOME: '', HOME: 'nowhere' })],
    [
      'a directory that others can read',
      /is open to other users \(mode 0755\)/,
      () => {
        mkdirSync(fixture.store, { recursive: true })
        chmodSync(fixture.store, 0o755)
        return {}
      },
    ],
    ['a file in place of the directory', /cache/, () => ({ XDG_CACHE_HOME: fixture.file('cache', 'a file') })],
    ['a file system without files', /proc/, () => ({ XDG_CACHE_HOME: '/proc' })],
  ])('%s', async (_what, reason, given) => {
    const env = given()
    const { code, out, err } = await run(['token', ...fixture.explicit(...patience)], env)
    expect([code, out]).toEqual([0, expect.stringMatching(/^Bearer \S+\n$/)])
    expect(err).toMatch(/^mca-auth: the token is not stored: [^\n]+\n$/)
    expect(err).not.toMatch(/token cache/) // once is enough
    expect(err).toMatch(reason)
  })
})

it('a file system that does not respond delays the token, and prevents neither it nor the end of the command', async () => {
  const hangs = `import { promises } from 'node:fs'
    for (const name of ['mkdir', 'lstat', 'stat', 'open', 'readdir']) promises[name] = () => new Promise(() => {})`
  const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hangs)}` }
  const { code, out, err } = await run(['token', ...fixture.explicit()], env)
  expect([code, out]).toEqual([0, expect.stringMatching(/^Bearer \S+\n$/)])
  expect(err).toBe('mca-auth: the token is not stored: the file system does not respond\n')
  const examined = await run(['doctor', ...fixture.explicit()], env)
  expect([examined.code, examined.err]).toEqual([0, ''])
  expect(rowsOf(examined.out)).toContain('! not used the file system does not respond')
})

// Node.js waits for a blocked thread, even in `process.exit()`: the command printed the token, and hung.
it('a file system that blocks a thread does not keep the command from ending', async () => {
  const fifo = join(fixture.directory, 'fifo')
  execFileSync('mkfifo', [fifo])
  const blocks = `import { promises } from 'node:fs'
const { open } = promises
promises.lstat = () => open(${JSON.stringify(fifo)}, 'r')`
  const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(blocks)}` }
  const { out, err } = await run(['token', ...fixture.explicit()], env)
  expect(out).toMatch(/^Bearer \S+\n$/)
  expect(err).toBe('mca-auth: the token is not stored: the file system does not respond\n')
})

describe('mca-auth clear', () => {
  it('removes all tokens, and says how many', async () => {
    printed(await token())
    printed(await token('--scope', 'read'))
    expect(await run(['clear'])).toEqual({ code: 0, out: `removed 2 tokens from ${fixture.store}\n`, err: '' })
    expect(await run(['clear'])).toEqual({ code: 0, out: `removed no tokens from ${fixture.store}\n`, err: '' })
    printed(await token())
    expect(requests()).toBe(3)
  })

  it('does not touch a directory that others can write to', async () => {
    mkdirSync(fixture.store, { recursive: true })
    chmodSync(fixture.store, 0o777)
    const { code, out, err } = await run(['clear'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/open to other users/)
  })

  // It suggested an option of the library.
  it('says what to do without a home directory', async () => {
    const { code, out, err } = await run(['clear'], { XDG_CACHE_HOME: '', HOME: 'nowhere' })
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^mca-auth: there is no home directory: set HOME\n/)
  })
})

describe('the doctor', () => {
  it('requests a new token, does not store it, and says where the others are', async () => {
    printed(await token())
    const { code, rows } = await doctor(fixture.explicit())
    expect(code).toBe(0)
    expect(rows).toContain(`· directory ${fixture.store}`)
    expect(rows).toContainEqual(expect.stringMatching(/^· tokens 1; the first expires in (59|60) min$/))
    expect(requests()).toBe(2)
    expect(files().length).toBeGreaterThan(0)
    await run(['clear'])
    expect((await doctor(fixture.explicit())).rows).toContain('· tokens 0')
    expect(existsSync(fixture.store) ? files() : []).toEqual([])
  })

  it('warns that the directory is not used, and says what to do', async () => {
    mkdirSync(fixture.store, { recursive: true })
    chmodSync(fixture.store, 0o755)
    const { code, rows } = await doctor(fixture.explicit())
    expect(code).toBe(0)
    expect(rows).toContainEqual(expect.stringMatching(/^! not used .*run `chmod go= /))
  })

  it('warns that one entry is not used, and counts the others', async () => {
    printed(await token())
    printed(await token('--scope', 'read'))
    const [file] = files()
    chmodSync(String(file?.path), 0o644)
    const { rows } = await doctor(fixture.explicit())
    expect(rows).toContainEqual(expect.stringMatching(/^· tokens 1;/))
    expect(rows).toContainEqual(
      expect.stringMatching(/^! not used .* is open to other users \(mode 0644\): run `chmod go= /),
    )
  })

  it.runIf(canMount)('warns if nothing can be stored', async () => {
    const home = join(fixture.directory, 'home')
    mkdirSync(home)
    const readOnly = mounting(home, 'mount -t tmpfs -o ro tmpfs "$1"')
    for (const command of ['token', 'doctor']) {
      const [file, ...args] = [...readOnly, process.execPath, main, command, ...fixture.explicit()] as const
      const env = environment({ PATH: String(process.env.PATH), COLUMNS: '1000', XDG_CACHE_HOME: home })
      const { stdout, stderr } = await promisify(execFile)(file, args, { env })
      if (command === 'token') expect(stderr).toMatch(/the token is not stored: EROFS: read-only file system/)
      else expect(rowsOf(stdout)).toContainEqual(expect.stringMatching(/^! not used EROFS: read-only file system/))
    }
  })

  it('does not warn if there is no home directory, as in many containers', async () => {
    const { out } = await run(['doctor', ...fixture.explicit()], { XDG_CACHE_HOME: '', HOME: 'nowhere' })
    expect(rowsOf(out)[0]).toMatch(/^✓ Nothing is wrong/)
    expect(rowsOf(out)).toContainEqual(expect.stringMatching(/^· not used there is no home directory/))
  })
})

it('the key that encrypts tokens is derived from the private key, whatever its format', () => {
  const [own, other] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey) as [
    KeyObject,
    KeyObject,
  ]
  const keyFor = (key: string | object) => {
    const clientAuth = privateKeyJwt(own)
    const options = { tokenEndpoint: 'https://idp.example.com/token', clientId: 'orders', clientAuth }
    const [first, ...more] = tokenStore(options, key, false)?.encryptionKeys ?? []
    expect([first?.length, more]).toEqual([expect.any(Number), []])
    return Buffer.from(first as Uint8Array)
  }
  const pem = keyFor(String(own.export({ type: 'pkcs8', format: 'pem' })))
  expect(pem.length).toBeGreaterThanOrEqual(32)
  expect(keyFor(String(own.export({ type: 'sec1', format: 'pem' })))).toEqual(pem)
  expect(keyFor(own.export({ format: 'jwk' }))).toEqual(pem)
  expect(keyFor(other.export({ format: 'jwk' }))).not.toEqual(pem)
})
