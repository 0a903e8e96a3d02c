import { useRoute } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import { nextTick, onMounted, watch } from 'vue'
import { Landing } from './landing.js'
import { watchScrollable } from './scrollable.js'
import './style.css'
import './charts.css'

/** @type {import('vitepress').Theme} */
export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('landing', Landing)
  },
  setup() {
    const route = useRoute()
    onMounted(() => {
      watchScrollable()
      watch(
        () => route.path,
        () => nextTick(watchScrollable),
      )
    })
  },
}
