import type { McaAuthOptions, TokenProvider } from '@mca-auth/core'
import { type Fetch, mcaAuth } from '@mca-auth/fetch'
import { Agent, fetch as undiciFetch } from 'undici'
import { type Client, contract, type Init } from './contract.ts'

const isPlain = (body: unknown) => typeof body === 'object' && Object.getPrototypeOf(body) === Object.prototype
const text = (body: unknown) => (isPlain(body) ? JSON.stringify(body) : body) as string | undefined

const over = (bare: Fetch, attached: readonly (McaAuthOptions | TokenProvider)[]) =>
  attached.reduce((inner, one) => mcaAuth(one, { fetch: inner }), bare)

type Call = (fetch: Fetch, url: string, init: Init) => Promise<Response>

function client(name: string, bare: Fetch, call: Call, rest: Partial<Client> = {}): Client {
  return {
    name,
    start(...attached) {
      const fetch = over(bare, attached)
      return {
        async send(url, init = {}) {
          const raw = await call(fetch, url, init)
          return { status: raw.status, text: await raw.text(), raw }
        },
        async [Symbol.asyncDispose]() {},
      }
    },
    resendable: {
      JSON: () => [{ a: 1 }, '{"a":1}'],
      'a string': () => ['text', 'text'],
      'a Buffer': () => [Buffer.from('bytes'), 'bytes'],
      URLSearchParams: () => [new URLSearchParams({ a: '1' }), 'a=1'],
      'a Blob': () => [new Blob(['blob']), 'blob'],
      FormData: () => {
        const data = new FormData()
        data.set('field', 'of a form')
        return [data, /name="field"\r\n\r\nof a form/]
      },
    },
    oneShot: { 'a stream': () => new Blob(['stream']).stream() },
    followsRedirects: true,
    lastWins: true,
    ...rest,
  }
}

const init = ({ body, ...rest }: Init): RequestInit =>
  ({ ...rest, body: text(body), ...(body instanceof ReadableStream && { duplex: 'half' }) }) as RequestInit

const direct: Call = (fetch, url, options) => fetch(url, init(options))

contract(client("@mca-auth/fetch, over Node's", globalThis.fetch, direct))

const agent = new Agent({ connect: { rejectUnauthorized: false } })
const ofUndici = ((input: string, options: object) => undiciFetch(input, { dispatcher: agent, ...options })) as unknown
contract(
  client("@mca-auth/fetch, over undici's", ofUndici as Fetch, direct, {
    // undici's fetch knows its own FormData only.
    resendable: { JSON: () => [{ a: 1 }, '{"a":1}'], 'a string': () => ['text', 'text'] },
  }),
)

contract(
  client(
    '@mca-auth/fetch, with a Request',
    globalThis.fetch,
    (fetch, url, options) => fetch(new Request(url, init(options))),
    {
      oneShot: {},
    },
  ),
)
