import { expect, it } from 'vitest'
import { OriginRule, unixSocket } from '../../packages/core/src/authorization/origin-rule.ts'

it('each Unix socket is its own origin, which needs no https and cannot be listed in `origins`', () => {
  const rule = new OriginRule(undefined, false)
  const [one, other] = [`${unixSocket}/run/one.sock`, `${unixSocket}/run/other.sock`]
  expect(rule.isSecure(one)).toBe(true)
  expect(rule.isSecure(unixSocket)).toBe(true)
  expect(rule.isSecure('http://unix.example.com')).toBe(false)
  expect(rule.allows(one, one)).toBe(true)
  expect(rule.allows(other, one)).toBe(false)
  expect(new OriginRule('http://unix', false).allows(one, one)).toBe(false)
})
