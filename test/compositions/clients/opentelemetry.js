// OpenTelemetry around each client: every request, resent and retried ones too, belongs to its caller's trace.

import { equal, ok } from 'node:assert/strict'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { TracerProvider } from '@opentelemetry/sdk-trace'

const ended = /** @type {import('@opentelemetry/sdk-trace').ReadableSpan[]} */ ([])

/** What an application does first of all. */
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
  // It patches a module when that is required, which import() alone does not do.
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
      row(http, 'axios', ['axios'], ({ auth }) => {
        const api = axios.create({ adapter: 'http', validateStatus: () => true })
        api.interceptors.request.use(auth('axios', (config) => config))
        return { send: (url, { body, ...init } = /** @type {any} */ ({})) => api({ url, data: body, ...init }) }
      }),
      row(http, 'got', ['got'], ({ auth }) => {
        const api = got.extend({ throwHttpErrors: false, retry: { limit: 2, calculateDelay: now } }, auth('got', {}))
        return { send: async (url, init) => ({ status: /** @type {any} */ (await api(url, init)).statusCode }) }
      }),
      row(
        ofUndici,
        'undici',
        ['undici'],
        overAgent((agent, auth) => agent.compose(auth)),
      ),
      row(
        ofUndici,
        'undici with retry outside',
        ['undici'],
        overAgent((agent, auth) => agent.compose(auth, retry)),
      ),
      row(
        ofUndici,
        'undici with retry inside',
        ['undici'],
        overAgent((agent, auth) => agent.compose(retry, auth)),
      ),
      row(ofUndici, 'fetch', [], ({ auth }) => {
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

const now = (/** @type {any} */ { computedValue }) => (computedValue > 0 ? 1 : 0)

function row(instrumentation, client, packages, start) {
  const layer = `${instrumentation} with ${client}`
  return {
    layer,
    place: 'either first',
    packages: [instrumentation, ...packages],
    start,
    only: [parents.id],
    steps: [parents],
  }
}

/** @type {import('../contract.js').Step} */
const parents = {
  id: 'spans',
  name: "gives the spans of all requests the caller's as parent, also of those that are sent again",
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
  check({ callers, spans, arrived, api }, bare) {
    const toApi = spans.filter(({ path, kind }) => kind === clientKind && path.startsWith(api))
    ok(toApi.length >= bare.arrived.length + 1, `${toApi.length} spans of ${arrived.length} requests`)
    equal(toApi.length, arrived.length)
    const callerOf = (/** @type {string} */ path) => callers[Number(/\d+$/.exec(path)?.[0])]
    for (const { path, parent } of toApi) ok(parent === callerOf(path).spanId, `${path} has another parent`)
    for (const { path, headers } of arrived) {
      ok(headers.traceparent?.includes(callerOf(path).traceId), `${path} arrived as part of another trace`)
    }
  },
}

const clientKind = 2
