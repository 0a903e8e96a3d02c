import { Readable } from 'node:stream'
import { mcaAuth } from '@mca-auth/axios'
import type { AxiosInstance, AxiosRequestConfig, AxiosStatic } from 'axios'
import NodeFormData from 'form-data'
import { argumentsOf, type Client } from './contract.ts'

export function axiosClient(name: string, axios: AxiosStatic, defaults: AxiosRequestConfig): Client {
  const form = () => {
    const data = new FormData()
    data.set('field', 'of a form')
    return data
  }
  const nodeForm = () => {
    const data = new NodeFormData()
    data.append('field', 'of a form')
    return data
  }
  const isFetch = defaults.adapter === 'fetch'
  // The fetch adapter of older versions does not take a `fetch`, so its redirects cannot be seen.
  const isOldest = axios.VERSION === '1.8.2'
  const hidesRedirects = isFetch && isOldest
  // A name would mean the adapter of the axios that our package depends on here.
  const adapter = isOldest ? axios.getAdapter(defaults.adapter ?? axios.defaults.adapter) : defaults.adapter
  const starting =
    (wrap: (instance: AxiosInstance) => void = () => {}): Client['start'] =>
    (...attached) => {
      const instance = axios.create({ transformResponse: (data) => data, ...(adapter && { adapter }) })
      for (const one of attached) instance.interceptors.request.use(mcaAuth(...argumentsOf(one)))
      wrap(instance)
      return {
        async send(url, { body, ...init } = {}) {
          const raw = await instance({ url, ...init, data: body } as AxiosRequestConfig).catch((error: unknown) => {
            if (axios.isAxiosError(error) && error.response) return error
            throw error
          })
          const response = axios.isAxiosError(raw) ? raw.response : raw
          return { status: response?.status ?? 0, text: String(response?.data), raw }
        },
        async [Symbol.asyncDispose]() {},
      }
    }
  return {
    name,
    start: starting(),
    startRetrying: starting((instance) => {
      instance.interceptors.response.use(undefined, (error) => {
        if (error.response?.status !== 503) throw error
        return instance(error.config)
      })
    }),
    resendable: hidesRedirects
      ? {}
      : {
          JSON: () => [{ a: 1 }, '{"a":1}'],
          'a string': () => ['text', 'text'],
          'a Buffer': () => [Buffer.from('bytes'), 'bytes'],
          'an ArrayBuffer': () => [new TextEncoder().encode('bytes').buffer, 'bytes'],
          URLSearchParams: () => [new URLSearchParams({ a: '1' }), 'a=1'],
          FormData: () => [form(), /name="field"\r\n\r\nof a form/],
          'a Blob': () => [new Blob(['blob']), 'blob'],
        },
    oneShot: {
      ...(!isFetch && { 'a form-data form': nodeForm }),
      'a stream': () => Readable.from(['stream']),
    },
    followsRedirects: true,
    hidesFinalOrigin: hidesRedirects,
    stripsAtHops: isFetch,
    sendsProofAgain: isFetch,
  }
}
