// VitePress reads the pages that prepare.js has put together.
import { defineConfig } from 'vitepress'
import { slug } from '../anchors.js'
import { sidebar } from '../contents.js'
import { extend } from '../markdown.js'
import { base, home } from '../repository.js'
import { search } from '../search.js'
import { accessibleSearchBox } from '../search-box.js'

export default defineConfig({
  title: 'mca-auth',
  description:
    'Plugins for axios, got, undici and fetch that attach an OAuth 2.0 access token to every outgoing request',
  lang: 'en',
  base,
  srcDir: '.generated',
  outDir: 'dist',
  vite: { plugins: [accessibleSearchBox] },
  cacheDir: 'node_modules/.cache/vitepress',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}icon.svg` }]],
  markdown: {
    anchor: { slugify: slug },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: extend,
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/getting-started', activeMatch: '^/(?!packages/|api/|options|index|404|$)' },
      { text: 'Options', link: '/options' },
      { text: 'Packages', link: '/packages/axios', activeMatch: '^/packages/' },
      { text: 'Reference', link: '/api/', activeMatch: '^/api/' },
      { text: 'Source', link: home },
    ],
    sidebar: sidebar(),
    outline: { level: [2, 3], label: 'On this page' },
    editLink: { pattern: ({ frontmatter }) => frontmatter.sourceUrl, text: 'The source of this page' },
    search,
    notFound: {
      title: 'Page not found',
      quote: 'It may have moved. The search and the first page lead to all others.',
      linkText: 'To the first page',
      linkLabel: 'To the first page',
    },
    externalLinkIcon: true,
  },
})
