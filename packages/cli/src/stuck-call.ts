/** Whether a call of the file system has not responded in time. */
export const stuckCall = { isKnown: false }
