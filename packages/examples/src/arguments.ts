import { parseArgs } from 'node:util'

export const usage = `npm run demo                         against servers that it starts itself
npm run demo -- --requests 5000      as many requests of each client, instead of a few seconds
npm run demo -- --url https://…      against your own service, with the credentials of the environment`

export interface Arguments {
  readonly help: boolean
  /** The service to call instead of the services that the demo starts. */
  readonly url: string | undefined
  /** The number of requests of each client. @default as many as fit into a few seconds; 100 if `url` is given */
  readonly requests: number | undefined
}

/** @throws TypeError with a message that names the invalid argument and the expected value. */
export function readArguments(args: readonly string[]): Arguments {
  const options = { url: { type: 'string' }, requests: { type: 'string' }, help: { type: 'boolean' } } as const
  const { values } = parseArgs({ args: [...args], options })
  const { help = false, url } = values
  if (url !== undefined && !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) {
    throw new TypeError(`--url must be an http or https URL, but is "${url}"`)
  }
  const requests = values.requests === undefined ? undefined : Number(values.requests)
  if (requests !== undefined && !(Number.isSafeInteger(requests) && requests >= 10)) {
    throw new TypeError(`--requests must be an integer of at least 10, but is "${values.requests}"`)
  }
  return { help, url, requests: requests ?? (url === undefined ? undefined : 100) }
}
