// OpenTelemetry around each client: every request, even a resend or a retry, belongs to its caller's trace.

import { deepEqual, equal, ok } from 'node:assert/strict'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { TracerProvider } from '@opentelemetry/sdk-trace'

const ended = /** @type {import('@opentelemetry/sdk-trace').ReadableSpan[]} */ ([])

/** The first step of an application. */
function instrument() {
  const nothing = async () => {}
  const keep = { onStart() {}, onEnd: (span) => void ended.push(span), forceFlush: nothing, shutdown: nothing }
  const tracerProvider = new TracerProvider({ spanProcessors: [keep] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(tracerProvider)
  for (const instrumentation of [new HttpInstrumentation(), new UndiciInstrumentation()]) {
    instrumentation.setTracerProvider(tracerProvider)
    instrumentation.enable()
  }
  // It patches a module when that is required, which import() alone does not cause.
  for (const name of ['http', 'https']) createRequire(import.meta.url)(name)
  syncBuiltinESMExports()
}

export async function group() {
  instrument()
  const { default: axios } = await import('axios')
  const { default: got } = await import('got')
  const undici = await import('undici')
  const adapters = {
    axios: (await import('@mca-auth/axios')).mcaAuth,
    got: (await import('@mca-auth/got')).mcaAuth,
    undici: (await import('@mca-auth/undici')).mcaAuth,
    fetch: (await import('@mca-auth/fetch')).mcaAuth,
  }
  const http = '@opentelemetry/instrumentation-http'
  const ofUndici = '@opentelemetry/instrumentation-undici'
  const retry = undici.interceptors.retry({ minTimeout: 1, timeoutFactor: 1, maxRetries: 2 })
  const overAgent =
    (compose) =>
    ({ auth }) => {
      const agent = new undici.Agent({ connections: 2 })
      const dispatcher = compose(
        agent,
        auth('undici', (dispatch) => dispatch),
      )
      return {
        close: () => agent.destroy(),
        async send(url, init) {
          const { statusCode, body } = await undici.request(url, { dispatcher, ...init })
          return { status: statusCode, text: await body.text() }
        },
      }
    }
  return {
    rows: [
      row(http, 'axios', 'use(mcaAuth())', ['axios'], ({ auth }) => {
        const api = axios.create({ adapter: 'http', validateStatus: () => true })
        api.interceptors.request.use(auth('axios', (config) => config))
        return { send: (url, { body, ...init } = /** @type {any} */ ({})) => api({ url, data: body, ...init }) }
      }),
      row(http, 'got', 'got.extend(mcaAuth())', ['got'], ({ auth }) => {
        const api = got.extend({ throwHttpErrors: false, retry: { limit: 2, calculateDelay: now } }, auth('got', {}))
        return { send: async (url, init) => ({ status: /** @type {any} */ (await api(url, init)).statusCode }) }
      }),
      row(
        ofUndici,
        'undici',
        'compose(mcaAuth)',
        ['undici'],
        overAgent((agent, auth) => agent.compose(auth)),
      ),
      row(
        ofUndici,
        'undici',
        'compose(mcaAuth, retry)',
        ['undici'],
        overAgent((agent, auth) => agent.compose(auth, retry)),
      ),
      row(
        ofUndici,
        'undici',
        retryBeneath,
        ['undici'],
        overAgent((agent, auth) => agent.compose(retry, auth)),
      ),
      row(ofUndici, 'fetch', 'mcaAuth()', [], ({ auth }) => {
        const ours = auth('fetch', fetch)
        return {
          async send(url, init) {
            const response = await ours(url, init)
            return { status: response.status, text: await response.text() }
          },
        }
      }),
    ],
    auth: {
      bare: () => (_name, nothing) => nothing,
      ours: (provider) => (name) => adapters[name](provider),
    },
  }
}

const retryBeneath = 'compose(retry, mcaAuth)'

const now = (/** @type {any} */ { computedValue }) => (computedValue > 0 ? 1 : 0)

function row(instrumentation, client, place, packages, start) {
  const layer = `${instrumentation} with ${client}`
  return {
    layer,
    place,
    packages: [instrumentation, ...packages],
    start,
    only: [parents.id],
    steps: [parents],
  }
}

/** @type {import('../contract.js').Step} */
const parents = {
  id: 'spans',
  name: "makes the caller's span the parent of the spans of all requests, even of those that are sent again",
  async scenario({ send, world }) {
    await send('/things/warm-up') // opens a connection, in no trace
    world.revokeAll()
    ended.length = 0
    const callers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        trace.getTracer('test').startActiveSpan(`caller ${i}`, async (span) => {
          await send(`/things/${i}`, i % 2 ? { method: 'POST', body: 'text' } : {})
          await send(`/unstable/things/${i}`)
          span.end()
          return span.spanContext()
        }),
      ),
    )
    const spans = ended.map(({ attributes, parentSpanContext, kind }) => ({
      path: String(attributes['url.full'] ?? attributes['http.url']),
      kind,
      parent: parentSpanContext?.spanId,
    }))
    return { callers, spans, arrived: world.atApi.slice(1), api: world.api }
  },
  check(seen, bare, { place }) {
    const spans = seen.spans.filter(ofApi(seen))
    ok(spans.length >= bare.arrived.length + 1, `${spans.length} spans, none of a request that was sent again`)
    equal(spans.length, seen.arrived.length)
    // The retries of undici's own layer beneath ours may belong to the request that opened the connection.
    const lost = place === retryBeneath && astray(bare).length > 0 ? /\/unstable\// : /^$/
    deepEqual(
      astray(seen).filter((path) => !lost.test(path)),
      [],
    )
  },
}

const ofApi =
  (/** @type {any} */ { api }) =>
  (/** @type {any} */ { path, kind }) =>
    kind === 2 && path.startsWith(api)

/** Requests whose span does not have the caller's span as its parent, or that arrived as part of another trace. */
function astray(/** @type {any} */ seen) {
  const callerOf = (/** @type {string} */ path) => seen.callers[Number(/\d+$/.exec(path)?.[0])]
  return [
    ...seen.spans.filter(ofApi(seen)).filter(({ path, parent }) => parent !== callerOf(path).spanId),
    ...seen.arrived.filter(({ path, headers }) => !headers.traceparent?.includes(callerOf(path).traceId)),
  ].map(({ path }) => path)
}
