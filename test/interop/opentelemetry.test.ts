import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { createTokenProvider, forwardIncoming } from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/fetch'
import { instrumentMcaAuth } from '@mca-auth/opentelemetry'
import {
  type AuthorizationServer,
  memoryTokenCache,
  startAuthorizationServer,
  startProtectedResource,
} from '@mca-auth/testing'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterEach, beforeEach, expect, it } from 'vitest'

let server: AuthorizationServer
let spans: InMemorySpanExporter
let tracerProvider: BasicTracerProvider
let metrics: InMemoryMetricExporter
let meterProvider: MeterProvider
let stop: () => void

beforeEach(async () => {
  server = await startAuthorizationServer()
  spans = new InMemorySpanExporter()
  tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 })
  meterProvider = new MeterProvider({ readers: [reader] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  stop = instrumentMcaAuth({ tracerProvider, meterProvider })
})

afterEach(async () => {
  stop()
  context.disable()
  await meterProvider.shutdown()
  await server.close()
})

/** The sum of a counter, or the count of a histogram, by name. */
async function measured(): Promise<Record<string, number>> {
  await meterProvider.forceFlush()
  const all =
    metrics
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
  const countOf = (value: unknown) => (typeof value === 'number' ? value : (value as { count: number }).count)
  return Object.fromEntries(
    all.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      dataPoints.reduce((sum, { value }) => sum + countOf(value), 0),
    ]),
  )
}

it('records a wait for a token as a child span of the request that waited first', async () => {
  await using provider = createTokenProvider({ ...server.appId, scope: 'orders.read' })
  const parent = tracerProvider.getTracer('test').startSpan('incoming')
  server.delayMs = 50
  await context.with(trace.setSpan(context.active(), parent), () => provider.getToken())
  const [span] = spans.getFinishedSpans()
  expect(span?.name).toBe('mca_auth.token')
  expect(span?.parentSpanContext?.spanId).toBe(parent.spanContext().spanId)
  expect(span?.attributes).toEqual({
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(server.origin).port),
    'mca_auth.client_id': server.clientId,
    'mca_auth.scope': 'orders.read',
    'mca_auth.shared_cache.hit': false,
  })
  expect((span?.duration[0] ?? 0) * 1000 + (span?.duration[1] ?? 0) / 1e6).toBeGreaterThan(40)
})

it('counts events, and measures how long callers wait', async () => {
  await using resource = await startProtectedResource({ authorizationServer: server })
  const fetch = mcaAuth(server.appId)
  await fetch(resource.origin)
  server.revokeAll()
  server.script({ status: 500 })
  await fetch(resource.origin)
  expect(await measured()).toEqual({
    'mca_auth.token.duration': 2,
    'mca_auth.token.requests': 3,
    'mca_auth.token.refused': 1,
  })
  await fetch(resource.origin, { headers: { authorization: 'Custom mine' } })
  expect(await measured()).toMatchObject({ 'mca_auth.requests.skipped': 1 })
})

it('counts the failures of a shared cache', async () => {
  const sharedCache = { ...memoryTokenCache(), get: () => Promise.reject(new Error('down')) }
  await using provider = createTokenProvider({ ...server.appId, sharedCache })
  await provider.getToken()
  expect(await measured()).toMatchObject({ 'mca_auth.shared_cache.failures': 1 })
})

it('counts the challenges for a nonce', async () => {
  server.dpop.demandsNonce = true
  await using provider = createTokenProvider({ ...server.appId, dpop: true })
  await provider.getToken()
  expect(await measured()).toMatchObject({ 'mca_auth.dpop.nonces': 1 })
  const { dataPoints } = (metrics.getMetrics().at(-1)?.scopeMetrics[0]?.metrics ?? []).find(
    ({ descriptor }) => descriptor.name === 'mca_auth.dpop.nonces',
  ) ?? { dataPoints: [] }
  expect(dataPoints[0]?.attributes).toEqual({
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(server.origin).port),
    'http.response.status_code': 400,
  })
})

it('describes a failure without secrets', async () => {
  await using provider = createTokenProvider({ ...server.appId, secret: 'a-wrong-fake-secret' })
  await provider.getToken().catch(() => {})
  const [span] = spans.getFinishedSpans()
  expect(span?.status.code).toBe(SpanStatusCode.ERROR)
  expect(span?.attributes).toMatchObject({
    'error.type': 'TOKEN_REQUEST_REFUSED',
    'http.response.status_code': 401,
    'mca_auth.oauth_error': 'invalid_client',
  })
  expect(await measured()).toMatchObject({ 'mca_auth.cooldowns': 1 })
  expect(JSON.stringify([span?.attributes, metrics.getMetrics()])).not.toContain('a-wrong-fake-secret')
})

it('is silent once it has been stopped', async () => {
  stop()
  await using provider = createTokenProvider(server.appId)
  await provider.getToken()
  expect(spans.getFinishedSpans()).toEqual([])
})

it('names no caller in a span or a metric, whose token was exchanged or not', async () => {
  await using resource = await startProtectedResource({ authorizationServer: server })
  const fetch = mcaAuth({ ...server.appId, origins: resource.origin, incoming: 'exchange' })
  const claims = { email: 'alice.liddell@example.com' }
  const tokens = await Promise.all(
    ['fake-user-4711', 'fake-user-4712', 'fake-user-4713'].map((user) => server.users.tokenOf(user, { claims })),
  )
  const [token, denied, quoted] = tokens
  const call = (one = '') =>
    forwardIncoming({ headers: { authorization: `Bearer ${one}` } }, () => fetch(resource.origin))
  await call(token)
  server.users.denied.add('fake-user-4712')
  await call(denied).catch(() => {})
  server.script({
    status: 400,
    body: { error: `no ${quoted} of fake-user-4713`, error_description: quoted },
  })
  await call(quoted).catch(() => {})
  await meterProvider.forceFlush()
  expect(spans.getFinishedSpans()).toHaveLength(3)
  const recorded = spans
    .getFinishedSpans()
    .map(({ name, attributes, events, status }) => ({ name, attributes, events, status }))
  const shown = inspect([recorded, metrics.getMetrics()], { depth: Number.POSITIVE_INFINITY, maxStringLength: null })
  const digests = tokens.map((one) => createHash('sha256').update(one).digest('base64url'))
  const parts = tokens.flatMap((one) => one.split('.').slice(1))
  for (const secret of ['fake-user-471', 'alice.liddell', ...digests, ...parts]) expect(shown).not.toContain(secret)
})
