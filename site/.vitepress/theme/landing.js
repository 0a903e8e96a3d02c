// The layout of the first page: that of VitePress, but with the landmark that its own lacks.
import { Content } from 'vitepress'
import { VPHomeContent, VPHomeHero } from 'vitepress/theme'
import { defineComponent, h } from 'vue'

export const Landing = defineComponent({
  name: 'LandingPage',
  setup() {
    return () => h('main', { class: 'VPHome' }, [h(VPHomeHero), h(VPHomeContent, () => h(Content))])
  },
})
