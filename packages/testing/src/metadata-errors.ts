import type { Reply } from './reply.js'

type Code =
  | 'invalid_request'
  | 'invalid_value'
  | 'missing_value'
  | 'not_found'
  | 'profile_not_linked'
  | 'unauthenticated'
  | 'unauthorized'

/** An error of the instance metadata service. `name` is the field, header or parameter that it is about. */
export function metadataError(status: number, code: Code, message: string, name?: string, type?: string): Reply {
  const error = { code, message, more_info: 'https://cloud.ibm.com/apidocs/vpc-metadata' }
  const target = name === undefined ? {} : { target: { name, type, value: '' } }
  return { status, body: { errors: [{ ...error, ...target }], status_code: status, trace: 'fake-trace' } }
}
