import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as core from '@mca-auth/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** A second copy of the package in this process, as a bundle or a nested dependency brings it along. */
let copy: typeof core
let directory: string

beforeAll(async () => {
  const built = join(import.meta.dirname, '../../packages/core')
  directory = mkdtempSync(join(built, '../../test/.copy-'))
  for (const folder of ['dist', 'src']) cpSync(join(built, folder), join(directory, folder), { recursive: true })
  cpSync(join(built, 'package.json'), join(directory, 'package.json'))
  symlinkSync(join(built, 'node_modules'), join(directory, 'node_modules'))
  copy = await import(pathToFileURL(join(directory, 'dist/index.js')).href)
})

afterAll(() => rmSync(directory, { recursive: true }))

describe('two copies of core in one process', () => {
  it('are two', () => {
    expect(dirname(directory)).toBe(join(import.meta.dirname, '..'))
    expect(copy.McaAuthError).not.toBe(core.McaAuthError)
    expect(copy.createTokenProvider).not.toBe(core.createTokenProvider)
  })

  it("know each other's errors, and nothing else for one", () => {
    const theirs = new copy.McaAuthError('TOKEN_REQUEST_FAILED', 'no')
    expect(theirs).toBeInstanceOf(core.McaAuthError)
    expect(new core.McaAuthError('TOKEN_REQUEST_FAILED', 'no')).toBeInstanceOf(copy.McaAuthError)
    expect(Object.getPrototypeOf(theirs)).not.toBe(core.McaAuthError.prototype)
    for (const other of [
      new Error('no'),
      { code: 'TOKEN_REQUEST_FAILED', name: 'McaAuthError' },
      null,
      undefined,
      'x',
    ]) {
      expect(other instanceof core.McaAuthError).toBe(false)
    }
    class Derived extends core.McaAuthError {}
    expect(theirs instanceof Derived).toBe(false)
    expect(new Derived('TOKEN_REQUEST_FAILED', 'no')).toBeInstanceOf(Derived)
    expect(new Derived('TOKEN_REQUEST_FAILED', 'no')).toBeInstanceOf(copy.McaAuthError)
  })

  it("know each other's token endpoints, which no token may go to", async () => {
    const { isTokenEndpoint } = await import(
      pathToFileURL(join(directory, 'dist/token-endpoint/token-endpoints.js')).href
    )
    const tokenEndpoint = 'https://copies.example.com/token'
    const provider = core.createTokenProvider({ tokenEndpoint, clientId: 'c', secret: 'fake-secret' })
    expect(isTokenEndpoint(new URL(tokenEndpoint))).toBe(true)
    provider.close()
    expect(isTokenEndpoint(new URL(tokenEndpoint))).toBe(false)
  })

  it("recognise each other's providers by a name, and no other object", async () => {
    const { internalsOf } = await import(pathToFileURL(join(directory, 'dist/provider/provider-internals.js')).href)
    const provider = core.createTokenProvider({ tokenEndpoint: 'https://x/', clientId: 'c', secret: 'fake-secret' })
    expect(internalsOf(provider)).toMatchObject({ take: expect.any(Function), reject: expect.any(Function) })
    expect(Object.keys(provider).concat(Object.getOwnPropertyNames(provider))).toEqual([])
    for (const other of [{ getToken: () => {} }, { ...provider }, {}, null, undefined, 'x', 7]) {
      expect(internalsOf(other)).toBeUndefined()
    }
    provider.close()
  })
})
