import { isTextual } from './printable.js'

type Fields = Readonly<Record<string, unknown>>

/** Why a token endpoint denied a request. */
export interface Reason {
  /** An error code, if the response has one: RFC 6749's `error`, or the server's own. */
  readonly error?: string | undefined
  readonly errorDescription?: string | undefined
}

// RFC 6749 §5.2; IBM Cloud IAM and Okta; App ID; Apigee; `code` is too common a field to be one at the top level unless
// it is text.
const codeNames = ['error', 'errorCode', 'error_code', 'ErrorCode', 'errorcode', 'code', 'status', 'type']
const descriptionNames = [
  ...['error_description', 'errorMessage', 'error_message', 'errorSummary', 'Error', 'message', 'moreInformation'],
  ...['faultstring', 'detail', 'title', 'msg'],
]

/** The reason in the body, in any of the formats in use. */
export function reasonIn(fields: Fields): Reason {
  // `errors[0]` (IBM's VPC and watsonx), an `error` object (Google), a `fault` (Apigee).
  const nested = [firstOf(fields.errors), fields.error, fields.fault].filter(isFields)
  const top = codeIn(fields, codeNames.slice(0, 5)) ?? (isTextual(fields.code) ? fields.code : undefined)
  const inner = nested.map((some) => codeIn(some, codeNames) ?? codeIn(some.detail, codeNames))
  const error = top ?? inner.find((code) => code !== undefined)
  const descriptions = [fields, ...nested].flatMap((some) => descriptionNames.map((name) => some[name]))
  const errorDescription = descriptions.concat(firstOf(fields.errors)).find((text) => isTextual(text) && text !== error)
  return { error, errorDescription: errorDescription as string | undefined }
}

function codeIn(fields: unknown, names: readonly string[]): string | undefined {
  if (!isFields(fields)) return undefined
  const codes = names.map((name) => fields[name])
  const code = codes.find(isTextual) ?? codes.find((value) => typeof value === 'number')
  return code === undefined ? undefined : String(code)
}

function firstOf(list: unknown): unknown {
  return Array.isArray(list) ? list[0] : undefined
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** RFC 6749 §4.1.2.1, RFC 8628 §3.5: the server cannot issue a token now. */
const transientErrors = new Set(['temporarily_unavailable', 'server_error', 'slow_down'])

export function isTransient({ error }: Reason): boolean {
  return error !== undefined && transientErrors.has(error)
}
