// What signs, in one file: the first token request that needs it loads it.
export { addSecretAssertion } from './client-secret-jwt.js'
export { addPrivateKeyAssertion } from './private-key-assertion.js'
export { publicKeyDigest } from './private-key-signature.js'
