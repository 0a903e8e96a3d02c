import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { createTokenProvider } from '@mca-auth/core'
import { mcaAuth as gotAuth } from '@mca-auth/got'
import { startAuthorizationServer, startProtectedResource } from '@mca-auth/testing'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios from 'axios'
import got from 'got'
import { Agent, request } from 'undici'
import { expect, it } from 'vitest'

it('one provider on three clients makes one token request, and one more for a token that is rejected on all three', async () => {
  await using server = await startAuthorizationServer()
  await using resource = await startProtectedResource({ authorizationServer: server })
  const provider = createTokenProvider(server.appId)
  const viaAxios = axios.create()
  viaAxios.interceptors.request.use(axiosAuth(provider))
  const viaGot = got.extend(gotAuth(provider))
  const dispatcher = new Agent().compose(undiciAuth(provider))
  const send = async () => {
    const answers = await Promise.all([
      viaAxios.get(resource.origin).then(({ status }) => status),
      viaGot(resource.origin).then(({ statusCode }) => statusCode),
      request(resource.origin, { dispatcher }).then(({ statusCode }) => statusCode),
    ])
    expect(answers).toEqual([200, 200, 200])
  }
  await send()
  expect(server.tokenRequests).toBe(1)
  server.revokeAll()
  await send()
  expect(server.tokenRequests).toBe(2)
})

it('anything but options or a provider is a TypeError', () => {
  for (const mcaAuth of [axiosAuth, gotAuth, undiciAuth]) {
    for (const bad of ['x', 7, null, [], { getToken: 'x' }]) expect(() => mcaAuth(bad as never)).toThrow(TypeError)
  }
})

it('require() works, and errors are instances of the classes of the required axios', async () => {
  await using server = await startAuthorizationServer()
  await using resource = await startProtectedResource({
    authorizationServer: server,
    intercept: () => ({ status: 500 }),
  })
  const script = `
    const { mcaAuth } = require('@mca-auth/axios')
    const axios = require('axios')
    for (const name of ['core', 'got', 'undici', 'testing']) require('@mca-auth/' + name)
    const api = axios.create()
    api.interceptors.request.use(mcaAuth(${JSON.stringify(server.appId)}))
    api.get('${resource.origin}').catch((error) => console.log(error instanceof axios.AxiosError, error.response.status))`
  const { promise, resolve } = deferred<string>()
  const { execFile } = await import('node:child_process')
  execFile(process.execPath, ['-e', script], { cwd: import.meta.dirname }, (_error, stdout, stderr) =>
    resolve(stdout || stderr),
  )
  expect((await promise).trim()).toBe('true 500')
  expect(resource.received[0]?.headers.authorization).toMatch(/^Bearer ey/)
})

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
