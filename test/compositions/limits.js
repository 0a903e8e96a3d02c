// The limits, by step, if a layer beneath mca-auth repeats a request, or if a client hides a part of a response or cannot
// send again.

/** Limits of a layer beneath ours that retries. */
export const repeatedProof = {
  'proves-503': {
    shows: /proof that was sent before/,
    text: 'with `dpop`, a retry repeats the proof, which a resource may reject',
  },
}

/** Limits of a layer beneath ours that follows redirects. */
export const redirectedProof = {
  'proves-moved': {
    shows: /carried a proof for|proof that was sent before|carried undefined/,
    text: 'with `dpop`, a redirect repeats the proof, which a resource rejects',
  },
  'proof-away': {
    shows: /got a proof/,
    text: 'with `dpop`, a redirect takes the proof to another origin, without the token',
  },
}

/** A challenge for a nonce, or for more scope, is delivered. */
export const unansweredChallenge = (/** @type {string} */ nonce, /** @type {string} */ scope) => ({
  nonce: { shows: /401.* instead of/, text: nonce },
  'nonce-crowd': { shows: /401.* instead of/, text: nonce },
  'steps-up': { shows: /403.* instead of/, text: scope },
  'steps-up-503': { shows: /403.* instead of/, text: scope },
})

/** Limits of a DNS layer around one that follows redirects: the hop goes to the address. */
export const redirectedToAddress = {
  'proves-moved': {
    shows: /401.* instead of/,
    text: 'with `dpop`, the `Host` of a redirect is an address, and a resource that goes by it rejects the proof',
  },
}
