import {
  createTokenProvider,
  ibmIam,
  jwtBearer,
  type McaAuthOptions,
  type TokenProvider,
  tokenExchange,
} from '@mca-auth/core'
import { createRequestAuthorizer } from '@mca-auth/core/adapter'
import { expect, it } from 'vitest'

const client = { tokenEndpoint: 'https://idp.example.com/token', clientId: 'orders', secret: 'fake-secret' }
const exchange = { origins: 'https://stock.example.com', incoming: 'exchange' } as const

it.each<[string, McaAuthOptions, string]>([
  ['no `origins`', { ...client, incoming: 'exchange' }, 'needs `origins`'],
  ['an unknown mode', { ...client, ...exchange, incoming: 'change' as never }, "'forward', 'exchange' or 'ignore'"],
  [
    'a subject token',
    { ...client, ...exchange, grant: tokenExchange({ subjectToken: 'fake' }) },
    'without `subjectToken`',
  ],
  ['an assertion', { ...client, ...exchange, grant: jwtBearer({ assertion: () => 'fake' }) }, 'without `assertion`'],
  ['an API key', { ...exchange, grant: ibmIam({ apikey: 'fake' }) }, '`tokenExchange()`'],
  ['a custom grant', { ...client, ...exchange, grant: () => {} }, '`tokenExchange()`'],
  ['a source', { ...exchange, source: async () => ({ access_token: 'fake' }) }, '`source` cannot be combined'],
  ['a service', { ...exchange, service: 'cloudant' }, '`service` cannot be combined'],
  ['an exchange of nothing', { ...client, grant: tokenExchange() }, "`incoming: 'exchange'`"],
  ['a missing subject', { ...client, grant: tokenExchange({ subjectToken: undefined }) }, 'presents no token'],
  ['a missing assertion', { ...client, grant: jwtBearer({ assertion: undefined }) }, 'presents no token'],
  [
    'forwarding by such a grant',
    { ...client, ...exchange, incoming: 'forward', grant: jwtBearer() },
    'presents no token',
  ],
  ['no tokens at all', { ...client, ...exchange, exchangeCacheSize: 0 }, '`exchangeCacheSize`'],
])('%s is a TypeError at once', (_name, options, message) => {
  expect(() => createTokenProvider(options)).toThrow(TypeError)
  expect(() => createTokenProvider(options)).toThrow(message)
  expect(() => createRequestAuthorizer('test', options)).toThrow(message)
})

it.each<[string, TokenProvider]>([
  ['a stub', { getToken: async () => ({ accessToken: 'fake', expiresAt: Date.now() + 1_000 }) }],
  ['a provider of a source', createTokenProvider({ source: async () => ({ access_token: 'fake' }) })],
  ['a provider of an API key', createTokenProvider({ grant: ibmIam({ apikey: 'fake' }) })],
  [
    'a provider of a static exchange',
    createTokenProvider({ ...client, grant: tokenExchange({ subjectToken: 'fake' }) }),
  ],
])('%s cannot exchange tokens for a client, and throws a TypeError at once', (_name, provider) => {
  expect(() => createRequestAuthorizer('test', provider, exchange)).toThrow(TypeError)
  expect(() => createRequestAuthorizer('test', provider, exchange)).toThrow('needs a provider of createTokenProvider()')
})

it("a client of a shared provider needs `origins` to exchange, its own or the provider's", () => {
  const provider = createTokenProvider(client)
  expect(() => createRequestAuthorizer('test', provider, { incoming: 'exchange' })).toThrow('needs `origins`')
  createRequestAuthorizer('test', provider, exchange)
  const { origins } = exchange
  createRequestAuthorizer('test', createTokenProvider({ ...client, origins }), { incoming: 'exchange' })
})

it('a grant for the exchange needs a client from the options or from the platform', () => {
  expect(() => createTokenProvider({ ...exchange, grant: tokenExchange() })).toThrow('`serverUrl`')
  createTokenProvider({ ...client, ...exchange, grant: tokenExchange({ actorToken: 'fake' }) })
  createTokenProvider({ tokenEndpoint: client.tokenEndpoint, clientId: 'public', clientAuth: 'none', ...exchange })
})
