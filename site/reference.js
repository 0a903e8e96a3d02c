// The reference of every entry point that is published, by TypeDoc. A name without a doc comment, or a link that leads
// nowhere, fails the build.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Application, ReflectionKind } from 'typedoc'
import { entryPoints, packageDescription } from './contents.js'
import { frontMatter } from './front-matter.js'
import { referencePage } from './reference-page.js'
import { fileUrl, folderUrl, root } from './repository.js'

/** The source file of an entry point. @param {string} name */
function sourceOf(name) {
  return name === 'core/adapter' ? 'packages/core/src/adapter.ts' : `packages/${name}/src/index.ts`
}

/** Writes one Markdown page for each entry point. @param {string} folder */
export async function writeReference(folder) {
  const application = await Application.bootstrapWithPlugins({
    // Core first: what other packages export again is documented there.
    entryPoints: [...entryPoints]
      .sort((a, b) => Number(b === 'core') - Number(a === 'core'))
      .map((name) => join(root, sourceOf(name))),
    tsconfig: join(import.meta.dirname, 'tsconfig.reference.json'),
    plugin: ['typedoc-plugin-markdown'],
    out: folder,
    name: 'Reference',
    readme: 'none',
    basePath: root,
    displayBasePath: root,
    disableGit: true,
    sourceLinkTemplate: `${fileUrl('{path}')}#L{line}`,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    packagesRequiringDocumentation: entryPoints.map((name) => `@mca-auth/${name.split('/')[0]}`),
    validation: {
      notExported: true,
      invalidLink: true,
      invalidPath: true,
      rewrittenLink: true,
      notDocumented: true,
      unusedMergeModuleWith: true,
    },
    logLevel: 'Warn',
    sort: ['kind', 'alphabetical'],
    groupOrder: ['Functions', 'Classes', 'Interfaces', 'Type Aliases', 'Variables', 'References'],
    ...markdown,
  })
  const project = await application.convert()
  if (project === undefined) throw new Error('TypeDoc could not read the sources')
  for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
    const file = module.sources?.[0]?.fullFileName
    const name = entryPoints.find((entryPoint) => join(root, sourceOf(entryPoint)) === file)
    if (name === undefined) throw new Error(`${file} is not an entry point`)
    module.name = `@mca-auth/${name}`
  }
  application.options.setValue('intentionallyNotDocumented', membersOfLiterals(project))
  application.validate(project)
  await application.generateOutputs(project)
  if (application.logger.hasErrors() || application.logger.hasWarnings()) {
    throw new Error('the reference has warnings, see above')
  }
  for (const name of entryPoints) {
    const file = join(folder, `${name}.md`)
    writeFileSync(
      file,
      frontMatter(fileUrl(sourceOf(name)), `Reference: ${purposeOf(name)}`) + referencePage(readFileSync(file, 'utf8')),
    )
  }
  writeFileSync(join(folder, 'index.md'), overview())
}

/**
 * `{ a, b }` within a type whose doc comment says what they are. TypeDoc does not look at those of parameters, and
 * reports names in the list that need not be there.
 *
 * @param {import('typedoc').ProjectReflection} project
 */
function membersOfLiterals(project) {
  const members = project.getReflectionsByKind(ReflectionKind.Property | ReflectionKind.Method)
  const undocumented = members.filter((member) => {
    const signatures = member.isDeclaration() ? (member.signatures ?? []) : []
    const isDocumented = [member, ...signatures].some((one) => one.hasComment())
    return !isDocumented && member.parent?.kindOf(ReflectionKind.TypeLiteral) && !isInParameter(member)
  })
  return [...new Set(undocumented.map((member) => member.getFriendlyFullName()))]
}

/** @param {import('typedoc').Reflection | undefined} reflection @returns {boolean} */
function isInParameter(reflection) {
  if (reflection === undefined) return false
  return reflection.kindOf(ReflectionKind.Parameter) || isInParameter(reflection.parent)
}

/** The purpose of an entry point. @param {string} name */
function purposeOf(name) {
  return name === 'core/adapter' ? 'The protocol for adapters of HTTP clients' : packageDescription(name)
}

/** The first page: what each entry point is for. */
function overview() {
  const rows = entryPoints.map((name) => {
    return `| [\`@mca-auth/${name}\`](${name}.md) | ${purposeOf(name)} |\n`
  })
  return `${frontMatter(folderUrl('packages'))}# Reference

What each package exports, written from the doc comments that your editor shows too. The [options](../options.md) of all
packages have a page that is easier to read.

| entry point | what it is |
| --- | --- |
${rows.join('')}`
}

/** Options of the plugin. */
const markdown = /** @type {Record<string, unknown>} */ ({
  outputFileStrategy: 'modules',
  entryFileName: 'index',
  excludeScopesInPaths: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  useCodeBlocks: true,
  useCustomAnchors: true,
  expandParameters: true,
  pageTitleTemplates: { index: 'Reference', module: 'Reference of {name}' },
})
