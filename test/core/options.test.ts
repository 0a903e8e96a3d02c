import { generateKeyPairSync } from 'node:crypto'
import { runInNewContext } from 'node:vm'
import {
  clientAssertion,
  createTokenProvider,
  getAuthorizationHeader,
  ibmIam,
  ibmVpc,
  jwtBearer,
  type McaAuthOptions,
  privateKeyJwt,
  tokenExchange,
} from '@mca-auth/core'
import { mcaAuth } from '@mca-auth/fetch'
import { describe, expect, it } from 'vitest'

const { privateKey } = generateKeyPairSync('ed25519')
const good = { clientId: 'c', secret: 's', tokenEndpoint: 'https://idp.example.com/token' }

const bad: [option: string, values: unknown[], expected: RegExp][] = [
  ['cacheSize', [0, -1, 1.5, '100', Number.NaN, null], /positive integer/],
  ['clientId', ['', '  ', 7, null, {}], /non-empty string/],
  ['appId', ['', false], /non-empty string/],
  ['secret', ['', 7, null, Buffer.from('x')], /non-empty string/],
  ['tokenEndpoint', ['', 'idp.example.com', '/token', 'ftp://x/', 'https://u:p@x/'], /string|absolute http\(s\) URL/],
  ['serverUrl', ['nonsense', 7], /string|URL/],
  ['oauthServerUrl', ['nonsense', null], /string|URL/],
  ['instanceName', [''], /non-empty string/],
  ['bindingFile', [''], /non-empty string/],
  ['identity', ['', 7, null, {}], /non-empty string/],
  ['scope', ['', [''], [7], 7], /non-empty string/],
  ['resource', ['', 'not a uri', 'https://x/#fragment'], /string|absolute URI/],
  [
    'parameters',
    [null, 'a=b', [], { a: 7 }, { client_secret: 'x' }, { scope: 'x' }, { a: '' }],
    /object|string|own option/,
  ],
  ['clientAuth', ['basic', null, 7], /client_secret_basic, client_secret_basic_raw, client_secret_post/],
  ['origins', [[], '', ['https://x/path'], 'example.com', ['https://x/?q'], [null]], /origin|string|URL/],
  ['allowInsecureRequests', ['true', 1, null], /boolean/],
  ['timeoutMs', [0, -1, '10', Number.NaN, Number.POSITIVE_INFINITY, null], /milliseconds/],
  ['fetch', ['fetch', null], /function/],
  ['refresh', [null, 5, { staleMs: -1 }, { expiredMs: '1' }, { other: 1 }], /object|milliseconds|unknown/],
  ['tokenRequest', [{}, null, false], /function/],
]

describe('a bad option', () => {
  it.each(bad)(
    '%s throws a TypeError that names the option and the expected value',
    async (option, values, expected) => {
      for (const value of values) {
        const options = { ...good, [option]: value } as McaAuthOptions
        if (/[sS]erverUrl/.test(option)) delete (options as Record<string, unknown>).tokenEndpoint
        const error = caught(() => createTokenProvider(options))
        expect(error, JSON.stringify(value)).toBeInstanceOf(TypeError)
        expect(error.message).toContain(option.replace('staleMs', 'refresh'))
        expect(error.message).toMatch(expected)
        await expect(getAuthorizationHeader(options)).rejects.toThrow(TypeError)
      }
    },
  )

  it('that is unknown is named, with the known options', () => {
    const error = caught(() => createTokenProvider({ ...good, clientID: 'x' } as McaAuthOptions))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(/`clientID`.*clientId/)
  })

  it.each([
    ['clientID', 'clientId'],
    ['client_id', 'clientId'],
    ['clientSecret', 'secret'],
    ['origin', 'origins'],
    ['orgins', 'origins'],
    ['scopes', 'scope'],
    ['timeout', 'timeoutMs'],
    ['tokenEndPoint', 'tokenEndpoint'],
    ['scoep', 'scope'],
    ['sercet', 'secret'],
    ['oauthServerURL', 'oauthServerUrl'],
  ])('that is unknown, %s, is reported with the option that was probably meant', (name, meant) => {
    const error = caught(() => createTokenProvider({ ...good, [name]: 'x' } as McaAuthOptions))
    expect(error.message).toContain(`unknown option \`${name}\`: did you mean \`${meant}\`? Known are: `)
  })

  it('that resembles no known option is reported without a guess', () => {
    const error = caught(() => createTokenProvider({ ...good, colour: 'red' } as McaAuthOptions))
    expect(error.message).toContain('unknown option `colour`; known are: ')
  })

  it('`secret` is not dropped silently for a public client', () => {
    const error = caught(() => createTokenProvider({ ...good, clientAuth: 'none' } as McaAuthOptions))
    expect(error.message).toMatch(/`secret` cannot be combined with `clientAuth: 'none'`/)
  })

  it('never shows its value', () => {
    const error = caught(() => createTokenProvider({ ...good, secret: ['fake-secret'] } as never))
    expect(error.message).not.toContain('fake-secret')
  })

  it('two servers at once are rejected', () => {
    const error = caught(() => createTokenProvider({ ...good, serverUrl: 'https://x/' }))
    expect(error.message).toMatch(/only one of `serverUrl`, `tokenEndpoint`/)
  })

  it('options that are not an object are rejected', () => {
    for (const options of [null, 'x', 7, []]) {
      expect(caught(() => createTokenProvider(options as never))).toBeInstanceOf(TypeError)
    }
  })

  // They have no fields, so they were read as options, settings or parameters with everything left out.
  const fieldless: [string, () => object][] = [
    ['a promise', () => Promise.resolve({ scope: 'read' })],
    ['a Map', () => new Map([['audience', 'orders']])],
    ['URLSearchParams', () => new URLSearchParams({ audience: 'orders' })],
    ['Headers', () => new Headers({ audience: 'orders' })],
  ]
  it.each(fieldless)('%s is not taken for an empty object', async (_what, make) => {
    const provider = createTokenProvider(good)
    const uses: ((value: never) => unknown)[] = [
      (value) => createTokenProvider(value),
      (value) => createTokenProvider({ ...good, parameters: value }),
      (value) => createTokenProvider({ ...good, refresh: value }),
      (value) => ibmVpc(value),
      (value) => privateKeyJwt(privateKey, value),
      (value) => clientAssertion('fake', value),
      (value) => mcaAuth(value),
      (value) => mcaAuth(provider, value),
    ]
    for (const use of uses) expect(() => use(make() as never), String(use)).toThrow(/must be a plain object/)
    for (const request of [make(), { parameters: make() }]) {
      await expect(provider.getToken(request as never)).rejects.toThrow('must be a plain object')
    }
    await expect(getAuthorizationHeader(make())).rejects.toThrow('must be a plain object')
  })

  it('objects of another realm, without a prototype or with the fields of a class are taken', () => {
    class Options {
      readonly clientId = 'c'
      readonly secret = 's'
      readonly tokenEndpoint = good.tokenEndpoint
    }
    const bare = Object.assign(Object.create(null), good)
    for (const options of [new Options(), bare, runInNewContext(`(${JSON.stringify(good)})`)]) {
      expect(createTokenProvider(options).health().tokenEndpoint).toBe(good.tokenEndpoint)
    }
    expect(() => createTokenProvider({ ...good, parameters: runInNewContext('({})') })).not.toThrow()
  })

  it('a helper given to the wrong option is rejected: as clientAuth, an API key was sent to any token endpoint', () => {
    const ofGrants = {
      'IBM Cloud IAM, API key': ibmIam({ apikey: 'fake' }),
      'IBM Cloud IAM, trusted profile': ibmIam({ trustedProfile: { id: 'fake' } }),
      'the instance metadata service': ibmVpc(),
      'token exchange': tokenExchange({ subjectToken: 'fake' }),
      'JWT bearer grant': jwtBearer({ assertion: 'fake' }),
    }
    const ofClients = { private_key_jwt: privateKeyJwt(privateKey), 'client assertion': clientAssertion('fake') }
    const cases = [
      ...Object.entries(ofGrants).flatMap(([what, used]) =>
        ['clientAuth', 'source'].map((name) => ({ name, what, used, right: 'grant' })),
      ),
      ...Object.entries(ofClients).flatMap(([what, used]) =>
        ['grant', 'source'].map((name) => ({ name, what, used, right: 'clientAuth' })),
      ),
    ]
    for (const { name, what, used, right } of cases) {
      expect(caught(() => createTokenProvider({ ...good, [name]: used })).message).toBe(
        `\`${name}\` cannot be this function (${what}): give it as \`${right}\``,
      )
    }
  })

  it('a client with ibmVpc() is rejected, and so is the type of a missing actor token: both were ignored', () => {
    const clients = [
      { clientId: 'c' },
      { secret: 's' },
      { clientAuth: 'none' },
      { clientAuth: privateKeyJwt(privateKey) },
    ]
    for (const client of clients) {
      const [name] = Object.keys(client)
      const options = { grant: ibmVpc(), ...client } as McaAuthOptions
      expect(caught(() => createTokenProvider(options)).message).toMatch(`\`${name}\` cannot be combined with this`)
    }
    const exchange = () => tokenExchange({ subjectToken: 'fake', actorTokenType: 'jwt' })
    expect(caught(exchange).message).toBe('`actorTokenType` goes with an `actorToken`')
  })

  it('a bad token request is rejected when it is made', async () => {
    const provider = createTokenProvider(good)
    for (const request of [null, 'scope', { scop: 'x' }, { scope: 7 }, { parameters: { resource: 'x' } }]) {
      await expect(provider.getToken(request as never)).rejects.toThrow(TypeError)
    }
    expect(caught(() => provider.invalidate({} as never)).message).toContain('`token`')
  })
})

function caught(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a failure')
}
