import type { SecretMask } from './secret-mask.js'

/** Loads the code that masks secrets in texts, which only token requests and the command line need. */
export async function loadSecretMask(): Promise<typeof SecretMask> {
  return (await import('./secret-mask.js')).SecretMask
}
