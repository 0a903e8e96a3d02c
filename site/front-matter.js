/**
 * The head of a page.
 *
 * @param {string} sourceUrl The address of its source, for the link at its end.
 * @param {string} [description] For search engines and previews; that of the site if there is none.
 */
export function frontMatter(sourceUrl, description) {
  const line = description === undefined ? '' : `description: ${JSON.stringify(description)}\n`
  return `---\nsourceUrl: ${sourceUrl}\n${line}---\n\n`
}
