// The examples of docs/file-cache.md, unchanged.
import { execFile } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { fileTokenCache } from '@mca-auth/file-cache'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { read } from '../repository.ts'
import { endTied, spawnTied } from '../servers/tied-process.ts'

interface Pod {
  readonly spec: {
    readonly securityContext: { readonly runAsUser: number; readonly fsGroup: number }
    readonly containers: readonly {
      readonly name: string
      readonly env: readonly { readonly name: string; readonly value: string }[]
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
    }[]
    readonly volumes: readonly { readonly name: string; readonly emptyDir: object }[]
  }
}

const page = read('docs/file-cache.md')

/** The code after the comment with the name of this file. */
function example(file: string): string {
  const [, code] = new RegExp(`^\`\`\`\\w+\\n((?://|#) ${file}\\n.*?)^\`\`\`$`, 'ms').exec(page) ?? []
  if (code === undefined) throw new Error(`there is no ${file} in the page`)
  return code
}

describe('the page about the cache in files', () => {
  // Within the workspace, since the examples import the packages.
  const folder = mkdtempSync(join(import.meta.dirname, '../.copy-file-cache-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('has a cluster whose workers share one token', async () => {
    await using authorizationServer = await startAuthorizationServer()
    await using orders = await startProtectedResource({ authorizationServer })
    // The only change: a busy machine may take longer than the cache may by default.
    const patient = 'sharedCache: fileTokenCache(), sharedCacheTimeoutMs: 60_000, timeoutMs: 120_000'
    const code = example('cluster.mjs').replace('sharedCache: fileTokenCache()', patient)
    expect(code).toContain(patient)
    writeFileSync(join(folder, 'cluster.mjs'), code)
    const { clientId, secret, oauthServerUrl } = authorizationServer.appId
    const environment = {
      APPID_CLIENTID: clientId,
      APPID_SECRET: secret,
      APPID_OAUTHSERVERURL: oauthServerUrl,
      ORDERS_URL: orders.origin,
      XDG_CACHE_HOME: join(folder, 'cache'),
      HOME: folder,
      PORT: '0',
    }
    const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const service = spawnTied('env', [...settings, process.execPath, join(folder, 'cluster.mjs')])
    try {
      const port = await new Promise<string>((resolve, reject) => {
        let output = ''
        service.stdout?.on('data', (chunk) => {
          output += chunk
          const ports = [...output.matchAll(/port: (\d+)/g)]
          if (ports.length === 4) resolve(ports[0]?.[1] as string)
        })
        service.once('exit', () => reject(new Error(`the example has ended: ${output}`)))
      })
      const workers = new Set<string>()
      // Each on its own connection, since the cluster distributes connections.
      const call = async () => {
        const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
        expect(response.status).toBe(200)
        workers.add(await response.text())
      }
      await Promise.all(Array.from({ length: 12 }, call))
      expect(workers.size).toBe(4)
      expect(orders.received).toHaveLength(12)
      expect(authorizationServer.tokenRequests).toBe(1)
    } finally {
      await endTied(service)
    }
  })

  it('has a file for PM2 that gives a directory', () => {
    writeFileSync(join(folder, 'ecosystem.config.cjs'), example('ecosystem.config.cjs'))
    const { apps } = createRequire(import.meta.url)(join(folder, 'ecosystem.config.cjs'))
    expect(apps).toMatchObject([{ exec_mode: 'cluster', instances: 'max', script: './service.mjs' }])
    expect(isAbsolute(apps[0].env.TOKEN_DIRECTORY)).toBe(true)
    expect(page).toContain('fileTokenCache({ directory: process.env.TOKEN_DIRECTORY })')
  })

  it.runIf(process.platform === 'linux')(
    'has a pod whose containers share a volume that Kubernetes has created for its group',
    async () => {
      const { spec } = parse(example('pod.yaml')) as Pod
      const [volume] = spec.volumes
      const { runAsUser, fsGroup } = spec.securityContext
      const isRoot = process.geteuid?.() === 0
      // The volume, as the kubelet creates it.
      const node = mkdtempSync(join(tmpdir(), 'mca-auth-pod-'))
      onTestFinished(() => rmSync(node, { recursive: true }))
      chmodSync(node, 0o755)
      const mount = join(node, 'volume')
      mkdirSync(mount)
      if (isRoot) chownSync(mount, 0, fsGroup)
      chmodSync(mount, 0o2777)

      /** A container of the pod, as this user. */
      const run = async (environment: Record<string, string>, user: number, work: string): Promise<unknown> => {
        const script = `
        const { fileTokenCache } = await import('@mca-auth/file-cache')
        await fileTokenCache({ directory: '/does/not/exist' }).list() // loads all modules, while this user may read them
        if (process.geteuid() === 0) {
          process.setgroups([])
          process.setgid(${fsGroup})
          process.setuid(${user})
        }
        const cache = fileTokenCache()
        console.log(JSON.stringify(await (${work})().catch((error) => error.message)))`
        const env = { ...environment, PATH: process.env.PATH }
        const args = ['--input-type=module', '-e', script]
        const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: import.meta.dirname })
        return JSON.parse(stdout)
      }
      const results: unknown[] = []
      for (const { env, volumeMounts } of spec.containers) {
        const { mountPath } = volumeMounts.find(({ name }) => name === volume?.name) ?? {}
        const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]))
        expect(variables.XDG_CACHE_HOME).toBe(mountPath)
        const work = `async () => {
        const found = await cache.get('key')
        if (found) return found.value
        const fence = await cache.lease('key', 'me', 60_000)
        await cache.set('key', { value: 'the token', digest: 'd', expiresInMs: 60_000 }, fence)
        return 'requested'
      }`
        results.push(await run({ ...variables, XDG_CACHE_HOME: mount }, runAsUser, work))
      }
      expect(results).toEqual(['requested', 'the token'])
      if (isRoot) {
        const asAnother = await run({ XDG_CACHE_HOME: mount }, runAsUser + 1, "() => cache.get('key')")
        expect(asAnother).toMatch(
          `${mount}/mca-auth belongs to user ${runAsUser}, and this process runs as ${runAsUser + 1}`,
        )
      }
      const reason = isRoot ? 'is open to other users (mode 0777)' : 'is open to other users'
      await expect(fileTokenCache({ directory: mount }).get('key')).rejects.toThrow(reason)
    },
  )
})
