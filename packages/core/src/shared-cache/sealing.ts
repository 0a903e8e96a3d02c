import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** Seals the entries of a shared cache and hides their keys, so that a reader of the cache learns neither. */
export interface Sealer {
  /** The key under which to store the entry for this subject. */
  keyFor(subject: string): string
  /** The sealed text, bound to the key: if it is moved to another key, it does not open. */
  seal(key: string, text: string): string
  /** `undefined` for a text that this sealer has not sealed for this key, or that was altered since. */
  open(key: string, sealed: string): string | undefined
  /** Equal for equal tokens, and reveals nothing else. */
  digest(token: string): string
  /** The same for credentials, with a separate key. */
  credentialDigest(credential: string): string
}

/** Entries of another version are not opened. */
const version = '1.'
type Keys = [sealing: Buffer, naming: Buffer, digesting: Buffer, credentials: Buffer]
const ivBytes = 12
const tagBytes = 16

/** AES-256-GCM and HMAC-SHA-256, with keys derived by HKDF (RFC 5869). */
export function createSealer(secret: string | Uint8Array): Sealer {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', secret, 'mca-auth', version + purpose, 32))
  const [sealing, naming, digesting, credentials] = ['seal', 'name', 'digest', 'credential'].map(derive) as Keys
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest('base64url')
  return {
    keyFor: (subject) => hmac(naming, subject),
    seal(key, text) {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', sealing, iv).setAAD(Buffer.from(version + key))
      const sealed = [iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]
      return version + Buffer.concat(sealed).toString('base64url')
    },
    open(key, sealed) {
      const bytes = Buffer.from(sealed.slice(version.length), 'base64url')
      if (!sealed.startsWith(version) || bytes.length < ivBytes + tagBytes) return undefined
      try {
        const iv = bytes.subarray(0, ivBytes)
        const decipher = createDecipheriv('aes-256-gcm', sealing, iv, { authTagLength: tagBytes })
        decipher.setAAD(Buffer.from(version + key)).setAuthTag(bytes.subarray(-tagBytes))
        return decipher.update(bytes.subarray(ivBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8')
      } catch {
        return undefined
      }
    },
    digest: (token) => hmac(digesting, token),
    credentialDigest: (credential) => hmac(credentials, credential),
  }
}
