/** Work that takes long by nature has a size for slow machines. `npm run test:soak` does it in full. */
export const fullSize: boolean = process.env.MCA_AUTH_TEST_SIZE === 'full'
