/** What every test runner here has, by that name or made so. */
declare function test(name: string, run: () => Promise<void>): void
