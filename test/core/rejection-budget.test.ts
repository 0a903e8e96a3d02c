import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { RejectionBudget } from '../../packages/core/src/authorization/rejection-budget.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms)

/** How many refreshes it allows before it stops. */
function drain(budget: RejectionBudget, key = 'key', origin = 'https://a.example.com'): number {
  let taken = 0
  while (budget.take(key, origin)) taken++
  return taken
}

it('allows four refreshes, and one more every 15 s, up to four', () => {
  const budget = new RejectionBudget()
  expect(drain(budget)).toBe(4)
  pass(14_999)
  expect(drain(budget)).toBe(0)
  pass(1)
  expect(drain(budget)).toBe(1)
  pass(44_999)
  expect(drain(budget)).toBe(2)
  pass(1) // the rest of the third
  expect(drain(budget)).toBe(1)
  pass(3600_000)
  expect(drain(budget)).toBe(4)
})

it('starts to refill when the first is used, however long it sat idle', () => {
  const budget = new RejectionBudget()
  expect(budget.take('key', 'https://a.example.com')).toBe(true)
  pass(100_000)
  expect(drain(budget)).toBe(4)
  pass(14_999)
  expect(drain(budget)).toBe(0)
})

it('returns one for each accepted resend, never more than four in all', () => {
  const budget = new RejectionBudget()
  budget.giveBack('key', 'https://a.example.com')
  expect(drain(budget)).toBe(4)
  budget.giveBack('key', 'https://a.example.com')
  expect(drain(budget)).toBe(1)
})

it('keeps keys and origins apart', () => {
  const budget = new RejectionBudget()
  expect(drain(budget)).toBe(4)
  expect(drain(budget, 'other')).toBe(4)
  expect(drain(budget, 'key', 'https://b.example.com')).toBe(4)
})

it('neither stalls nor overflows when the clock is set back', () => {
  const budget = new RejectionBudget()
  expect(drain(budget)).toBe(4)
  pass(-24 * 3600_000)
  expect(drain(budget)).toBe(0)
  pass(15_000)
  expect(drain(budget)).toBe(1)
})
