// The signing code in one file, which the first token request that needs it loads.
export { addSecretAssertion } from './client-secret-jwt.js'
export { addPrivateKeyAssertion } from './private-key-assertion.js'
export { publicKeyDigest } from './private-key-signature.js'
