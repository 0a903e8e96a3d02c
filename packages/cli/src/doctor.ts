import { createTokenProvider, McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { findCredentials, partOf, withService } from '@mca-auth/core/adapter'
import { adviceFor } from './advice.js'
import { checkRequest } from './check-request.js'
import type { RequestToCheck } from './command-line.js'
import { type ExitCode, exitCodeOf } from './exit-codes.js'
import { withCliOptionNames } from './flags.js'
import { problemOf, resultOrProblem } from './problem.js'
import { Report } from './report.js'
import { type RequestProblem, showNetworkError } from './send-request.js'
import { concealCredentials, showCredentials } from './show-credentials.js'
import { showPlatform, showService } from './show-platform.js'
import { showToken } from './show-token.js'
import { TokenEndpointObserver } from './token-endpoint-observer.js'

/**
 * Prints where each credential was found, how the server responds, what it grants, whether a request would carry the
 * token, and any faults.
 *
 * @throws TypeError for invalid options.
 */
export async function doctor(options: McaAuthOptions, request: RequestToCheck | undefined): Promise<ExitCode> {
  const report = new Report()
  const problem = await examine(report, options, request)
  if (problem instanceof McaAuthError) {
    report.heading('What is wrong')
    report.line('bad', problem.code, withCliOptionNames(problem.message))
    showNetworkError(report, problem.cause)
    for (const advice of adviceFor(problem)) report.advice(advice)
    return exitCodeOf(problem)
  }
  const works = report.warnings === 0 ? 'Nothing is wrong.' : 'It works, with warnings (see the lines marked !)'
  report.heading(problem?.headline ?? works)
  report.advice('if a request of your service goes without a token, NODE_DEBUG=mca-auth in its environment logs why')
  if (request === undefined)
    report.advice('mca-auth doctor --url URL says whether a request to that URL carries the token')
  return problem?.exitCode ?? 0
}

async function examine(
  report: Report,
  given: McaAuthOptions,
  request: RequestToCheck | undefined,
): Promise<McaAuthError | RequestProblem | undefined> {
  const endpoint = new TokenEndpointObserver(partOf(given.clientAuth)?.fetch)
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
  const origins = options.origins === undefined ? undefined : [options.origins].flat()
  return (
    request && checkRequest(report, provider, { ...request, origins: request.origins ?? origins }, options.timeoutMs)
  )
}
