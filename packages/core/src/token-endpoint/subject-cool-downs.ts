import type { McaAuthError } from '../error.js'
import { CoolDowns } from './cool-downs.js'
import type { FailedAttempt } from './failed-attempt.js'

/** RFC 9110 §15.6.3 to §15.6.5, RFC 6585 §4: the server is unavailable. */
const busyStatuses = [429, 502, 503, 504]
const busyErrors = ['temporarily_unavailable', 'slow_down']

/**
 * The failures of token requests on behalf of callers. A caller may present anything, even a token that crashes a server or
 * a firewall. So a failure applies only to that caller, unless it is about the client or the health of the server. It also
 * shows that the server is there, so no caller has to wait for the outcome of another caller's token request.
 */
export class SubjectCoolDowns extends CoolDowns {
  override record(key: string, failed: FailedAttempt, now: number): McaAuthError {
    if (!this.concernsAll(failed)) this.forgetEnded(now)
    return super.record(key, failed, now)
  }

  protected override concernsAll(failed: FailedAttempt): boolean {
    const { kind, error: failure } = failed
    const { status, error, code } = failure
    // A 401 without a reason may be a firewall's, about this token.
    if (kind === 'denied')
      return error !== undefined && (super.concernsAll(failed) || error === 'unsupported_grant_type')
    if (kind === 'throttled' || kind === 'unreadable' || status === undefined) return true
    return busyStatuses.includes(status) || busyErrors.includes(error ?? '') || code === 'DISCOVERY_INVALID'
  }
}
