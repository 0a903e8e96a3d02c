import * as axios from '@mca-auth/axios'
import * as core from '@mca-auth/core'
import * as adapter from '@mca-auth/core/adapter'
import * as got from '@mca-auth/got'
import * as testing from '@mca-auth/testing'
import * as undici from '@mca-auth/undici'
import { describe, expect, it } from 'vitest'
import { packageFolders, read, sourceFiles as sources } from './repository.ts'

describe('the public interface', () => {
  it('is what each package exports, and nothing more', () => {
    const exported = Object.entries({ axios, core, 'core/adapter': adapter, got, testing, undici })
    expect(
      Object.fromEntries(exported.map(([name, module]) => [name, Object.keys(module).sort()])),
    ).toMatchInlineSnapshot(`
      {
        "axios": [
          "mcaAuth",
        ],
        "core": [
          "McaAuthError",
          "createTokenProvider",
          "getAuthorizationHeader",
          "getAuthorizationHeaderBySecret",
          "getAuthorizationHeaderFromIncomingRequest",
        ],
        "core/adapter": [
          "Attachment",
          "originOf",
          "unixSocket",
        ],
        "got": [
          "mcaAuth",
        ],
        "testing": [
          "startAuthorizationServer",
          "startProtectedResource",
        ],
        "undici": [
          "mcaAuth",
        ],
      }
    `)
  })

  it('is named in each index.ts, which holds nothing else', () => {
    for (const index of sources.filter((file) => file.endsWith('/index.ts'))) {
      expect(read(index)).not.toMatch(/export \*|export default|\b(function|class|const|let)\b/)
    }
  })
})

describe('the sources', () => {
  it('have no file that has outgrown its idea, and no drawers', () => {
    expect(sources.length).toBeGreaterThan(40)
    for (const file of sources) {
      expect.soft(read(file).split('\n').length, file).toBeLessThanOrEqual(221)
      expect.soft(file).not.toMatch(/\/(utils?|helpers?|common|misc|types)(\/|\.ts$)/)
    }
  })

  it('have no default export, console or TODO in a library', () => {
    for (const file of sources.filter((name) => !name.startsWith('packages/examples/'))) {
      expect
        .soft(read(file), file)
        .not.toMatch(/export default|console\.(log|warn|error)\((?![^\n]*\n[^\n]*\*)|TODO|FIXME/)
    }
  })
})

describe('each package', () => {
  const packages = packageFolders
    .map((directory) => ({ directory, json: JSON.parse(read(`${directory}/package.json`)) }))
    .filter(({ json }) => !json.private)

  it('says where it is, what it needs, and ships no more than it must', () => {
    expect(packages).toHaveLength(5)
    for (const { directory, json } of packages) {
      expect(json.repository.directory).toBe(directory)
      expect(json.name).toBe(directory.replace('packages/', '@mca-auth/'))
      expect(json).toMatchObject({
        type: 'module',
        sideEffects: false,
        license: 'Apache-2.0',
        version: packages[0]?.json.version,
      })
      expect(json.engines).toEqual({ node: '>=20.19' })
    }
  })

  it('that adapts a client depends on core alone', () => {
    for (const { json } of packages.filter(({ json }) => json.peerDependencies)) {
      expect(Object.keys(json.dependencies)).toEqual(['@mca-auth/core'])
    }
  })
})
