import { McaAuthError } from '@mca-auth/core'
import type { RequestToCheck } from './check-request.js'
import { exitCodeOf } from './exit-codes.js'
import type { Verdict } from './report.js'
import type { RequestProblem } from './send-request.js'

/** The one sentence that the report begins with. */
export function verdictOf(
  problem: McaAuthError | RequestProblem | undefined,
  warnings: number,
  request: RequestToCheck | undefined,
): Verdict {
  if (problem instanceof McaAuthError) {
    return { status: 'bad', exitCode: exitCodeOf(problem), text: headlineOf(problem), code: problem.code }
  }
  if (problem !== undefined) {
    return { status: 'bad', exitCode: problem.exitCode, text: problem.headline, code: problem.code }
  }
  if (warnings > 0) {
    const lines = warnings === 1 ? 'a warning (see the line' : `${warnings} warnings (see the lines`
    return { status: 'warning', exitCode: 0, text: `It works, with ${lines} marked !)` }
  }
  return { status: 'good', exitCode: 0, text: `Nothing is wrong: ${achievement(request)}` }
}

function achievement(request: RequestToCheck | undefined): string {
  if (request === undefined) return 'the server issued a token'
  return request.send ? 'the request was sent with a token' : 'the request would carry a token'
}

function headlineOf({ code, status, error }: McaAuthError): string {
  switch (code) {
    case 'TOKEN_REQUEST_REFUSED':
      return `The token endpoint denied the request${error === undefined ? '' : `: ${error}`}`
    case 'TOKEN_REQUEST_THROTTLED':
      return 'The server is rate-limiting'
    case 'TOKEN_REQUEST_FAILED':
      return status === undefined ? 'The server does not respond' : `The server fails: it responded with ${status}`
    case 'TOKEN_RESPONSE_INVALID':
      return 'The response contains no token that can be used'
    case 'DISCOVERY_INVALID':
      return "The issuer's metadata cannot be used"
    case 'INSECURE_TRANSPORT':
      return 'Plain HTTP was refused'
    case 'INVALID_CREDENTIALS_SOURCE':
      return 'The credentials are malformed'
    case 'MISSING_SECRET_ERROR':
      return 'The secret is missing'
    default:
      return 'Credentials are missing'
  }
}
