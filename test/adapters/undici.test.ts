import { Readable } from 'node:stream'
import { mcaAuth } from '@mca-auth/undici'
import type * as Undici from 'undici'
import type { Dispatcher, fetch as undiciFetch } from 'undici'
import { startRecorder } from '../servers/recorder.ts'
import { everyClient } from '../size.ts'
import { type Attached, argumentsOf, type Client, contract, type Init, type Session } from './contract.ts'
import { undicis } from './versions.ts'

type Compose = (agent: Dispatcher, attached: readonly Attached[]) => Dispatcher

const text = (body: unknown) => (typeof body === 'object' && isPlain(body) ? JSON.stringify(body) : body)
const isPlain = (body: unknown) => Object.getPrototypeOf(body) === Object.prototype

function requestClient(
  name: string,
  undici: typeof Undici,
  compose: Compose,
  traits: Pick<Client, 'followsRedirects' | 'seesHops' | 'stripsAtHops' | 'sendsProofAgain' | 'isTypical'>,
): Client {
  const retry = undici.interceptors.retry({ minTimeout: 1, maxRetries: 3 })
  const starting =
    (compose: Compose): Client['start'] =>
    (...attached) => {
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
    }
  return {
    name,
    start: starting(compose),
    startRetrying: starting((agent, attached) => compose(agent, attached).compose(retry)),
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
    ...traits,
    lastWins: true,
  }
}

async function* generate(chunks: readonly string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

type Fetch = (url: string, init: object) => ReturnType<typeof undiciFetch>

const sending =
  (fetch: Fetch, options: object = {}): Session['send'] =>
  async (url, { body, ...init }: Init = {}) => {
    const stream = body instanceof ReadableStream && { duplex: 'half' }
    const raw = await fetch(url, { ...options, ...init, body: text(body), ...stream })
    return { status: raw.status, text: await raw.text(), raw: raw.status }
  }

function fetchClient(name: string, undici: typeof Undici, fetch: Fetch): Client {
  return {
    name,
    start(...attached) {
      const agent = new undici.Agent({ connect: { rejectUnauthorized: false } })
      const dispatcher = wrap(agent, attached)
      return { send: sending(fetch, { dispatcher }), [Symbol.asyncDispose]: () => agent.destroy() }
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
    seesHops: true,
    lastWins: true,
    needsOrigins: true,
  }
}

/** Node's own fetch over a global dispatcher that is set for the duration of the session. */
function globalClient(name: string, undici: typeof Undici): Client {
  return {
    ...fetchClient(name, undici, nodeFetch),
    start(...attached) {
      const before = undici.getGlobalDispatcher()
      const agent = new undici.Agent({ connect: { rejectUnauthorized: false } })
      undici.setGlobalDispatcher(wrap(agent, attached))
      return {
        send: sending(nodeFetch),
        async [Symbol.asyncDispose]() {
          undici.setGlobalDispatcher(before)
          await agent.destroy()
        },
      }
    },
  }
}

const nodeFetch = globalThis.fetch as unknown as Fetch

const wrap = (inner: Dispatcher, attached: readonly Attached[]) =>
  attached.reduce((dispatcher, one) => dispatcher.compose(mcaAuth(...argumentsOf(one))), inner)

for (const [version, undici] of Object.entries(await undicis())) {
  const redirect = () => undici.interceptors.redirect({ maxRedirections: 5 })
  contract(requestClient(`undici ${version}, request`, undici, wrap, { followsRedirects: false }))
  if (version === '6' && !everyClient) continue
  const outside: Compose = (agent, attached) => wrap(agent, attached).compose(redirect())
  const seen = { followsRedirects: true, seesHops: true, isTypical: version === '7' }
  contract(requestClient(`undici ${version}, redirect outside`, undici, outside, seen))
  // Node's own fetch accepts the dispatchers of some versions only, and ignores those of others.
  if (await works(undici, (url, dispatcher) => nodeFetch(url, { dispatcher }))) {
    contract(fetchClient(`Node's fetch over undici ${version}`, undici, nodeFetch))
  }
  if (!everyClient) continue
  const inside: Compose = (agent, attached) => wrap(agent.compose(redirect()), attached)
  contract(
    requestClient(`undici ${version}, redirect inside`, undici, inside, {
      followsRedirects: true,
      stripsAtHops: true,
      sendsProofAgain: true,
    }),
  )
  contract(fetchClient(`undici ${version}, its fetch`, undici, undici.fetch as Fetch))
  if (await works(undici, (url, dispatcher) => globally(undici, dispatcher, () => nodeFetch(url, {})))) {
    contract(globalClient(`Node's fetch over global undici ${version}`, undici))
  }
}

/** Whether a request goes through a dispatcher without us: if not, there is nothing to test. */
async function works(undici: typeof Undici, send: (url: string, dispatcher: Dispatcher) => Promise<unknown>) {
  let passed = 0
  const agent = new undici.Agent()
  const counted = agent.compose((dispatch) => (options, handler) => {
    passed++
    return dispatch(options, handler)
  })
  await using server = await startRecorder((_request, response) => response.end())
  await send(`http://127.0.0.1:${server.port}`, counted).catch(() => {
    passed = 0
  })
  await agent.destroy()
  return passed === 1
}

async function globally<T>(undici: typeof Undici, dispatcher: Dispatcher, run: () => Promise<T>): Promise<T> {
  const before = undici.getGlobalDispatcher()
  undici.setGlobalDispatcher(dispatcher)
  try {
    return await run()
  } finally {
    undici.setGlobalDispatcher(before)
  }
}
