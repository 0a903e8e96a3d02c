export default {
  // The folder above is not a Next.js project.
  turbopack: { root: import.meta.dirname },
}
