// Anchors of headings, as the host of the repository makes them, so that a link works there and here.

/** @param {string} heading */
export function slug(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}
