export default {
  // The folder above has no project of Next's.
  turbopack: { root: import.meta.dirname },
}
