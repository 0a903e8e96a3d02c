import type { AxiosStatic } from 'axios'
import type { Got } from 'got'
import type * as Undici from 'undici'

/** The modules that this Node can load, by name. If one is missing, the table of `npm run test:matrix` says so. */
async function loadable<T>(modules: Record<string, () => Promise<T>>): Promise<Record<string, T>> {
  const loaded: [string, T][] = []
  for (const [name, load] of Object.entries(modules)) {
    const module = await load().catch(() => undefined)
    if (module !== undefined) loaded.push([name, module])
  }
  return Object.fromEntries(loaded)
}

/** The newest and the oldest axios that we support. Both have the types of the newest. */
export function axioses(): Promise<Record<string, AxiosStatic>> {
  return loadable<AxiosStatic>({
    newest: async () => (await import('axios')).default,
    oldest: async () => (await import('axios-oldest')).default as unknown as AxiosStatic,
  })
}

/** got by major version. All have the types of the oldest. */
export function gots(): Promise<Record<string, Got>> {
  return loadable<Got>({
    14: async () => (await import('got')).got,
    15: async () => (await import('got15')).default as unknown as Got,
    16: async () => (await import('got16')).default as unknown as Got,
  })
}

/** undici by major version. All have the types of undici 7. */
export function undicis(): Promise<Record<string, typeof Undici>> {
  return loadable<typeof Undici>({
    6: async () => (await import('undici6')) as unknown as typeof Undici,
    7: () => import('undici'),
    8: async () => (await import('undici8')) as unknown as typeof Undici,
  })
}
