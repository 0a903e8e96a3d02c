// What layers do to bound tokens that repeat a request beneath mca-auth, or hide a part of it. By step.

/** Of a layer beneath ours that retries. */
export const repeatedProof = {
  'proves-503': {
    shows: /proof that was sent before/,
    text: 'with `dpop`, a retry repeats the proof, which a resource may reject',
  },
}

/** Of a layer beneath ours that follows redirects. */
export const redirectedProof = {
  'proves-moved': {
    shows: /carried a proof for|proof that was sent before/,
    text: 'with `dpop`, a redirect repeats the proof, which a resource rejects',
  },
  'proof-away': {
    shows: /got a proof/,
    text: 'with `dpop`, a redirect takes the proof to another origin, without the token',
  },
}

/** Of a client that cannot send again, or does not show what the server wants. */
export const unansweredNonce = (/** @type {string} */ text) =>
  Object.fromEntries(['nonce', 'nonce-crowd'].map((step) => [step, { shows: /401.* instead of/, text }]))
