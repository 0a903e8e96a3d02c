/** Where nobody listens. Not a port that was free a moment ago: another test may have it by now. */
export const refused = 'http://127.0.0.1:2'
