// Generating an RSA key takes 0.15 s of CPU, and each test file is a process. The first RS256 key that a file generates, that
// of its authorization servers, is therefore the same for the whole run. Further ones are new.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, type webcrypto } from 'node:crypto'

const variable = 'MCA_AUTH_TEST_SIGNING_KEY'

/** Called once, before the processes of the test files start. */
export function setup(): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  process.env[variable] = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')
}

const encoded = process.env[variable]
if (encoded !== undefined)
  reuse(createPrivateKey({ key: Buffer.from(encoded, 'base64'), type: 'pkcs8', format: 'der' }))

function reuse(key: KeyObject): void {
  const { subtle } = crypto
  const generateKey = subtle.generateKey.bind(subtle)
  const generateOrReuse = async (algorithm: webcrypto.RsaHashedKeyGenParams, extractable: boolean, usages: never) => {
    if (algorithm.name !== 'RSASSA-PKCS1-v1_5' || algorithm.modulusLength !== 2048)
      return generateKey(algorithm, extractable, usages)
    subtle.generateKey = generateKey
    const [pkcs8, spki] = [
      key.export({ format: 'der', type: 'pkcs8' }),
      createPublicKey(key).export({ format: 'der', type: 'spki' }),
    ]
    return {
      privateKey: await subtle.importKey('pkcs8', pkcs8, algorithm, extractable, ['sign']),
      publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
    }
  }
  subtle.generateKey = generateOrReuse as typeof generateKey
}
