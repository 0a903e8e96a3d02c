import { SubjectToken } from '../credentials/subject-token.js'
import type { IncomingToken } from './incoming.js'

/** Not a field of the incoming token, which may come from another copy of this package: only its `header` is used. */
const subjects = new WeakMap<IncomingToken, SubjectToken>()

/** Created once for each incoming request, however many requests are made on its behalf. */
export function subjectOf(incoming: IncomingToken): SubjectToken {
  const known = subjects.get(incoming)
  if (known !== undefined) return known
  const { header } = incoming
  const subject = new SubjectToken(header.slice(header.indexOf(' ') + 1))
  subjects.set(incoming, subject)
  return subject
}
