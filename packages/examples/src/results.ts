import type { Run } from './run.js'
import { duration, paint } from './screen.js'
import { table } from './table.js'

/** The results of one client. */
export interface Result {
  readonly name: string
  readonly without: Run
  readonly withMcaAuth: Run
  /** Token requests that succeeded. */
  readonly tokens: number
  /** The number of 401s from its service. */
  readonly rejections: number | undefined
}

export function resultTable(results: readonly Result[]): string {
  const failed = ({ without, withMcaAuth }: Result) => without.failures.length + withMcaAuth.failures.length
  const perSecond = (run: Run) => Math.round(run.perSecond)
  return table([
    { title: ['client'], cells: results.map(({ name }) => name) },
    { title: ['requests', 'sent'], cells: results.map(({ withMcaAuth }) => withMcaAuth.done) },
    { title: ['requests', 'failed'], cells: results.map(failed) },
    { title: ['tokens', 'requested'], cells: results.map(({ tokens }) => tokens) },
    { title: ['rejected (401),', 'then resent'], cells: results.map(({ rejections }) => rejections ?? 'unknown') },
    { title: ['requests/s', 'without', 'mca-auth'], cells: results.map(({ without }) => perSecond(without)) },
    { title: ['requests/s', 'with', 'mca-auth'], cells: results.map(({ withMcaAuth }) => perSecond(withMcaAuth)) },
  ])
}

/** Which requests failed, and why: a line for each reason, with the first request that failed for it. */
export function failureList(results: readonly Result[]): string {
  const lines = results.flatMap(({ name, without, withMcaAuth }) =>
    [[`${name} without mca-auth`, without] as const, [`${name} with mca-auth`, withMcaAuth] as const].flatMap(
      ([client, { failures }]) =>
        [...new Set(failures.map(({ reason }) => reason))].map((reason) => {
          const same = failures.filter((failure) => failure.reason === reason)
          const { request, ms } = same[0] ?? { request: 0, ms: 0 }
          const first = `request ${request.toLocaleString('en')} after ${duration(ms)}`
          const more = same.length > 1 ? ` and ${(same.length - 1).toLocaleString('en')} more` : ''
          return `  ${client}: ${first}${more}: ${reason}`
        }),
    ),
  )
  return paint('red', lines.join('\n'))
}
