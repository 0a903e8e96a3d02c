import type { Got } from 'got'
import type * as Undici from 'undici'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const since = (needMajor: number, needMinor = 0) => major > needMajor || (major === needMajor && minor >= needMinor)

/** The versions of got that run on this Node, by major. Their types are those of the oldest. */
export async function gots(): Promise<Record<string, Got>> {
  const { got } = await import('got')
  if (!since(22)) return { 14: got }
  const newer = [await import('got15'), await import('got16')].map((module) => module.default as unknown as Got)
  return { 14: got, 15: newer[0] as Got, 16: newer[1] as Got }
}

/** The versions of undici that run on this Node, by major. Their types are those of undici 7. */
export async function undicis(): Promise<Record<string, typeof Undici>> {
  const all = { 6: await import('undici6'), 7: await import('undici') } as unknown as Record<string, typeof Undici>
  if (!since(22, 19)) return all
  return { ...all, 8: (await import('undici8')) as unknown as typeof Undici }
}
