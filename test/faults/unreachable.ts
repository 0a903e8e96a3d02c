import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { McaAuthOptions } from '@mca-auth/core'
import { generate } from 'selfsigned'
import { Agent, fetch } from 'undici'
import { refused } from '../servers/refused.ts'

/** A token endpoint that cannot be reached, and the code of the network error that says why. */
export interface Unreachable {
  readonly fault: string
  readonly cause: RegExp
  readonly start: () => Promise<AsyncDisposable & { readonly options: McaAuthOptions }>
}

const client = { clientId: 'client', secret: 'fake-secret', timeoutMs: 60_000 }
const day = 24 * 3600_000

/** A TLS server whose certificate is trusted but invalid. */
async function overTls(name: string, notAfterDate: Date) {
  const pem = await generate([{ name: 'commonName', value: name }], {
    notBeforeDate: new Date(Date.now() - 10 * day),
    notAfterDate,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
  })
  const server = createServer({ key: pem.private, cert: pem.cert }, (_request, response) => response.end()).listen(0)
  await once(server, 'listening')
  const agent = new Agent({ connect: { ca: pem.cert, rejectUnauthorized: true } })
  const trusting = (url: string, init: object) => fetch(url, { ...init, dispatcher: agent })
  const tokenEndpoint = `https://localhost:${(server.address() as AddressInfo).port}/token`
  return {
    options: { ...client, tokenEndpoint, fetch: trusting as unknown as typeof globalThis.fetch },
    async [Symbol.asyncDispose]() {
      await agent.destroy()
      server.close()
    },
  }
}

const nothing = async () => {}

export const unreachable: readonly Unreachable[] = [
  {
    fault: 'refuses connections',
    cause: /^ECONNREFUSED$/,
    start: async () => ({
      options: { ...client, tokenEndpoint: `${refused}/token` },
      [Symbol.asyncDispose]: nothing,
    }),
  },
  {
    fault: 'has a name that does not resolve',
    cause: /^(ENOTFOUND|EAI_AGAIN)$/,
    start: async () => ({
      options: { ...client, tokenEndpoint: 'https://idp.invalid/token' },
      [Symbol.asyncDispose]: nothing,
    }),
  },
  {
    fault: 'has a TLS certificate that has expired',
    cause: /^CERT_HAS_EXPIRED$/,
    start: () => overTls('localhost', new Date(Date.now() - day)),
  },
  {
    fault: 'has a TLS certificate for another name',
    cause: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    start: () => overTls('other.example.com', new Date(Date.now() + day)),
  },
]
