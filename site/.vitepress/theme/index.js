import { useRoute } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import { nextTick, onMounted, watch } from 'vue'
import { watchScrollable } from './scrollable.js'
import './style.css'
import './charts.css'

/** @type {import('vitepress').Theme} */
export default {
  extends: DefaultTheme,
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
