/** Tests that inherently take long have a small size for slow machines. `npm run test:soak` runs them in full. */
export const fullSize: boolean = process.env.MCA_AUTH_TEST_SIZE === 'full'

/** `npm run test:matrix` runs the contract with every client, `npm test` with those that differ most. */
export const everyClient: boolean = fullSize || process.env.MCA_AUTH_TEST_CLIENTS === 'every'
