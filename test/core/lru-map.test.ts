import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LruMap } from '../../packages/core/src/lru-map.ts'

/** The same by brute force: the entry that was used last comes last. */
class Model {
  entries: [string, number][] = []
  max: number

  constructor(max: number) {
    this.max = max
  }

  peek(key: string) {
    return this.entries.find(([name]) => name === key)?.[1]
  }

  get(key: string) {
    const value = this.peek(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: string, value: number) {
    this.delete(key)
    this.entries.push([key, value])
    if (this.entries.length > this.max) this.entries.shift()
  }

  delete(key: string) {
    const { length } = this.entries
    this.entries = this.entries.filter(([name]) => name !== key)
    return this.entries.length < length
  }

  clear() {
    this.entries = []
  }
}

describe('the map that forgets what was used longest ago', () => {
  it('forgets that entry, and no other, whatever was done before', () => {
    const name = fc.oneof(
      { weight: 20, arbitrary: fc.constant('set' as const) },
      { weight: 20, arbitrary: fc.constantFrom('get' as const, 'peek' as const) },
      { weight: 4, arbitrary: fc.constant('delete' as const) },
      { weight: 1, arbitrary: fc.constant('clear' as const) },
    )
    const operations = fc.array(fc.tuple(name, fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')), {
      minLength: 100,
      maxLength: 200,
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), operations, (max, all) => {
        const map = new LruMap<number>(max)
        const model = new Model(max)
        for (const [i, [name, key]] of all.entries()) {
          if (name === 'set') {
            map.set(key, i)
            model.set(key, i)
          } else if (name === 'clear') {
            map.clear()
            model.clear()
          } else {
            expect(map[name](key)).toBe(model[name](key))
          }
          expect(map.size).toBe(model.entries.length)
          expect(map.values().sort()).toEqual(model.entries.map(([, value]) => value).sort())
        }
      }),
    )
  })
})
