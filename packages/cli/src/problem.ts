import { McaAuthError } from '@mca-auth/core'

/** The function's result, or the McaAuthError that it threw, for the report. Other errors are thrown again. */
export function resultOrProblem<T>(run: () => T): T | McaAuthError {
  try {
    return run()
  } catch (error) {
    return problemOf(error)
  }
}

/** For `promise.catch()`, likewise. */
export function problemOf(error: unknown): McaAuthError {
  if (error instanceof McaAuthError) return error
  throw error
}
