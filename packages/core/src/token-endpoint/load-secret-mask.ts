import type { SecretMask } from './secret-mask.js'

/** Loads what masks secrets in texts: only token requests and the command line have any to mask. */
export async function loadSecretMask(): Promise<typeof SecretMask> {
  return (await import('./secret-mask.js')).SecretMask
}
