import { useRoute } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import { nextTick, onMounted, watch } from 'vue'
import { setStops } from './keyboard-stops.js'
import { Landing } from './landing.js'
import { printInLight } from './print.js'
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
      printInLight()
      setStops()
      watch(
        () => route.path,
        () => nextTick(setStops),
      )
    })
  },
}
