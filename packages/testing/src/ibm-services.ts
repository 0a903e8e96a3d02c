import type { Reply } from './reply.js'

/** A service of IBM Cloud, each with its own form of rejection. */
export type IbmService = 'cloudant' | 'cloudant-basic' | 'cos' | 'key-protect' | 'watsonx'

/** How services of IBM Cloud reject a token, by service. Cloudant's response has had no challenge since 2024. */
export const ibmRejections: Readonly<Record<IbmService, Reply>> = {
  cloudant: { status: 401, body: { error: 'unauthorized', reason: 'exp not in future' } },
  'cloudant-basic': {
    status: 401,
    headers: { 'www-authenticate': 'Basic realm="Cloudant Private Database"' },
    body: { error: 'unauthorized', reason: 'exp not in future' },
  },
  watsonx: {
    status: 401,
    body: {
      errors: [
        {
          code: 'authentication_token_expired',
          message: 'Failed to authenticate the request due to an expired token',
          more_info: 'https://cloud.ibm.com/apidocs/watsonx-ai',
        },
      ],
      trace: 'fake-trace',
      status_code: 401,
    },
  },
  // The same if it objects to a policy, the network or the instance.
  'key-protect': {
    status: 401,
    headers: { 'www-authenticate': 'Bearer realm="Key Protect"' },
    body: {
      metadata: { collectionType: 'application/vnd.ibm.kms.error+json', collectionTotal: 1 },
      resources: [{ errorMsg: 'Unauthorized: The user does not have access to the specified resource' }],
    },
  },
  // The same for an expired token and for a bucket that the caller may not read.
  cos: {
    status: 403,
    headers: { 'content-type': 'application/xml' },
    body: '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message><Resource>/bucket/key</Resource><RequestId>fake-request</RequestId><httpStatusCode>403</httpStatusCode></Error>',
  },
}
