import { createTokenProvider, McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { findCredentials, partOf, withService } from '@mca-auth/core/adapter'
import { checkRequest, type RequestToCheck } from './check-request.js'
import { problemOf, resultOrProblem } from './problem.js'
import type { Report } from './report.js'
import type { RequestProblem } from './send-request.js'
import { concealCredentials, showCredentials } from './show-credentials.js'
import { showPlatform, showService } from './show-platform.js'
import { showToken } from './show-token.js'
import type { Progress } from './terminal.js'
import { TokenEndpointObserver } from './token-endpoint-observer.js'

/** The subject of an examination. */
export interface Examination {
  readonly options: McaAuthOptions
  readonly request: RequestToCheck | undefined
}

/**
 * Finds the credentials, requests a token and checks the request, and reports each step.
 *
 * @returns the first problem, in the last section of the report.
 * @throws TypeError for invalid options.
 */
export async function examine(
  report: Report,
  progress: Progress,
  { options: given, request }: Examination,
): Promise<McaAuthError | RequestProblem | undefined> {
  const endpoint = new TokenEndpointObserver(progress, partOf(given.clientAuth)?.fetch)
  const created = resultOrProblem(() => createTokenProvider({ ...given, fetch: endpoint.fetch }))
  const service = resultOrProblem(() => withService(given))
  const options = service instanceof McaAuthError ? given : service.options
  const credentials = service instanceof McaAuthError ? service : resultOrProblem(() => findCredentials(options))
  if (!(credentials instanceof McaAuthError)) concealCredentials(report, credentials, options)
  report.heading('Platform')
  if (given.service === undefined) showPlatform(report, options)
  else showService(report, given.service, service)
  if (!(credentials instanceof McaAuthError)) {
    report.heading('Credentials')
    showCredentials(report, credentials, options, (service as { readonly from?: string }).from)
  }
  if (created instanceof McaAuthError) return created
  await using provider = created
  const token = await provider.getToken().catch(problemOf)
  endpoint.conceal(report)
  await endpoint.showDiscovery(report)
  endpoint.show(report)
  if (token instanceof McaAuthError) return token
  report.heading('Token')
  showToken(report, token, options)
  if (request === undefined) return undefined
  const origins = request.origins ?? (options.origins === undefined ? undefined : [options.origins].flat())
  if (request.send) progress.show(`sending a request to ${request.url.host} …`)
  return checkRequest(report, provider, { ...request, origins }, options.timeoutMs)
}
