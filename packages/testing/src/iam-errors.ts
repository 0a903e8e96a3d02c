import type { Reply } from './reply.js'

export type IamErrorCode = 'BXNIM0106E' | 'BXNIM0109E' | 'BXNIM0398E' | 'BXNIM0415E' | 'BXNIM0462E' | 'BXNIM0602E'

/** Errors of IBM Cloud IAM, each with its original status and text. */
const errors: Readonly<Record<IamErrorCode, readonly [status: number, message: string]>> = {
  BXNIM0415E: [400, 'Provided API key could not be found.'],
  BXNIM0462E: [400, 'Provided API key is disabled.'],
  BXNIM0398E: [400, 'Profile is not eligible for the provided compute resource token.'],
  BXNIM0106E: [400, 'Property missing or invalid: response_type or grant_type.'],
  BXNIM0109E: [400, 'Property missing or empty.'],
  BXNIM0602E: [400, 'The client credentials are invalid.'],
}

/** The response of IAM. `details` follow the message. */
export function iamError(code: IamErrorCode, details?: string): Reply {
  const [status, message] = errors[code]
  return {
    status,
    body: { errorCode: code, errorMessage: message, ...(details && { errorDetails: details }), context },
  }
}

/** IAM's response to too many token requests of one API key. No error code is documented, and no `Retry-After`. */
export function iamThrottling(retryAfterSeconds: number | undefined): Reply {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  return { status: 429, headers, body: { errorMessage: 'ApiKey based rate limit for calls to /token', context } }
}

/** IAM's details about the request and about itself, which must not reach a user: host names, and the caller's client. */
const context = {
  requestId: 'fake-request-of-context',
  requestType: 'incoming.Identity_API',
  userAgent: 'fake-user-agent-of-context',
  url: 'https://iam.cloud.ibm.com',
  instanceId: 'fake-instance-of-context',
  threadId: '8f',
  host: 'fake-host-of-context',
  startTime: '01.09.2026 10:00:00:000 UTC',
  endTime: '01.09.2026 10:00:00:020 UTC',
  elapsedTime: '20',
  locale: 'en_US',
  clusterName: 'fake-cluster-of-context',
}
