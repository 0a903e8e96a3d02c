#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { createTokenProvider, type McaAuthOptions } from '@mca-auth/core'
import { readCommandLine } from './command-line.js'
import { doctor } from './doctor.js'
import { exitCodeOf } from './exit-codes.js'
import { usage, withCliOptionNames } from './flags.js'
import { printable } from './printable.js'
import { printPublicJwk } from './public-jwk.js'

// `mca-auth doctor | head` closes the pipe early.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

process.exitCode = await run(process.argv.slice(2)).catch((error: unknown) => {
  const message = printable(error instanceof Error ? withCliOptionNames(error.message) : String(error))
  const code = exitCodeOf(error)
  process.stderr.write(`mca-auth: ${message}\n(${code === 2 ? 'see mca-auth --help' : 'mca-auth doctor says more'})\n`)
  return code
})

async function run(args: readonly string[]): Promise<number> {
  const { command, json, options, request, key } = await readCommandLine(args)
  switch (command) {
    case 'help':
      process.stdout.write(usage)
      return 0
    case 'version':
      process.stdout.write(`${version()}\n`)
      return 0
    case 'token':
      await printToken(options, json)
      return 0
    case 'doctor':
      return doctor(options, request)
    case 'jwk':
      if (key !== undefined) await printPublicJwk(key.file, key.id)
      return 0
  }
}

async function printToken(options: McaAuthOptions, json: boolean): Promise<void> {
  await using provider = createTokenProvider(options)
  const { accessToken, tokenType, issuedAt, expiresAt, scope } = await provider.getToken()
  const header = `${tokenType} ${accessToken}`
  const fields = { header, accessToken, tokenType, issuedAt, expiresAt, scope }
  process.stdout.write(`${printable(json ? JSON.stringify(fields) : header)}\n`)
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}
