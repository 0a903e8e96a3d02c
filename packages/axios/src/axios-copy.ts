import { createRequire } from 'node:module'
import type { Adapter } from './axios-config.js'

/** What is used of axios itself: the lookup of adapters by name, and its errors. */
export interface AxiosCopy {
  getAdapter(adapters: unknown, config: unknown): Adapter
  AxiosError: new (message: string, code: string | undefined, config: object) => Error
  CanceledError: new (message: null, config: object) => Error
  AxiosHeaders: unknown
  defaults: { readonly adapter?: unknown }
}

const copies = new WeakMap<object, AxiosCopy>()

/**
 * The copy of axios that made these headers, or a promise of it the first time. An application that calls
 * `require('axios')` has another copy than one that imports it, with error classes of its own, which it may test for.
 */
export function axiosCopyOf(headers: object): AxiosCopy | Promise<AxiosCopy> {
  const axiosHeaders = headers.constructor
  return copies.get(axiosHeaders) ?? find(axiosHeaders)
}

async function find(axiosHeaders: object): Promise<AxiosCopy> {
  const required = alreadyRequired()
  const imported = required?.AxiosHeaders === axiosHeaders ? undefined : (await import('axios')).default
  const copy = (imported ?? required) as unknown as AxiosCopy
  copies.set(axiosHeaders, copy)
  return copy
}

/** The CommonJS copy, if the application has loaded it; it is not loaded for this. */
function alreadyRequired(): AxiosCopy | undefined {
  try {
    const require = createRequire(import.meta.url)
    return require.cache[require.resolve('axios')]?.exports as AxiosCopy | undefined
  } catch {
    return undefined // bundled: there is one copy
  }
}
