import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { McaAuthChannels, TokenSubject } from '@mca-auth/core'
import {
  type Attributes,
  type MeterProvider,
  metrics,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'

/** Settings of `instrumentMcaAuth()`. */
export interface InstrumentationOptions {
  /** Makes the tracer. @default the global one */
  readonly tracerProvider?: TracerProvider | undefined
  /** Makes the meter. @default the global one */
  readonly meterProvider?: MeterProvider | undefined
}

type Listeners = { [Name in keyof McaAuthChannels]: (message: McaAuthChannels[Name]) => void }

/**
 * Records spans and metrics for all providers of this process, until the returned function is called. Attributes use the
 * names of the semantic conventions if there is one: `server.address`, `server.port`, `error.type`,
 * `http.request.resend_count`; others begin with `mca_auth.`.
 *
 * - span `mca_auth.token`: a wait for a token, starting with the first caller and including all attempts
 * - `mca_auth.token.duration`, histogram, s: the same
 * - `mca_auth.token.requests`, `.refused`, `.served_stale`, `mca_auth.cooldowns`, `mca_auth.requests.skipped`,
 *   `mca_auth.certificates.ignored`, `mca_auth.shared_cache.failures`, `mca_auth.dpop.nonces`: counters
 *
 * @example
 * ```ts
 * import { instrumentMcaAuth } from '@mca-auth/opentelemetry'
 *
 * instrumentMcaAuth() // once, when the OpenTelemetry SDK has been started
 * ```
 */
export function instrumentMcaAuth(options: InstrumentationOptions = {}): () => void {
  const tracer = (options.tracerProvider ?? trace).getTracer('@mca-auth/opentelemetry')
  const meter = (options.meterProvider ?? metrics).getMeter('@mca-auth/opentelemetry')
  const duration = meter.createHistogram('mca_auth.token.duration', {
    description: 'How long callers waited for a token, including all attempts',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] },
  })
  const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description })
  const requests = counter('mca_auth.token.requests', '{request}', 'Token requests sent')
  const refused = counter('mca_auth.token.refused', '{token}', 'Tokens that a resource rejected')
  const stale = counter('mca_auth.token.served_stale', '{token}', 'Tokens served while a refresh was due')
  const skipped = counter('mca_auth.requests.skipped', '{request}', 'Requests that went without a token, and why')
  const nonces = counter('mca_auth.dpop.nonces', '{challenge}', 'Challenges for a nonce, which cost a request each')
  const certificates = counter(
    'mca_auth.certificates.ignored',
    '{change}',
    'Changes of the files of a client certificate that cannot be used',
  )
  const cacheFailures = counter(
    'mca_auth.shared_cache.failures',
    '{failure}',
    'Failures of the shared cache, after which a process requests its own token',
  )
  const coolDowns = counter(
    'mca_auth.cooldowns',
    '{cooldown}',
    'Failures after which no token was requested for a while',
  )

  const waited = (durationMs: number, attributes: Attributes, errorType?: string) => {
    const recorded = errorType === undefined ? attributes : { ...attributes, 'error.type': errorType }
    const end = Date.now()
    const span = tracer.startSpan('mca_auth.token', {
      kind: SpanKind.INTERNAL,
      startTime: end - durationMs,
      attributes: recorded,
    })
    if (errorType !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(end)
    const { 'mca_auth.scope': _, ...few } = recorded // there may be many scopes
    duration.record(durationMs / 1000, few)
  }

  const listeners: Listeners = {
    'mca-auth:token:requested': (message) =>
      requests.add(1, { ...server(message), 'http.request.resend_count': message.attempt - 1 }),
    'mca-auth:token:refreshed': (message) =>
      waited(message.durationMs, { ...subject(message), 'mca_auth.shared_cache.hit': message.fromSharedCache }),
    'mca-auth:token:failed': (message) =>
      waited(
        message.durationMs,
        {
          ...subject(message),
          ...(message.status !== undefined && { 'http.response.status_code': message.status }),
          ...(message.error !== undefined && { 'mca_auth.oauth_error': message.error }),
        },
        message.code,
      ),
    'mca-auth:token:refused': (message) => {
      const { 'server.address': resource } = address(message.origin)
      refused.add(1, { ...server(message), ...(resource !== undefined && { 'mca_auth.resource.address': resource }) })
    },
    'mca-auth:token:stale': (message) => stale.add(1, server(message)),
    'mca-auth:cooldown:entered': (message) => coolDowns.add(1, { ...server(message), 'error.type': message.code }),
    'mca-auth:cooldown:left': () => {},
    'mca-auth:dpop:nonce': ({ origin, status }) =>
      nonces.add(1, { ...address(origin), 'http.response.status_code': status }),
    'mca-auth:certificate:ignored': () => certificates.add(1),
    'mca-auth:shared-cache:failed': () => cacheFailures.add(1),
    'mca-auth:request:skipped': ({ client, origin, reason }) =>
      skipped.add(1, { ...address(origin), 'mca_auth.http_client': client, 'mca_auth.skip_reason': reason }),
  }
  const all = Object.entries(listeners) as [string, (message: unknown) => void][]
  for (const [name, listener] of all) subscribe(name, listener)
  return () => {
    for (const [name, listener] of all) unsubscribe(name, listener)
  }
}

/** Attributes with few values, for metrics. */
function server({ tokenEndpoint, clientId }: TokenSubject): Attributes {
  return { ...address(tokenEndpoint), 'mca_auth.client_id': clientId }
}

/** Empty if the text is not a URL: the origin of a request may be hidden. */
function address(url: string): Attributes {
  if (!URL.canParse(url)) return {}
  const { hostname, port, protocol } = new URL(url)
  return { 'server.address': hostname, 'server.port': Number(port) || (protocol === 'https:' ? 443 : 80) }
}

function subject(message: TokenSubject): Attributes {
  return { ...server(message), ...(message.scope !== undefined && { 'mca_auth.scope': message.scope }) }
}
