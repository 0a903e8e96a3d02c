import { strict as assert } from 'node:assert'
import { mcaAuth as axiosAuth } from '@mca-auth/axios'
import { createTokenProvider, McaAuthError, type McaAuthOptions, type TokenProvider } from '@mca-auth/core'
import { mcaAuth as fetchAuth } from '@mca-auth/fetch'
import { mcaAuth as undiciAuth } from '@mca-auth/undici'
import axios, { AxiosError } from 'axios'
import { Agent, request } from 'undici'
import { exercise, failureOf, worldOf } from './exercise.cjs'

function axiosWith(options: McaAuthOptions) {
  const client = axios.create()
  client.interceptors.request.use(axiosAuth(options))
  return async (url: string): Promise<number> => (await client.get(url)).status
}

function fetchWith(provider: TokenProvider, origins: string) {
  const fetch = fetchAuth(provider, { origins })
  return async (url: string): Promise<number> => (await fetch(url)).status
}

function undiciWith(options: McaAuthOptions) {
  const dispatcher = new Agent().compose(undiciAuth(options))
  return async (url: string): Promise<number> => {
    const { statusCode, body } = await request(url, { dispatcher })
    await body.dump()
    return statusCode
  }
}

export async function main(): Promise<void> {
  const forAxios = worldOf('axios')
  await exercise('axios', axiosWith({ ...forAxios.credentials, origins: forAxios.api }))
  const failure = await failureOf('axios', axiosWith({ ...forAxios.denied, origins: forAxios.api }))
  assert(failure instanceof AxiosError && axios.isAxiosError(failure))
  assert(failure.cause instanceof McaAuthError)

  const forFetch = worldOf('fetch')
  await exercise('fetch', fetchWith(createTokenProvider(forFetch.credentials), forFetch.api))
  assert(
    (await failureOf('fetch', fetchWith(createTokenProvider(forFetch.denied), forFetch.api))) instanceof McaAuthError,
  )

  const forUndici = worldOf('undici')
  await exercise('undici', undiciWith({ ...forUndici.credentials, origins: [forUndici.api] }))
  const error = await failureOf('undici', undiciWith({ ...forUndici.denied, origins: [forUndici.api] }))
  assert(error instanceof McaAuthError)
}
