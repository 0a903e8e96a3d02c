// Tables, diagrams and charts scroll inside themselves. One that has nothing to scroll is not a stop for the keyboard.

/** @type {ResizeObserver | undefined} */
let observer

export function watchScrollable() {
  observer ??= new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute('tabindex', '0')
      else target.removeAttribute('tabindex')
    }
  })
  observer.disconnect()
  for (const element of document.querySelectorAll('.scrollable')) observer.observe(element)
}
