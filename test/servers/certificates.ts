// Fake certificates for servers and clients of tests, which are deleted after the test.
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate, type SelfsignedOptions } from 'selfsigned'

export interface Pem {
  readonly cert: string
  readonly key: string
}

/** `x5t#S256` of the first certificate (RFC 8705 §3.1). */
export function thumbprintOf({ cert }: Pem): string {
  return createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url')
}

async function made(name: string, options: SelfsignedOptions): Promise<Pem> {
  const attributes = [{ name: 'commonName', value: name }]
  const { cert, private: key } = await generate(attributes, { keyType: 'ec', algorithm: 'sha256', ...options })
  return { cert, key }
}

/** Issues certificates for servers on 127.0.0.1 and localhost, and for clients. */
export interface Authority extends Pem {
  issue(name: string, options?: SelfsignedOptions): Promise<Pem>
}

export async function authority(name = 'A fake authority'): Promise<Authority> {
  const own = await made(name, {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  })
  const extensions: SelfsignedOptions['extensions'] = [
    {
      name: 'subjectAltName',
      altNames: [
        { type: 2, value: 'localhost' },
        { type: 7, ip: '127.0.0.1' },
      ],
    },
  ]
  return { ...own, issue: (client, options) => made(client, { ca: own, extensions, ...options }) }
}

/** A self-signed certificate. */
export function selfSigned(name: string, options: SelfsignedOptions = {}): Promise<Pem> {
  return made(name, options)
}

/** A directory with files that rotate. */
export class CertificateDirectory {
  readonly path: string = mkdtempSync(join(tmpdir(), 'mca-auth-certificates-'))
  readonly cert: string = join(this.path, 'tls.crt')
  readonly key: string = join(this.path, 'tls.key')

  /** Writes first the certificate, then the key. */
  write({ cert, key }: Pem): void {
    writeFileSync(this.cert, cert)
    writeFileSync(this.key, key)
  }

  file(name: string, text: string): string {
    const path = join(this.path, name)
    writeFileSync(path, text)
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
