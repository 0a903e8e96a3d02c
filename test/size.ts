/**
 * Tests that inherently take long have a small size, for slow machines and for runs by hand. `npm run test:processes` and
 * `test:soak` run them in full.
 */
export const fullSize: boolean = process.env.MCA_AUTH_TEST_SIZE === 'full'

/** `npm run test:matrix` runs the contract with every client, `npm test` with those that differ most. */
export const everyClient: boolean = fullSize || process.env.MCA_AUTH_TEST_CLIENTS === 'every'
