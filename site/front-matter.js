/** The head of a page: the address of its source, for the link at its end. @param {string} sourceUrl */
export function frontMatter(sourceUrl) {
  return `---\nsourceUrl: ${sourceUrl}\n---\n\n`
}
