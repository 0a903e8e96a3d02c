// The first page: an opening, and the parts of the README that a visitor needs.
import { fileUrl, home, read } from './repository.js'

/** A section of the README, with its heading. @param {string} heading */
function section(heading) {
  const [part] = new RegExp(`^## ${heading}\\n[\\s\\S]*?(?=^## |(?![\\s\\S]))`, 'm').exec(read('README.md')) ?? []
  if (part === undefined) throw new Error(`README.md has no section "${heading}"`)
  return part
}

export function landing() {
  const [diagram] = /^```mermaid\n[\s\S]*?^```\n/m.exec(read('README.md')) ?? []
  if (diagram === undefined) throw new Error('README.md has no diagram')
  return `---
layout: landing
sidebar: false
sourceUrl: ${fileUrl('README.md')}
titleTemplate: access tokens for axios, got, undici and fetch
hero:
  name: mca-auth
  text: A valid access token on every request
  tagline: >-
    Plugins for axios, got, undici and fetch. The token is requested once however many callers wait, refreshed before it
    expires, replaced when it is rejected, and never sent anywhere you did not name.
  actions:
    - { theme: brand, text: Get started, link: /getting-started }
    - { theme: alt, text: Options, link: /options }
    - { theme: alt, text: Source, link: '${home}' }
---

${section('One line per client')}

## What happens

${diagram}

[Behaviour](docs/behaviour.md) shows each situation: expiry, a 401, a redirect, an outage, a rate limit, an abort.

${section('What you get')}

${section('Packages')}

${section('See it run')}
`
}
