// Bodies that can be read only once: of requests, and of responses that are discarded.
import { createReadStream } from 'node:fs'
import { Agent } from 'node:http'
import { PassThrough } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Fetch, mcaAuth } from '@mca-auth/fetch'
import nodeFetch3 from 'node-fetch'
import nodeFetch2 from 'node-fetch2'
import { describe, expect, it } from 'vitest'
import { provide, resource, server } from '../servers/app-id.ts'
import { startRecorder } from '../servers/recorder.ts'
import { bearer, failure } from './contract.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function warm(fetch?: unknown) {
  const provider = provide()
  await provider.getToken()
  return mcaAuth(provider, { fetch: fetch as Fetch | undefined })
}

function streamOf(chunks: unknown[], onCancel: (reason: unknown) => void = () => {}): RequestInit {
  const body = new ReadableStream({
    pull(controller) {
      if (chunks.length === 0) controller.close()
      else controller.enqueue(chunks.shift())
    },
    cancel: onCancel,
  })
  return { method: 'POST', body, duplex: 'half' } as RequestInit
}

const text = (length: number) => new TextEncoder().encode('x'.repeat(length))

describe.each(['cold', 'warm'])('with a %s token', (state) => {
  const ours = () => (state === 'warm' ? warm() : Promise.resolve(mcaAuth(provide())))

  it('a Request is sent with or without its length, and resent if it is short', async () => {
    const fetch = await ours()
    const requests = () => [
      new Request(resource.origin, { method: 'POST', body: 'text' }),
      new Request(resource.origin, streamOf([text(4)])),
      new Request(resource.origin, { method: 'POST', body: new URLSearchParams({ a: '1' }) }),
    ]
    for (const request of requests()) await fetch(request)
    server.revokeAll()
    for (const request of requests()) {
      expect((await fetch(request)).status).toBe(200)
      server.revokeAll()
    }
    const lengths = resource.received.map(({ headers }) => headers['content-length'])
    // Sent twice from the second request of the second round on; a resent body has a known length.
    expect(lengths).toEqual(['4', undefined, '3', '4', '4', undefined, '4', '3', '3'])
    expect(resource.received.at(-1)?.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
  })

  it('a stream that was used, or has chunks of the wrong type, rejects as without us', async () => {
    const used = new Blob(['text']).stream()
    await used.getReader().read()
    const open = new Blob(['text']).stream()
    const reader = open.getReader()
    await reader.read()
    reader.releaseLock()
    for (const body of [used, open]) {
      const fetch = await ours()
      await expect(fetch(resource.origin, { method: 'POST', body, duplex: 'half' } as never)).rejects.toThrow(TypeError)
    }
    await expect((await ours())(resource.origin, streamOf([5]))).rejects.toThrow(TypeError)
    expect(resource.received.filter(({ body }) => body.length > 0)).toEqual([])
  })
})

describe('while a token is awaited', () => {
  it('a file that does not exist, or a stream that is destroyed or fails, rejects the call and affects nothing else', async () => {
    const destroyed = new PassThrough()
    destroyed.write('x')
    setImmediate(() => destroyed.destroy())
    const failing = new ReadableStream({ start: (controller) => controller.error(new Error('cannot read')) })
    for (const make of [() => createReadStream('/nonexistent'), () => destroyed, () => failing]) {
      const fetch = mcaAuth(provide())
      const body = make()
      expect(await failure(fetch(resource.origin, { method: 'POST', body, duplex: 'half' } as never))).toBeInstanceOf(
        Error,
      )
    }
    expect((await mcaAuth(provide())(resource.origin)).status).toBe(200)
  })

  it.each(['a stream', 'a Request'])(
    'an abort, and a token that is not available, cancel the source of %s',
    async (kind) => {
      const failing = { secret: 'wrong-fake-secret' }
      for (const options of [{}, failing]) {
        const fetch = mcaAuth(provide(options))
        const controller = new AbortController()
        if (options !== failing) server.script({ hang: 'headers' })
        const reason = await new Promise((cancel) => {
          const init: RequestInit = { ...streamOf([]), body: new ReadableStream({ cancel }), signal: controller.signal }
          const call = kind === 'a stream' ? fetch(resource.origin, init) : fetch(new Request(resource.origin, init))
          call.catch(() => {})
          if (options !== failing) controller.abort(new Error('enough'))
        })
        expect(String(reason)).toMatch(options === failing ? 'McaAuthError' : 'enough')
      }
      expect(resource.received).toEqual([])
    },
  )
})

it('a long stream is sent once, and its 401 is delivered; the next request has a new token', async () => {
  const fetch = await warm()
  for (const make of [(init: RequestInit) => new Request(resource.origin, init), (init: RequestInit) => init]) {
    await fetch(resource.origin)
    server.revokeAll()
    const given = make(streamOf([text(65_536), text(1)]))
    const response = await (given instanceof Request ? fetch(given) : fetch(resource.origin, given))
    expect([response.status, await response.text()]).toEqual([401, 'Unauthorized'])
    expect(resource.received.at(-1)?.body).toHaveLength(65_537)
  }
})

it('an upload does not stay in memory, given as a stream or as a Request', async () => {
  let collected = 0
  const registry = new FinalizationRegistry(() => collected++)
  const upload = () => {
    let left = 100
    const pull = (controller: ReadableStreamDefaultController) => {
      if (left-- === 0) return controller.close()
      const chunk = new Uint8Array(262_144)
      registry.register(chunk, undefined)
      return controller.enqueue(chunk)
    }
    return { method: 'POST', duplex: 'half', body: new ReadableStream({ pull }) } as RequestInit
  }
  const reading = async (input: string, init: RequestInit) => {
    const body = new Request(input, init).body as ReadableStream
    for await (const _ of body);
    for (let i = 0; i < 50 && collected <= 90; i++) {
      collectGarbage()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return new Response(String(collected))
  }
  const fetch = await warm(reading)
  for (const call of [() => fetch(resource.origin, upload()), () => fetch(new Request(resource.origin, upload()))]) {
    collected = 0
    expect(Number(await (await call()).text())).toBeGreaterThan(90)
  }
})

it.each([
  ['a Request', 65_536, (init: RequestInit) => [new Request(resource.origin, init)]],
  ['a stream', 0, (init: RequestInit) => [resource.origin, init]],
])('of an upload given as %s, at most %i bytes are read before the fetch reads it', async (_name, most, make) => {
  let pulled = 0
  const body = new ReadableStream({
    pull(controller) {
      pulled += 16_384
      controller.enqueue(text(16_384))
    },
  })
  const waiting = async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    return new Response()
  }
  const fetch = await warm(waiting)
  await fetch(...(make({ method: 'POST', duplex: 'half', body } as RequestInit) as Parameters<Fetch>))
  // Plus what the queues of the streams hold.
  expect(pulled).toBeLessThanOrEqual(most + 3 * 16_384)
})

it('an async iterable is resent', async () => {
  const fetch = await warm()
  server.revokeAll()
  const body = (async function* () {
    yield new TextEncoder().encode('gene')
    yield new TextEncoder().encode('rated')
  })()
  const response = await fetch(resource.origin, { method: 'POST', body, duplex: 'half' } as never)
  expect(await response.json()).toMatchObject({ body: 'generated' })
})

describe.each([
  ['2', nodeFetch2],
  ['3', nodeFetch3],
])('over node-fetch %s', (_version, nodeFetch) => {
  it('a rejected response frees its only connection, and one that never ends does not stop the resend', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ports = new Set<unknown>()
    let rejected: string | undefined
    await using backend = await startRecorder((request, response) => {
      ports.add(request.socket.remotePort)
      rejected ??= request.headers.authorization
      if (request.headers.authorization !== rejected) return response.end('ok')
      response.writeHead(401, bearer)
      return request.url === '/endless' ? response.write('x') : response.end('x'.repeat(200_000))
    })
    const ours = await warm(nodeFetch)
    const url = `http://127.0.0.1:${backend.port}`
    expect(await (await ours(url, { agent } as never)).text()).toBe('ok')
    expect(ports.size).toBe(1)
    rejected = undefined
    expect(await (await ours(`${url}/endless`)).text()).toBe('ok')
    agent.destroy()
  })
})
