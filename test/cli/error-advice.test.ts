// Each error comes from the library and a server that really responds so, and each has its own advice.
import { generateKeyPairSync } from 'node:crypto'
import {
  clientAssertion,
  createTokenProvider,
  ibmIam,
  McaAuthError,
  type McaAuthErrorCode,
  type McaAuthOptions,
  privateKeyJwt,
} from '@mca-auth/core'
import { type Iam, startIam } from '@mca-auth/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { adviceFor } from '../../packages/cli/src/advice.ts'
import { refused } from '../servers/refused.ts'
import { unsignedJwt } from '../servers/sent-token-requests.ts'
import { Fixture, secret } from './fixture.ts'

const fixture = new Fixture()
const explicit = (more: McaAuthOptions = {}): McaAuthOptions => ({
  tokenEndpoint: fixture.tokenEndpoint,
  clientId: fixture.server.clientId,
  secret,
  ...more,
})
const denied = (error: string, more: McaAuthOptions = {}) => {
  fixture.server.script({ status: 400, body: { error } })
  return explicit(more)
}

/** The error of the library for these options, and the advice for it. */
async function failure(options: McaAuthOptions) {
  try {
    await using provider = createTokenProvider(options)
    await provider.getToken()
  } catch (error) {
    expect(error).toBeInstanceOf(McaAuthError)
    return { code: (error as McaAuthError).code, advice: adviceFor(error as McaAuthError, options) }
  }
  throw new Error('there was no error')
}

const key = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const assertion = () => unsignedJwt({ iss: 'https://cluster.example.com', sub: 'orders', exp: 4e9 })

const cases: readonly [string, McaAuthErrorCode, RegExp, () => McaAuthOptions][] = [
  ['no credentials', 'MISSING_CLIENTID_ERROR', /^bind the service/, () => ({})],
  ['no server', 'MISSING_SERVER_URL_ERROR', /^bind the service/, () => ({ clientId: 'orders', secret })],
  [
    'no tenant',
    'MISSING_APPID_ERROR',
    /^bind the service/,
    () => ({ clientId: 'orders', secret, serverUrl: 'https://mca.example.com/imf-authserver' }),
  ],
  [
    'no secret',
    'MISSING_SECRET_ERROR',
    /^bind a credential that has a secret/,
    () => ({ ...explicit(), secret: undefined }),
  ],
  [
    'a malformed credential',
    'INVALID_CREDENTIALS_SOURCE',
    /^fix the variable or file/,
    () => ({ bindingFile: fixture.file('broken', '{') }),
  ],
  ['plain HTTP', 'INSECURE_TRANSPORT', /^use https/, () => explicit({ tokenEndpoint: 'http://idp.example.com/token' })],
  [
    'no metadata',
    'DISCOVERY_INVALID',
    /^give --issuer exactly/,
    () => ({ ...explicit(), tokenEndpoint: undefined, issuer: fixture.server.origin }),
  ],
  [
    'a refused connection',
    'TOKEN_REQUEST_FAILED',
    /^nothing listens there/,
    () => explicit({ tokenEndpoint: `${refused}/token` }),
  ],
  ['a wrong secret', 'TOKEN_REQUEST_REFUSED', /^compare id and secret/, () => explicit({ secret: 'is-wrong' })],
  [
    'a key that is not registered',
    'TOKEN_REQUEST_REFUSED',
    /^register the public key/,
    () => denied('invalid_client', { secret: undefined, clientAuth: privateKeyJwt(key()) }),
  ],
  [
    'an assertion of an unknown issuer',
    'TOKEN_REQUEST_REFUSED',
    /^let the server trust the issuer/,
    () => denied('invalid_client', { secret: undefined, clientAuth: clientAssertion(assertion) }),
  ],
  ['a scope', 'TOKEN_REQUEST_REFUSED', /--scope: request less/, () => denied('invalid_scope')],
  ['a resource', 'TOKEN_REQUEST_REFUSED', /--resource/, () => denied('invalid_target')],
  ['a grant', 'TOKEN_REQUEST_REFUSED', /client-credentials grant/, () => denied('unsupported_grant_type')],
  ['a request', 'TOKEN_REQUEST_REFUSED', /malformed/, () => denied('invalid_request')],
  ['a proof', 'TOKEN_REQUEST_REFUSED', /rejects the proof/, () => denied('invalid_dpop_proof', { dpop: true })],
  [
    'a rate limit',
    'TOKEN_REQUEST_THROTTLED',
    /^wait until 20/,
    () => {
      fixture.server.script({ status: 429, headers: { 'retry-after': '60' } })
      return explicit()
    },
  ],
  [
    'a page',
    'TOKEN_RESPONSE_INVALID',
    /^check the URL/,
    () => {
      fixture.server.script(...Array(3).fill({ body: '<html>Log in</html>' }))
      return explicit()
    },
  ],
]

describe('the advice for', () => {
  it.each(cases)('%s: %s', async (_what, code, advice, options) => {
    expect(await failure(options())).toEqual({ code, advice: expect.arrayContaining([expect.stringMatching(advice)]) })
  })

  // MISSING_ORIGINS and MISSING_INCOMING_TOKEN are errors of requests that an adapter sends.
  it('each error that the command line can meet', () => {
    const codes: Readonly<Record<McaAuthErrorCode, boolean>> = {
      MISSING_APPID_ERROR: true,
      MISSING_CLIENTID_ERROR: true,
      MISSING_SECRET_ERROR: true,
      MISSING_SERVER_URL_ERROR: true,
      INVALID_CREDENTIALS_SOURCE: true,
      INSECURE_TRANSPORT: true,
      DISCOVERY_INVALID: true,
      MISSING_ORIGINS: false,
      MISSING_INCOMING_TOKEN: false,
      TOKEN_REQUEST_REFUSED: true,
      TOKEN_REQUEST_THROTTLED: true,
      TOKEN_REQUEST_FAILED: true,
      TOKEN_RESPONSE_INVALID: true,
    }
    const expected = Object.entries(codes).flatMap(([code, isMet]) => (isMet ? [code] : []))
    expect([...new Set(cases.map(([, code]) => code))].sort()).toEqual(expected.sort())
  })
})

describe('the advice for an error of IBM Cloud IAM', () => {
  let iam: Iam
  beforeEach(async () => {
    iam = await startIam({ apikey: secret })
  })
  afterEach(() => iam.close())

  it.each([
    ['BXNIM0106E', 'IAM rejects a field'],
    ['BXNIM0109E', 'a field of the token request is missing'],
    ['BXNIM0308E', 'IAM requires a client id and secret'],
    ['BXNIM0398E', 'link the trusted profile'],
    ['BXNIM0415E', 'IAM does not know this API key'],
    ['BXNIM0462E', 'the API key is disabled'],
    ['BXNIM0602E', 'IAM does not know the client id'],
  ])('%s: %s', async (errorCode, advice) => {
    iam.script({ status: 400, body: { errorCode, errorMessage: 'no' } })
    const options = { grant: ibmIam({ apikey: secret, url: iam.url }) }
    expect(await failure(options)).toEqual({
      code: 'TOKEN_REQUEST_REFUSED',
      advice: [expect.stringContaining(advice)],
    })
  })
})
