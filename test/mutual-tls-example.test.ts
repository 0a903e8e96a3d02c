// Runs the complete example of docs/mutual-tls.md unchanged, while its files are replaced.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { decodeJwt } from 'jose'
import { expect, it } from 'vitest'
import { read } from './repository.ts'
import { authority, CertificateDirectory, thumbprintOf } from './servers/certificates.ts'
import { endTied, spawnTied } from './servers/tied-process.ts'

/** The code after the comment with the name of this file. */
function example(): string {
  const [, code] =
    /<!-- run by test\/mutual-tls-example\.test\.ts -->\s+```ts\n(.*?)^```$/ms.exec(read('docs/mutual-tls.md')) ?? []
  if (code === undefined) throw new Error('the example is not where it was')
  return code
}

it('the example of docs/mutual-tls.md uses its new files, and no request fails', async () => {
  const issuer = await authority()
  const [tls, one, two] = await Promise.all([issuer.issue('server'), issuer.issue('orders'), issuer.issue('orders')])
  await using server = await startAuthorizationServer({ tls: { ...tls, ca: issuer.cert } })
  await using resource = await startProtectedResource({ authorizationServer: server, tls })
  using directory = new CertificateDirectory()
  directory.write(one)
  directory.file('ca.crt', issuer.cert)
  // Within the workspace, since it imports the packages.
  const folder = mkdtempSync(join(import.meta.dirname, '.copy-mutual-tls-'))
  const file = join(folder, 'service.mjs')
  writeFileSync(file, example())
  const environment = {
    ISSUER: server.appId.oauthServerUrl,
    STOCK: resource.origin,
    CLIENT_ID: server.clientId,
    TLS_DIRECTORY: directory.path,
    PORT: '0',
    NODE_TLS_REJECT_UNAUTHORIZED: '1',
  }
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const service = spawnTied('env', [...settings, process.execPath, file])
  try {
    const port = await new Promise<string>((resolve, reject) => {
      let output = ''
      service.stdout?.on('data', (chunk) => {
        output += chunk
        const [, found] = /port: (\d+)/.exec(output) ?? []
        if (found !== undefined) resolve(found)
      })
      service.once('exit', () => reject(new Error(`the example has ended: ${output}`)))
    })
    const call = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`)
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('/items')])
      return resource.received.at(-1)?.certificateThumbprint
    }
    expect(await call()).toBe(thumbprintOf(one))
    for (const pair of [two, one]) {
      directory.write(pair)
      await expect.poll(call).toBe(thumbprintOf(pair))
    }
    expect([...resource.answers.keys()]).toEqual([200])
    expect(server.certificates.seen).toEqual([one, two, one].map(thumbprintOf))
    const bound = resource.received.map(({ headers, certificateThumbprint }) => [
      (decodeJwt(headers.authorization?.slice('Bearer '.length) ?? '').cnf as Record<string, unknown>)['x5t#S256'],
      certificateThumbprint,
    ])
    for (const [token, connection] of bound) expect(token).toBe(connection)
  } finally {
    await endTied(service)
    rmSync(folder, { recursive: true })
  }
})
