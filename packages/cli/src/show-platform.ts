import { McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { platformReaders } from '@mca-auth/core/adapter'
import { resultOrProblem } from './problem.js'
import type { Report } from './report.js'

/** Shows the instances that each platform offers. */
export function showPlatform(report: Report, options: McaAuthOptions): void {
  const [set, unset] = [true, false].map((isSet) => platformReaders.filter((reader) => reader.isSet() === isSet))
  for (const reader of set ?? []) {
    const instances = resultOrProblem(() => reader.read(options.instanceName))
    if (instances instanceof McaAuthError) report.line('bad', reader.name, instances.message)
    else {
      const usable = instances.filter(({ unusable }) => unusable === undefined)
      report.line('plain', reader.name, usable.map(({ name }) => name).join(', ') || 'no matching instance')
      for (const { name, unusable } of instances) {
        if (unusable !== undefined) report.line('plain', '', `${name} cannot be used: ${unusable}`)
      }
    }
  }
  if (unset?.length) report.line('plain', 'not set', unset.map(({ name }) => name).join(', '))
}

/** Shows where the configuration of a service was found, and which origins may have its tokens. */
export function showService(
  report: Report,
  name: string,
  found: McaAuthError | { readonly options: McaAuthOptions; readonly from?: string },
): void {
  if (found instanceof McaAuthError) {
    report.line('bad', 'service', name)
    return
  }
  const { origins } = found.options
  const list = origins === undefined ? 'no URL is configured: the token goes to the origin of each request' : origins
  report.line('good', 'service', name, `from ${found.from}`)
  report.line('plain', 'origins', [list].flat().join(', '))
}
