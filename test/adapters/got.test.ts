import { Readable } from 'node:stream'
import { mcaAuth } from '@mca-auth/got'
import type { Got } from 'got'
import { everyClient } from '../size.ts'
import { argumentsOf, type Client, contract } from './contract.ts'
import { gots } from './versions.ts'

function gotClient(version: string, got: Got): Client {
  const starting =
    (limit: number): Client['start'] =>
    (...attached) => {
      const retry = { limit, calculateDelay: ({ computedValue }: { computedValue: number }) => computedValue && 1 }
      let instance: Got = got.extend({ retry, https: { rejectUnauthorized: false } })
      for (const one of attached) instance = instance.extend(mcaAuth(...argumentsOf(one)))
      return {
        async send(url, { method = 'GET', headers = {}, body, signal } = {}) {
          const isPlain = typeof body === 'object' && Object.getPrototypeOf(body) === Object.prototype
          const content = body === undefined ? {} : isPlain ? { json: body } : { body: body as string }
          const options = { method: method as 'GET', headers, ...content, ...(signal && { signal }) }
          try {
            const response = await instance(url, options)
            return { status: response.statusCode, text: response.body, raw: response.statusCode }
          } catch (error) {
            const { response } = error as { response?: { statusCode: number; body: unknown } }
            if (response?.body === undefined) throw error
            return { status: response.statusCode, text: String(response.body), raw: error }
          }
        },
        async [Symbol.asyncDispose]() {},
      }
    }
  return {
    name: `got ${version}`,
    isTypical: version === '16',
    start: starting(0),
    startRetrying: starting(2),
    seesHops: true,
    resendable: {
      JSON: () => [{ a: 1 }, '{"a":1}'],
      'a string': () => ['text', 'text'],
      'a Buffer': () => [Buffer.from('bytes'), 'bytes'],
      'a Uint8Array': () => [new TextEncoder().encode('bytes'), 'bytes'],
    },
    oneShot: {
      'a stream': () => Readable.from(['stream']),
      'a generator': async function* () {
        yield 'generated'
      } as unknown as () => unknown,
      FormData: () => {
        const data = new FormData()
        data.set('field', 'of a form')
        return data
      },
    },
    followsRedirects: true,
  }
}

for (const [version, got] of Object.entries(await gots())) {
  if (version !== '15' || everyClient) contract(gotClient(version, got))
}
