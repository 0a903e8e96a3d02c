import { boundServicesReader } from './bound-services.js'
import { jsonVariable, operatorVariables, prefixVariables } from './environment-variables.js'
import { mountedBindings } from './mounted-binding.js'
import { invalid, parseObject } from './platform-text.js'
import { isSinglePage, type PlatformReader, type ServiceInstance } from './service-instance.js'

/** In the order in which they are read; the first that has an instance is the only one used. */
export const platformReaders: readonly PlatformReader[] = [
  // VCAP_APPLICATION may complete an instance: see `applicationId()`.
  boundServicesReader('VCAP_SERVICES', ['VCAP_APPLICATION']),
  boundServicesReader('CE_SERVICES'),
  mountedBindings,
  prefixVariables,
  operatorVariables,
  jsonVariable,
]

/** The environment of the first `count` sources: if it is the same, the same instances are found there. */
export function platformEnvironment(readers: number): readonly (string | undefined)[] {
  return platformReaders.slice(0, readers).flatMap((reader) => reader.environment())
}

/** How many sources are read to find an instance: none after the one that has it. */
export function readersFor(instanceName: string | undefined): number {
  const { instance } = findServiceInstance(instanceName)
  const found =
    instance?.unusable === undefined ? platformReaders.findIndex(({ name }) => name === instance?.source) : -1
  return found === -1 ? platformReaders.length : found + 1
}

/** The readers' names, as listed in messages. */
export const readerNames: string = platformReaders
  .map(({ name }) => name)
  .join(', ')
  .replace(/, (\w+)$/, ' and $1')

/**
 * The one instance that the platform offers, by name if one is given. `unusable`: the instances that cannot be used, for a
 * message.
 */
export function findServiceInstance(name: string | undefined): {
  readonly instance?: ServiceInstance
  readonly unusable: readonly ServiceInstance[]
} {
  const unusable: ServiceInstance[] = []
  let singlePage: ServiceInstance | undefined
  for (const reader of platformReaders) {
    const instances = reader.read(name)
    const possible = instances.filter((instance) => instance.unusable === undefined)
    const usable = possible.filter(({ credential }) => !isSinglePage(credential))
    singlePage ??= possible.find(({ credential }) => isSinglePage(credential))
    unusable.push(...instances.filter((instance) => instance.unusable !== undefined))
    if (usable.length > 1) {
      const names = usable.map((instance) => instance.name).join(', ')
      throw invalid(`${reader.name} has several matching instances (${names}): choose one with \`instanceName\``)
    }
    if (usable[0] !== undefined) return { instance: usable[0], unusable }
  }
  // For the message about the missing part.
  if (singlePage !== undefined) return { instance: singlePage, unusable }
  if (name !== undefined) {
    throw invalid(`no instance named ${JSON.stringify(name)} in ${readerNames}${unusableNote(unusable)}`)
  }
  return { unusable }
}

/** Names the instances that were found but cannot be used, with the reasons. */
export function unusableNote(unusable: readonly ServiceInstance[]): string {
  const reasons = unusable.map(
    ({ source, name, unusable: reason }) => `${JSON.stringify(name)} in ${source}: ${reason}`,
  )
  return reasons.length === 0 ? '' : ` that can be used (${reasons.join('; ')})`
}

/** `application_id` of VCAP_APPLICATION, which the published module used as the tenant id. */
export function applicationId(): unknown {
  const text = process.env.VCAP_APPLICATION
  return text ? parseObject(text, 'VCAP_APPLICATION').application_id : undefined
}
