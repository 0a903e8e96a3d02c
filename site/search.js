// The order in which the search finds sections. VitePress sends the functions to the browser as text: they refer to nothing else.
import { withoutPictures } from './markdown.js'

/** @type {NonNullable<import('vitepress').DefaultTheme.Config['search']>} */
export const search = {
  provider: 'local',
  options: {
    _render: (text, env, md) => withoutPictures(md.render(text, env)),
    miniSearch: {
      options: {
        // `invalid_client` is also one word, which is rarer than `client`.
        tokenize: (text) =>
          (text.match(/[\p{L}\p{N}_]+/gu) ?? []).flatMap((word) =>
            word.includes('_') ? [word, ...word.split('_').filter((part) => part !== '')] : [word],
          ),
      },
      // A reader wants the explanation of a word first, but members of the reference have it in their titles.
      searchOptions: { boostDocument: (id) => (/\/(api|faults)\b/.test(id) ? 0.5 : 1) },
    },
  },
}
