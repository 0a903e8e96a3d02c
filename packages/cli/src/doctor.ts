import { McaAuthError, type McaAuthOptions } from '@mca-auth/core'
import { adviceFor } from './advice.js'
import type { RequestToCheck } from './check-request.js'
import { type Examination, examine } from './examine.js'
import type { ExitCode } from './exit-codes.js'
import { withFlagNames } from './flag-names.js'
import { print } from './output.js'
import { printable } from './printable.js'
import { type Findings, Report } from './report.js'
import { reportText } from './report-text.js'
import { showNetworkError } from './send-request.js'
import { showStore } from './show-store.js'
import type { Progress } from './terminal.js'
import type { PrivateKey } from './token-store.js'
import { verdictOf } from './verdict.js'

/** What to examine, and how to print the result. */
export interface DoctorCommand extends Examination {
  readonly key: PrivateKey | undefined
  readonly json: boolean
}

/**
 * Prints a verdict, and then where each credential was found, how the server responds, what it grants, and whether a request
 * would carry the token, with advice about any faults.
 *
 * @throws TypeError for invalid options.
 */
export async function doctor({ options, key, request, json }: DoctorCommand, progress: Progress): Promise<ExitCode> {
  const report = new Report()
  const problem = await examine(report, progress, { options, request })
  progress.clear()
  if (problem instanceof McaAuthError) showProblem(report, problem, options)
  else giveHints(report, request)
  await showStore(report, options, key)
  const findings = report.findings(verdictOf(problem, report.warnings, request))
  await print(json ? reportJson(findings) : reportText(findings))
  return findings.verdict.exitCode
}

/** At the end of the last section, which is the one that failed. */
function showProblem(report: Report, problem: McaAuthError, options: McaAuthOptions): void {
  report.line('bad', problem.code, withFlagNames(problem.message, 'doctor'))
  showNetworkError(report, problem.cause)
  for (const advice of adviceFor(problem, options)) report.advice(advice)
}

function giveHints(report: Report, request: RequestToCheck | undefined): void {
  report.hint('if a request of your service goes without a token, NODE_DEBUG=mca-auth in its environment logs why')
  if (request !== undefined) return
  report.hint('`mca-auth doctor --url URL` says whether a request to that URL carries the token')
}

function reportJson({ verdict, sections, hints }: Findings): string {
  const { status, exitCode, text, code = null } = verdict
  return `${printable(JSON.stringify({ status, exitCode, verdict: text, code, sections, hints }))}\n`
}
