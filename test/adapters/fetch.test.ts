import { type Fetch, mcaAuth } from '@mca-auth/fetch'
import nodeFetch3 from 'node-fetch'
import nodeFetch2 from 'node-fetch2'
import { Agent, fetch as undiciFetch } from 'undici'
import { everyClient } from '../size.ts'
import { type Attached, argumentsOf, type Client, contract, type Init } from './contract.ts'

const isPlain = (body: unknown) => typeof body === 'object' && Object.getPrototypeOf(body) === Object.prototype
const text = (body: unknown) => (isPlain(body) ? JSON.stringify(body) : body) as string | undefined

/** `undefined`: over the global fetch, since none is given. */
const over = (bare: Fetch | undefined, attached: readonly Attached[]) =>
  attached.reduce<Fetch | undefined>((fetch, one) => {
    const [provider, rules] = argumentsOf(one)
    return mcaAuth(provider, { ...rules, fetch })
  }, bare) as Fetch

/** Repeats a request after a 503. */
const retrying =
  (fetch: Fetch): Fetch =>
  async (input, init) => {
    const response = await fetch(input, init)
    return response.status === 503 ? fetch(input, init) : response
  }

type Call = (fetch: Fetch, url: string, init: Init) => Promise<Response>

const plain: Client['resendable'] = {
  JSON: () => [{ a: 1 }, '{"a":1}'],
  'a string': () => ['text', 'text'],
  'a Buffer': () => [Buffer.from('bytes'), 'bytes'],
}

const web: Client['resendable'] = {
  ...plain,
  URLSearchParams: () => [new URLSearchParams({ a: '1' }), 'a=1'],
  'a Blob': () => [new Blob(['blob']), 'blob'],
  FormData: () => {
    const data = new FormData()
    data.set('field', 'of a form')
    return [data, /name="field"\r\n\r\nof a form/]
  },
  'a short stream': () => [new Blob(['stream']).stream(), 'stream'],
}

function client(name: string, bare: Fetch | undefined, call: Call, rest: Partial<Client> = {}): Client {
  const startOver = (fetch: Fetch) => ({
    async send(url: string, init: Init = {}) {
      const raw = await call(fetch, url, init)
      return { status: raw.status, text: await raw.text(), raw }
    },
    async [Symbol.asyncDispose]() {},
  })
  return {
    name: `@mca-auth/fetch, ${name}`,
    start: (...attached) => startOver(over(bare, attached)),
    startRetrying: (...attached) => startOver(retrying(over(bare, attached))),
    ...(bare === undefined ? { stripsAtHops: true } : { seesHops: true }),
    whenBound: { seesHops: true, stripsAtHops: false },
    resendable: web,
    oneShot: { 'a long stream': () => new Blob(['x'.repeat(100_000)]).stream() },
    followsRedirects: true,
    lastWins: true,
    ...rest,
  }
}

const init = ({ body, ...rest }: Init): RequestInit =>
  ({ ...rest, body: text(body), ...(body instanceof ReadableStream && { duplex: 'half' }) }) as RequestInit

const direct: Call = (fetch, url, options) => fetch(url, init(options))
const asRequest: Call = (fetch, url, options) => fetch(new Request(url, init(options)))

contract(client('over the global fetch', undefined, direct, { isTypical: true }))
contract(client('over the global fetch, with a Request', undefined, asRequest))
if (everyClient) {
  contract(client("over Node's, given", globalThis.fetch, direct))
  contract(client("over Node's, given, with a Request", globalThis.fetch, asRequest))
}

const agent = new Agent({ connect: { rejectUnauthorized: false } })
const ofUndici = ((input: string, options: object) => undiciFetch(input, { dispatcher: agent, ...options })) as unknown
// undici's fetch recognises only its own FormData.
contract(client("over undici's", ofUndici as Fetch, direct, { resendable: plain }))

for (const [version, nodeFetch] of Object.entries({ 2: nodeFetch2, 3: nodeFetch3 }) as [string, unknown][]) {
  if (version === '3' && !everyClient) continue
  contract(client(`over node-fetch ${version}`, nodeFetch as Fetch, direct, { resendable: plain, oneShot: {} }))
}
