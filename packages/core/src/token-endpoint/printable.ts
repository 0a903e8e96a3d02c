/** Without control characters (RFC 6749 §5.2): a server cannot start a new line in our user's log, or control a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, ' ')
}

export function isTextual(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}
