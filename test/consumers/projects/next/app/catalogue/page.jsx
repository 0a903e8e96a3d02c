import { clients } from '../../clients.js'
import { worldOf } from '../../exercise.cjs'

/** Rendered by the build. */
export const dynamic = 'force-static'

export default async function Catalogue() {
  const statuses = []
  for (const name of ['axios', 'fetch']) statuses.push(await clients[name](`${worldOf(name).api}/catalogue`))
  return <p>built with {statuses.join(' and ')}</p>
}
