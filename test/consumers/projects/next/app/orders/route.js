import { clients } from '../../clients.js'

/** Caches what may be cached: what must not be says so itself. */
export const fetchCache = 'default-cache'

export async function GET(request) {
  const { searchParams } = new URL(request.url)
  try {
    return Response.json({ status: await clients[searchParams.get('client')](searchParams.get('url')) })
  } catch ({ code, message }) {
    return Response.json({ code, message })
  }
}
