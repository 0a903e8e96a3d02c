// On paper a page is light, in whichever scheme it is read.

export function printInLight() {
  const { classList } = document.documentElement
  let wasDark = false
  addEventListener('beforeprint', () => {
    wasDark = classList.contains('dark')
    classList.remove('dark')
  })
  addEventListener('afterprint', () => classList.toggle('dark', wasDark))
}
