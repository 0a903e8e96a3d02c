import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  clientAssertion,
  createTokenProvider,
  ibmIam,
  ibmVpc,
  type McaAuthError,
  type McaAuthOptions,
  privateKeyJwt,
  tokenExchange,
} from '@mca-auth/core'
import { compactVerify } from 'jose'
import { expect, vi } from 'vitest'
import { startRecorder } from '../servers/recorder.ts'
import { type Answer, recordingFetch, unsignedJwt } from '../servers/sent-token-requests.ts'
import type { ProviderFault } from './provider.ts'

const tokenEndpoint = 'https://idp.example.com/token'
const jwt = (sub: string, lifetimeSeconds = 600) =>
  unsignedJwt({ iss: 'https://cluster.example.com', sub, exp: Math.floor(Date.now() / 1000) + lifetimeSeconds })

/** A provider for each way to use a file, one after the other, in its own directory. */
async function withFile(
  run: (part: {
    file: string
    directory: string
    provider: ReturnType<typeof createTokenProvider>
    sent: () => (string | undefined)[]
    answerWith: (answer: Answer | undefined) => void
  }) => Promise<void>,
) {
  const ways: [string, (file: string) => McaAuthOptions][] = [
    ['client_assertion', (file) => ({ tokenEndpoint, clientId: 'c', clientAuth: clientAssertion({ file }) })],
    ['subject_token', (file) => ({ tokenEndpoint, grant: tokenExchange({ subjectToken: { file } }) })],
    ['cr_token', (tokenFile) => ({ grant: ibmIam({ trustedProfile: { id: 'p' }, tokenFile }) })],
  ]
  for (const [field, options] of ways) {
    const directory = mkdtempSync(join(tmpdir(), 'mca-auth-faults-'))
    const file = join(directory, 'token')
    let answer: Answer | undefined
    const recording = recordingFetch((request, count) =>
      answer === undefined ? Response.json({ access_token: `t-${count}`, expires_in: 600 }) : answer(request, count),
    )
    const provider = createTokenProvider({ fetch: recording.fetch, ...options(file) })
    const sent = () => recording.sent.map(({ form }) => form[field])
    const answerWith = (next: Answer | undefined) => {
      answer = next
    }
    try {
      await run({ file, directory, provider, sent, answerWith })
    } finally {
      provider.close()
      rmSync(directory, { recursive: true })
    }
  }
}

const failureOf = (provider: { getToken(): Promise<unknown> }): Promise<McaAuthError> =>
  provider.getToken().then(
    () => expect.fail('a token, against expectation'),
    (error) => error,
  )

const unreadable = (what: string, reason: RegExp, prepare: (file: string) => void): ProviderFault => ({
  fault: `a token file ${what}`,
  sees: '`INVALID_CREDENTIALS_SOURCE` with the path; no token request; remembered for 1 s',
  run: () =>
    withFile(async ({ file, provider, sent }) => {
      prepare(file)
      vi.useFakeTimers({ toFake: ['Date'] })
      try {
        const failure = await failureOf(provider)
        expect(failure).toMatchObject({ code: 'INVALID_CREDENTIALS_SOURCE', retryAt: Date.now() + 1_000 })
        expect(failure.message).toContain(file)
        expect(failure.message).toMatch(reason)
        expect(failure.message).not.toContain('fake')
        for (let i = 0; i < 3; i++) {
          vi.setSystemTime(Date.now() + 1_000)
          // The delay does not double.
          expect(await failureOf(provider)).toMatchObject({ retryAt: Date.now() + 1_000 })
        }
        expect(sent()).toEqual([])
      } finally {
        vi.useRealTimers()
      }
    }),
})

export const fileFaults: readonly ProviderFault[] = [
  unreadable('is missing', /ENOENT/, () => {}),
  unreadable('is a directory', /is not a file/, (file) => mkdirSync(file)),
  unreadable('is a named pipe without a writer', /is not a file/, (file) => execFileSync('mkfifo', [file])),
  unreadable('is a device without an end', /is not a file/, (file) => symlinkSync('/dev/zero', file)),
  unreadable('is a gigabyte long', /more than 65536 bytes/, (file) => {
    writeFileSync(file, 'fake')
    truncateSync(file, 2 ** 30)
  }),
  unreadable('is a link that leads nowhere', /ENOENT/, (file) => symlinkSync('nowhere', file)),
  unreadable('is empty', /is empty/, (file) => writeFileSync(file, '')),
  unreadable('holds only a line break', /is empty/, (file) => writeFileSync(file, '\n')),
  unreadable('holds two lines', /no token has/, (file) => writeFileSync(file, 'fake-1\nfake-2\n')),
  unreadable('holds binary data', /no token has/, (file) => writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00]))),
  unreadable('holds a token that has expired', /has expired, \d+ min ago/, (file) =>
    writeFileSync(file, jwt('s', -3_600)),
  ),
  {
    fault: 'a token file that appears late, while a thousand callers need it',
    sees: 'their error, then a token within a second of it; no caller hangs',
    run: () =>
      withFile(async ({ file, provider, sent }) => {
        const failures = await Promise.all(Array.from({ length: 1_000 }, () => failureOf(provider)))
        expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['INVALID_CREDENTIALS_SOURCE']))
        writeFileSync(file, 'fake-late')
        await vi.waitFor(() => provider.getToken(), { timeout: 60_000 })
        expect(sent()).toEqual(['fake-late'])
      }),
  },
  {
    fault: 'a token file that is truncated because it is being written',
    sees: 'nothing: it is read again after the denial',
    run: () =>
      withFile(async ({ file, provider, sent, answerWith }) => {
        const whole = jwt('pod')
        writeFileSync(file, whole.slice(0, whole.length / 2))
        answerWith((_request, count) => {
          writeFileSync(file, whole)
          return count === 1
            ? Response.json({ error: 'invalid_grant' }, { status: 400 })
            : Response.json({ access_token: 't', expires_in: 600 })
        })
        await provider.getToken()
        expect(sent()).toEqual([whole.slice(0, whole.length / 2), whole])
      }),
  },
  {
    fault: 'a token file that the server denies, and that stays the same',
    sees: '`TOKEN_REQUEST_REFUSED`, after 1 token request',
    run: () =>
      withFile(async ({ file, provider, sent, answerWith }) => {
        writeFileSync(file, 'fake-denied')
        const said = 'fake-denied and ZmFrZS1kZW5pZWQ and fake%2Ddenied'
        answerWith(() => Response.json({ error: 'invalid_client', error_description: said }, { status: 401 }))
        const failure = await failureOf(provider)
        expect(failure).toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error: 'invalid_client' })
        expect(failure.message).not.toMatch(/fake.?denied|ZmFrZS1kZW5pZWQ/)
        expect(sent()).toEqual(['fake-denied'])
      }),
  },
  {
    fault: 'a token file that is swapped by its symbolic link, as Kubernetes does',
    sees: 'nothing: the next token request sends the new one',
    run: () =>
      withFile(async ({ file, directory, provider, sent }) => {
        for (const version of ['..one', '..two', '..three']) {
          mkdirSync(join(directory, version))
          writeFileSync(join(directory, version, 'token'), `fake-${version}\n`)
          symlinkSync(version, join(directory, '..new'))
          renameSync(join(directory, '..new'), join(directory, '..data'))
          if (version === '..one') symlinkSync(join('..data', 'token'), file)
          provider.clear()
          await provider.getToken()
        }
        expect(sent()).toEqual(['fake-..one', 'fake-..two', 'fake-..three'])
      }),
  },
  {
    fault: 'a private key that is rotated',
    sees: 'nothing: the function is called again after the denial',
    run: async () => {
      const [old, now] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' })) as [Pair, Pair]
      const keys = [old.privateKey]
      const { fetch, sent } = recordingFetch(async ({ form }) => {
        const isNew = await compactVerify(form.client_assertion ?? '', now.publicKey).catch(() => undefined)
        return isNew
          ? Response.json({ access_token: 't' })
          : Response.json({ error: 'invalid_client' }, { status: 401 })
      })
      const clientAuth = privateKeyJwt(() => keys.shift() ?? now.privateKey)
      await using provider = createTokenProvider({ fetch, tokenEndpoint, clientId: 'c', clientAuth })
      await provider.getToken()
      expect(sent).toHaveLength(2)
    },
  },
]

interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export const ibmFaults: readonly ProviderFault[] = [
  {
    fault: 'IAM throttles one API key: 429 without Retry-After',
    sees: '`TOKEN_REQUEST_THROTTLED` for 30 s, after 1 token request; another key is served',
    run: async () => {
      const { fetch, sent } = recordingFetch(({ form }) =>
        form.apikey === 'fake-busy'
          ? Response.json(
              { errorCode: 'BXNIM0429E', errorMessage: 'rate limit', context: { host: 'h' } },
              { status: 429 },
            )
          : Response.json({ access_token: 't', expires_in: 3600 }),
      )
      await using busy = createTokenProvider({ fetch, grant: ibmIam({ apikey: 'fake-busy' }) })
      await using idle = createTokenProvider({ fetch, grant: ibmIam({ apikey: 'fake-idle' }) })
      const failures = [
        await failureOf(busy),
        await failureOf(busy),
        await busy.getToken({ scope: 'x' }).catch((e) => e),
      ]
      for (const failure of failures) expect(failure).toMatchObject({ code: 'TOKEN_REQUEST_THROTTLED', status: 429 })
      expect((failures[0]?.retryAt ?? 0) - Date.now()).toBeGreaterThan(25_000)
      await idle.getToken()
      expect(sent).toHaveLength(2)
    },
  },
  ...(['BXNIM0415E', 'BXNIM0462E', 'BXNIM0398E', 'BXNIM0602E', 'BXNIM0308E'] as const).map((errorCode) => ({
    fault: `IAM denies with ${errorCode}`,
    sees: '`TOKEN_REQUEST_REFUSED` for every token of the provider, after 1 token request',
    run: () => denied(errorCode, 1),
  })),
  {
    fault: 'IAM denies with BXNIM0106E, which is about one request',
    sees: '`TOKEN_REQUEST_REFUSED` for that request',
    run: () => denied('BXNIM0106E', 2),
  },
  {
    fault: 'the metadata service is switched off (403)',
    sees: '`TOKEN_REQUEST_REFUSED` with its reason and what to enable',
    run: () =>
      metadataService(
        403,
        { errors: [{ code: 'unauthorized', message: 'not enabled' }], trace: 'fake-trace' },
        {},
        {
          ...{ code: 'TOKEN_REQUEST_REFUSED', status: 403, error: 'unauthorized', errorDescription: 'not enabled' },
          message: expect.stringContaining('see that the metadata service is enabled'),
        },
      ),
  },
  {
    fault: 'the metadata service does not have this version (404)',
    sees: '`TOKEN_REQUEST_REFUSED`; no other version is tried',
    run: () =>
      metadataService(
        404,
        { errors: [{ code: 'not_found', message: 'no such path' }] },
        { version: '2025-08-26' },
        {
          ...{ code: 'TOKEN_REQUEST_REFUSED', status: 404, error: 'not_found' },
          message: expect.stringContaining('offers this `version`'),
        },
      ),
  },
  {
    fault: 'the profile is not linked to the instance (400)',
    sees: '`TOKEN_REQUEST_REFUSED` with the reason',
    run: () =>
      metadataService(
        400,
        { errors: [{ code: 'profile_not_linked', message: 'not linked' }] },
        {},
        {
          ...{ code: 'TOKEN_REQUEST_REFUSED', status: 400, error: 'profile_not_linked' },
        },
      ),
  },
  {
    fault: 'the metadata service does not respond, as beyond its hop limit',
    sees: '`TOKEN_REQUEST_FAILED` after timeoutMs, with advice',
    run: async () => {
      await using server = await startRecorder(() => {})
      const grant = ibmVpc({ url: `http://127.0.0.1:${server.port}` })
      await using provider = createTokenProvider({ grant, timeoutMs: 300 })
      const failure = await failureOf(provider)
      expect(failure).toMatchObject({ code: 'TOKEN_REQUEST_FAILED' })
      expect(failure.message).toContain(
        'no token response within 300 ms: the instance metadata service must be enabled',
      )
    },
  },
]

/** Two token requests with different scopes: how many are sent? */
async function denied(errorCode: string, count: number): Promise<void> {
  const context = { requestId: 'fake-req', host: 'iamid-fake-host', clientIp: '192.0.2.9' }
  const body = { errorCode, errorMessage: 'why', context }
  const { fetch, sent } = recordingFetch(() => Response.json(body, { status: 400 }))
  await using provider = createTokenProvider({ fetch, grant: ibmIam({ apikey: 'fake-apikey' }) })
  for (const scope of ['one', 'two', 'one', 'two']) {
    const failure = await provider.getToken({ scope }).catch((error: McaAuthError) => error)
    expect(failure).toMatchObject({ code: 'TOKEN_REQUEST_REFUSED', error: errorCode, errorDescription: 'why' })
    expect(JSON.stringify(failure) + String(failure)).not.toMatch(/iamid-fake-host|192\.0\.2\.9|fake-req|fake-apikey/)
  }
  expect(sent).toHaveLength(count)
}

async function metadataService(status: number, body: unknown, settings: object, failure: object): Promise<void> {
  await using server = await startRecorder((request, response) => {
    // The profile is checked by the second request only.
    const isFirst = request.method === 'PUT' && status === 400
    response.writeHead(isFirst ? 200 : status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isFirst ? { access_token: 'fake-identity', expires_in: 300 } : body))
  })
  const grant = ibmVpc({ url: `http://127.0.0.1:${server.port}`, trustedProfile: { id: 'p' }, ...settings })
  await using provider = createTokenProvider({ grant })
  expect(await failureOf(provider)).toMatchObject(failure)
  await failureOf(provider)
  expect(server.received.map(({ method }) => method)).toEqual(status === 400 ? ['PUT', 'POST'] : ['PUT'])
}
