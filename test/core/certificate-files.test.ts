// The cost of following the files of a certificate, and changes that `stat` does not show.
import { readFileSync, type Stats, statSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { CertificateFiles } from '../../packages/core/src/credentials/certificate/certificate-files.ts'
import { authority, CertificateDirectory, type Pem, thumbprintOf } from '../servers/certificates.ts'

/** The result of `stat`, in place of the real one. */
let stats: Stats | undefined

vi.mock('node:fs', async (load) => {
  const fs = await load<typeof import('node:fs')>()
  const stat = vi.fn((path: string) => stats ?? fs.statSync(path))
  return { ...fs, default: fs, readFileSync: vi.fn(fs.readFileSync), statSync: stat }
})

let one: Pem
let two: Pem
let directory: CertificateDirectory
let now: number

beforeAll(async () => {
  const issuer = await authority()
  ;[one, two] = await Promise.all([issuer.issue('orders'), issuer.issue('orders')])
})
beforeEach(() => {
  directory = new CertificateDirectory()
  directory.write(one)
  now = performance.now()
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})
afterEach(() => {
  directory[Symbol.dispose]()
  stats = undefined
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const files = () =>
  new CertificateFiles({ cert: [directory.cert], key: [directory.key], ca: undefined, passphrase: undefined })
const later = () => {
  now += 1_001
}
const calls = () => {
  const counts = [statSync, readFileSync].map((each) => vi.mocked(each).mock.calls.length)
  vi.mocked(statSync).mockClear()
  vi.mocked(readFileSync).mockClear()
  return counts
}

it('a thousand requests within a second check no file, and later ones check once a second without reading', () => {
  const reader = files()
  const certificate = reader.read()
  calls()
  for (let i = 0; i < 1000; i++) expect(certificate.isCurrent).toBe(true)
  expect(calls()).toEqual([0, 0])
  // Two seconds after the change, the file is read again, since that may not have been the last change.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5_000 })
  later()
  reader.read()
  expect(calls()).toEqual([2, 2])
  for (let second = 0; second < 3; second++) {
    later()
    for (let i = 0; i < 10; i++) reader.read()
    expect(calls()).toEqual([2, 0])
  }
})

// Files that are written in place, within one tick of the file system's clock and with equal lengths.
it('a change that `stat` does not show is noticed if the last one was a moment ago', () => {
  stats = statSync(directory.cert)
  const reader = files()
  expect(reader.read().thumbprint).toBe(thumbprintOf(one))
  directory.write(two)
  later()
  expect(reader.read().thumbprint).toBe(thumbprintOf(two))
  // An hour later, a file with the same `stat` counts as unchanged.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3600_000 })
  later()
  reader.read()
  directory.write(one)
  later()
  expect(reader.read().thumbprint).toBe(thumbprintOf(two))
})
