// Who is signed in now. A page outlives its session: signed in again in another tab, its forms go on with the new one.

const PATIENCE = 2_000

// Whether forms of this user may go: 'ready', 'out', 'other' (somebody else is here), 'lost' (no connection), or 'slow'.
export async function standing(user) {
  const asked = { cache: 'no-store', headers: { 'hx-request': 'true' }, signal: AbortSignal.timeout(PATIENCE) }
  try {
    const answer = await fetch('/console/session', asked)
    if (!answer.ok) return answer.status === 401 || answer.status === 403 ? 'out' : 'slow'
    const now = await answer.json()
    if (now.user !== user) return 'other'
    for (const field of document.querySelectorAll('input[name=token]')) field.value = now.token
    return 'ready'
  } catch (error) {
    return error.name === 'TimeoutError' ? 'slow' : 'lost'
  }
}
