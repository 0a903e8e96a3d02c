/** The global of every test runner here, if necessary under another name. */
declare function test(name: string, run: () => Promise<void>): void
