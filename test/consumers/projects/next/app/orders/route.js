import { clients } from '../../clients.js'

/** Caches everything that may be cached; other requests opt out themselves. */
export const fetchCache = 'default-cache'

export async function GET(request) {
  const { searchParams } = new URL(request.url)
  try {
    return Response.json({ status: await clients[searchParams.get('client')](searchParams.get('url')) })
  } catch ({ code, message }) {
    return Response.json({ code, message })
  }
}
