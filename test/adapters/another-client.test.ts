// The protocol is documented well enough to write an adapter for another client: needle's meets the same contract.
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { argumentsOf, contract } from './contract.ts'
import { mcaAuth, type Send } from './needle-adapter.ts'

const isPlain = (body: unknown) => Object.getPrototypeOf(body ?? '') === Object.prototype

contract({
  name: 'needle, which has no adapter of ours',
  start(...attached) {
    const send = attached.reduce<Send | undefined>((inner, one) => {
      const [provider, rules] = argumentsOf(one)
      return mcaAuth(provider, rules ?? {}, inner)
    }, undefined) as Send
    return {
      async send(url, { method = 'GET', body, ...init } = {}) {
        const data = isPlain(body) ? JSON.stringify(body) : body
        const options = { ...init, parse: false, follow: 5, follow_keep_method: false, rejectUnauthorized: false }
        const raw = await send(method, url, data ?? null, options)
        return { status: raw.statusCode, text: raw.raw.toString(), raw }
      },
      async [Symbol.asyncDispose]() {},
    }
  },
  resendable: {
    JSON: () => [{ a: 1 }, '{"a":1}'],
    'a string': () => ['text', 'text'],
    'a Buffer': () => [Buffer.from('bytes'), 'bytes'],
  },
  oneShot: { 'a stream': () => Readable.from(['stream']) },
  followsRedirects: true,
  seesHops: true,
  lastWins: true,
})

it('takes at most 60 lines of code', () => {
  const source = readFileSync(`${import.meta.dirname}/needle-adapter.ts`, 'utf8')
  const code = source.slice(source.indexOf('const outermost')).split('\n')
  expect(code.filter((line) => !/^\s*(\/\/|\/\*\*|$)/.test(line)).length).toBeLessThanOrEqual(60)
})
