/** An origin that refuses connections. Not a port that was free a moment ago: another test may be using it now. */
export const refused = 'http://127.0.0.1:2'
