import { Readable } from 'node:stream'
import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/undici'
import type * as Undici from 'undici'
import type { Dispatcher, fetch as undiciFetch } from 'undici'
import { type Client, contract, type Init } from './contract.ts'
import { undicis } from './versions.ts'

type Compose = (agent: Dispatcher, attached: readonly (McaAuthOptions | TokenProvider)[]) => Dispatcher

const text = (body: unknown) => (typeof body === 'object' && isPlain(body) ? JSON.stringify(body) : body)
const isPlain = (body: unknown) => Object.getPrototypeOf(body) === Object.prototype

function requestClient(name: string, undici: typeof Undici, compose: Compose, followsRedirects: boolean): Client {
  return {
    name,
    start(...attached) {
      const agent = new undici.Agent({ connect: { rejectUnauthorized: false } })
      const dispatcher = compose(agent, attached)
      return {
        async send(url, { body, ...init } = {}) {
          const options = { dispatcher, ...init, body: text(body) as string }
          const raw = await undici.request(url, options as never)
          return { status: raw.statusCode, text: await raw.body.text(), raw: raw.statusCode }
        },
        [Symbol.asyncDispose]: () => agent.destroy(),
      }
    },
    resendable: {
      JSON: () => [{ a: 1 }, '{"a":1}'],
      'a string': () => ['text', 'text'],
      'a Buffer': () => [Buffer.from('bytes'), 'bytes'],
      'a Uint8Array': () => [new TextEncoder().encode('bytes'), 'bytes'],
      FormData: () => {
        const data = new undici.FormData()
        data.set('field', 'of a form')
        return [data, /name="field"\r\n\r\nof a form/]
      },
      'an async generator': () => [generate(['gene', 'rated']), 'generated'],
    },
    oneShot: {
      'a stream': () => Readable.from(['stream']),
      'a long generator': () => generate(Array.from({ length: 5 }, () => 'x'.repeat(20_000))),
    },
    followsRedirects,
    lastWins: true,
  }
}

async function* generate(chunks: readonly string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

type Fetch = (url: string, init: object) => ReturnType<typeof undiciFetch>

function fetchClient(name: string, undici: typeof Undici, fetch: Fetch): Client {
  return {
    name,
    start(...attached) {
      const agent = new undici.Agent({ connect: { rejectUnauthorized: false } })
      const dispatcher = attached.reduce<Dispatcher>((inner, one) => inner.compose(mcaAuth(one)), agent)
      return {
        async send(url, { body, ...init }: Init = {}) {
          const stream = body instanceof ReadableStream && { duplex: 'half' }
          const raw = await fetch(url, { dispatcher, ...init, body: text(body), ...stream })
          return { status: raw.status, text: await raw.text(), raw: raw.status }
        },
        [Symbol.asyncDispose]: () => agent.destroy(),
      }
    },
    resendable: {
      JSON: () => [{ a: 1 }, '{"a":1}'],
      'a string': () => ['text', 'text'],
      'a Buffer': () => [Buffer.from('bytes'), 'bytes'],
      URLSearchParams: () => [new URLSearchParams({ a: '1' }), 'a=1'],
      'a Blob': () => [new Blob(['blob']), 'blob'],
      'a short stream': () => [new Blob(['stream']).stream(), 'stream'],
    },
    oneShot: { 'a long stream': () => new Blob(['x'.repeat(100_000)]).stream() },
    followsRedirects: true,
    lastWins: true,
  }
}

const wrap = (inner: Dispatcher, attached: readonly (McaAuthOptions | TokenProvider)[]) =>
  attached.reduce((dispatcher, one) => dispatcher.compose(mcaAuth(one)), inner)

for (const [version, undici] of Object.entries(await undicis())) {
  const redirect = () => undici.interceptors.redirect({ maxRedirections: 5 })
  contract(requestClient(`undici ${version}, request`, undici, wrap, false))
  contract(
    requestClient(`undici ${version}, redirect inside`, undici, (agent, a) => wrap(agent.compose(redirect()), a), true),
  )
  contract(
    requestClient(
      `undici ${version}, redirect outside`,
      undici,
      (agent, a) => wrap(agent, a).compose(redirect()),
      true,
    ),
  )
  contract(fetchClient(`undici ${version}, its fetch`, undici, undici.fetch as Fetch))
  // Node's own fetch takes the dispatchers of some versions only; the matrix in the README says which.
  if (fits(version))
    contract(fetchClient(`undici ${version}, Node's fetch`, undici, globalThis.fetch as unknown as Fetch))
}

/** Node's fetch hands its own kind of handler to the dispatcher: bare undici 8 takes that of Node 26 only, 6 all but that. */
function fits(version: string): boolean {
  return Number(process.versions.node.split('.')[0]) >= 26 ? version !== '6' : version !== '8'
}
