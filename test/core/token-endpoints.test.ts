import { expect, it } from 'vitest'
import {
  hasTokenEndpoint,
  isTokenEndpoint,
  registerTokenEndpoint,
} from '../../packages/core/src/token-endpoint/token-endpoints.ts'

const [one, two] = [new URL('https://idp.example.com/one'), new URL('https://idp.example.com/two')]

it('a token endpoint is registered while a provider uses it', () => {
  expect([hasTokenEndpoint(one.origin), isTokenEndpoint(one)]).toEqual([false, false])
  const first = registerTokenEndpoint(one)
  const second = registerTokenEndpoint(one)
  const other = registerTokenEndpoint(two)
  expect([isTokenEndpoint(one), isTokenEndpoint(two)]).toEqual([true, true])
  expect(isTokenEndpoint(new URL('https://idp.example.com/three'))).toBe(false)
  expect(isTokenEndpoint(new URL('https://else.example.com/one'))).toBe(false)
  first()
  first() // counts once
  expect(isTokenEndpoint(one)).toBe(true)
  second()
  expect([isTokenEndpoint(one), hasTokenEndpoint(one.origin)]).toEqual([false, true])
  other()
  expect(hasTokenEndpoint(one.origin)).toBe(false)
  const again = registerTokenEndpoint(one)
  expect(isTokenEndpoint(one)).toBe(true)
  again()
})
