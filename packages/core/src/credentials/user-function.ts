// Copies of core recognise each other's marks by it: a grant of one may be given to a provider of another.
const option = Symbol.for('mca-auth.failed-function.1')

/** The error of a function of the user's, and the option that it belongs to. */
interface FunctionFailure extends Error {
  readonly [option]: string
  readonly thrown: unknown
}

/** Calls a function of the user's, and marks the error that it throws. */
export async function callFunction<T>(name: string, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (thrown) {
    throw Object.assign(new Error(`the \`${name}\` function failed`), { [option]: name, thrown })
  }
}

/** The option whose function failed, and its error. `undefined` if no function failed. */
export function functionFailure(error: unknown): { readonly option: string; readonly thrown: unknown } | undefined {
  const name = (error as FunctionFailure | null | undefined)?.[option]
  return name === undefined ? undefined : { option: name, thrown: (error as FunctionFailure).thrown }
}
