import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import * as axios from '@mca-auth/axios'
import * as core from '@mca-auth/core'
import * as adapter from '@mca-auth/core/adapter'
import * as fetch from '@mca-auth/fetch'
import * as fileCache from '@mca-auth/file-cache'
import * as got from '@mca-auth/got'
import * as ibmCloudSdk from '@mca-auth/ibm-cloud-sdk'
import * as opentelemetry from '@mca-auth/opentelemetry'
import * as redis from '@mca-auth/redis'
import * as testing from '@mca-auth/testing'
import * as undici from '@mca-auth/undici'
import { describe, expect, it } from 'vitest'
import { packageFolders, read, sourceFiles as sources } from './repository.ts'

describe('the public interface', () => {
  it('is what each package exports, and nothing more', () => {
    const exported = Object.entries({
      axios,
      core,
      'core/adapter': adapter,
      fetch,
      'file-cache': fileCache,
      got,
      'ibm-cloud-sdk': ibmCloudSdk,
      opentelemetry,
      redis,
      testing,
      undici,
    })
    expect(
      Object.fromEntries(exported.map(([name, module]) => [name, Object.keys(module).sort()])),
    ).toMatchInlineSnapshot(`
      {
        "axios": [
          "mcaAuth",
        ],
        "core": [
          "McaAuthError",
          "clientAssertion",
          "clientCertificate",
          "createTokenProvider",
          "forwardIncoming",
          "getAuthorizationHeader",
          "getAuthorizationHeaderBySecret",
          "getAuthorizationHeaderFromIncomingRequest",
          "ibmIam",
          "ibmVpc",
          "jwtBearer",
          "privateKeyJwt",
          "tokenExchange",
        ],
        "core/adapter": [
          "bodySnapshot",
          "conceal",
          "concealIn",
          "createRequestAuthorizer",
          "errorsIn",
          "findCredentials",
          "hasStaticSecret",
          "headerValues",
          "isReusable",
          "loadSecretMask",
          "maxRecordedBytes",
          "nearestName",
          "originOf",
          "parseUrl",
          "partOf",
          "platformReaders",
          "requestBody",
          "unixSocket",
          "whileBodyWaits",
          "withService",
        ],
        "fetch": [
          "mcaAuth",
        ],
        "file-cache": [
          "fileTokenCache",
        ],
        "got": [
          "mcaAuth",
        ],
        "ibm-cloud-sdk": [
          "McaAuthenticator",
        ],
        "opentelemetry": [
          "instrumentMcaAuth",
        ],
        "redis": [
          "redisTokenCache",
        ],
        "testing": [
          "memoryTokenCache",
          "sharedTokenCacheContract",
          "startAuthorizationServer",
          "startIam",
          "startInstanceMetadata",
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
  it('have at most 220 lines per file, and no utils, helpers, common or types files', () => {
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

describe('the imports of core', () => {
  /** A folder imports only from folders before it. The files of `base` import from no folder, and every folder may import them. */
  const folders = ['credentials', 'token-endpoint', 'shared-cache', 'provider', 'authorization']
  const base = ['error', 'origin', 'telemetry', 'validate']
  const subfolders = ['credentials/certificate', 'credentials/platform']
  const root = 'packages/core/src/'
  const files = sources.filter((file) => file.startsWith(root)).map((file) => file.slice(root.length))
  const importsOf = new Map(files.map((file) => [file, importedBy(file)]))

  /** Includes types and dynamic imports, but not the examples of doc comments. */
  function importedBy(file: string): string[] {
    const code = read(root + file).replaceAll(/\/\*\*.*?\*\//gs, '')
    const specifiers = [...code.matchAll(/\b(?:from|import)\b[\s(]*'(\.[^']+)'/g)].map(
      ([, specifier = '']) => specifier,
    )
    return specifiers.map((specifier) => posix.join(posix.dirname(file), specifier.replace(/\.js$/, '.ts')))
  }

  /** 0 for the base, then the folders in their order; the files at the top level that join them come last. */
  function level(file: string): number {
    const [folder = '', name] = file.split('/')
    if (name !== undefined) return 1 + folders.indexOf(folder)
    return base.includes(folder.replace(/\.ts$/, '')) ? 0 : folders.length + 1
  }

  it('are all found by this test, and lead to existing files', () => {
    const all = [...importsOf.values()].flat()
    expect(all.length).toBeGreaterThan(80)
    expect(all.filter((file) => !files.includes(file))).toEqual([])
    for (const folder of folders) expect(files.some((file) => file.startsWith(`${folder}/`))).toBe(true)
    expect(files.filter((file) => level(file) < 0)).toEqual([])
    expect([...new Set(files.filter((file) => file.split('/').length > 2).map(posix.dirname))].sort()).toEqual(
      subfolders,
    )
    expect(importsOf.get('token-endpoint/send-token-request.ts')).toContain('token-endpoint/token-response.ts')
    expect(importsOf.get('provider/oauth-token-provider.ts')).toContain('provider/create-token-refresher.ts')
  })

  it('run one way through the folders', () => {
    const backwards = [...importsOf].flatMap(([file, imported]) =>
      imported.filter((target) => level(target) > level(file)).map((target) => `${file} imports ${target}`),
    )
    expect(backwards).toEqual([])
  })

  it('form no cycle', () => {
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: readonly string[]) => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      if (path.includes(file) || done.has(file)) return
      for (const target of importsOf.get(file) ?? []) visit(target, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })
})

describe('each package', () => {
  const packages = packageFolders
    .map((directory) => ({ directory, json: JSON.parse(read(`${directory}/package.json`)) }))
    .filter(({ json }) => !json.private)

  it('states its directory, its engines and its licence, and has the common version', () => {
    expect(packages).toHaveLength(11)
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

  it('loads the modules for a token request with the first one, not before', () => {
    const script = `
      import { Session } from 'node:inspector'
      const session = new Session()
      session.connect()
      const loaded = []
      session.on('Debugger.scriptParsed', ({ params }) => loaded.push(params.url))
      session.post('Debugger.enable')
      const builtins = new Set(process.moduleLoadList)
      const { createTokenProvider } = await import('@mca-auth/core')
      for (const adapter of ['fetch', 'file-cache', 'got', 'redis', 'undici']) await import('@mca-auth/' + adapter)
      const provider = createTokenProvider({ tokenEndpoint: 'http://127.0.0.1:1', clientId: 'a', secret: 'fake' })
      loaded.push(...process.moduleLoadList.filter((name) => !builtins.has(name)))
      console.log(loaded.filter((name) => /create-token-refresher|node_modules.(axios|got|undici)|NativeModule crypto/.test(name)))
      await import('@mca-auth/axios') // needs the classes of axios, which the application has loaded
      console.log(loaded.some((name) => /create-token-refresher/.test(name)))
      await provider.getToken().catch(() => {})
      console.log(loaded.some((name) => /core.dist.esm.create-token-refresher/.test(name)))`
    const node = ['--input-type=module', '-e', script]
    const output = execFileSync(process.execPath, node, { cwd: import.meta.dirname, encoding: 'utf8' })
    expect(output.split('\n')).toEqual(['[]', 'false', 'true', ''])
  })

  it('for a client depends on core alone, or on the adapter of the client beneath it', () => {
    for (const { json } of packages.filter(({ json }) => json.peerDependencies)) {
      const below = json.name === '@mca-auth/ibm-cloud-sdk' ? ['@mca-auth/axios'] : []
      const besides =
        // The package with which axios finds its proxy; and the peer of the adapter beneath, so that no application must install it.
        { '@mca-auth/axios': ['proxy-from-env'], '@mca-auth/ibm-cloud-sdk': ['axios'] }[json.name as string] ?? []
      expect(Object.keys(json.dependencies)).toEqual([...below, '@mca-auth/core', ...besides])
    }
  })

  it('is named in the changesets, which name no other package', () => {
    const names = packages.map(({ json }) => json.name)
    const files = readdirSync(join(import.meta.dirname, '../.changeset')).filter((file) =>
      /^(?!README).*\.md$/.test(file),
    )
    for (const file of files) {
      const [, head = ''] = read(`.changeset/${file}`).split('---\n')
      for (const line of head.trim().split('\n')) {
        const [, name, bump] = /^"(.+)": (major|minor|patch)$/.exec(line) ?? []
        expect.soft(names, `${file}: ${line}`).toContain(name)
        expect.soft(bump, `${file}: ${line}`).toBeDefined()
      }
    }
    expect(JSON.parse(read('.changeset/config.json')).fixed).toEqual([names])
  })
})

describe('the workflows', () => {
  const directory = '.github/workflows'
  const files = readdirSync(join(import.meta.dirname, '..', directory)).map((name) => `${directory}/${name}`)
  const workflows = files.map((file) => [file, read(file)] as const)

  it('pin every action by the hash of a commit, and say which version that is', () => {
    const uses = workflows.flatMap(([file, text]) =>
      (text.match(/^.*\buses:.*$/gm) ?? []).map((line) => `${file}:${line}`),
    )
    expect(uses.length).toBeGreaterThan(4)
    for (const line of uses) expect.soft(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  it('run on the versions of Node.js that are tested, and grant no more than a job needs', () => {
    const [, tested = ''] = /^const nodes = \[(.*)\]$/m.exec(read('test/matrix.js')) ?? []
    expect(read(`${directory}/ci.yml`)).toContain(`node: [${tested.replaceAll("'", '')}]`)
    for (const [file, text] of workflows) expect.soft(text, file).toMatch(/^permissions:( \{\}|\n {2}contents: read)$/m)
  })
})
