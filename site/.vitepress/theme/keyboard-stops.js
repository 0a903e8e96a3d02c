// Stops for the keyboard. Tables, diagrams and charts scroll inside themselves; one that has nothing to scroll is not a stop, and
// neither is the title of a group of pages, which does nothing.

/** @type {ResizeObserver | undefined} */
let observer

export function setStops() {
  for (const title of document.querySelectorAll('.VPSidebarItem > .item[tabindex]:not([role])'))
    title.removeAttribute('tabindex')
  observer ??= new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute('tabindex', '0')
      else target.removeAttribute('tabindex')
    }
  })
  observer.disconnect()
  for (const element of document.querySelectorAll('.scrollable')) observer.observe(element)
}
