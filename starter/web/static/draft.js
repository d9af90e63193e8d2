// A draft is kept on the server while it is typed. Nothing of it is kept in the browser but the page itself.

import { standing } from './session.js'

const form = document.getElementById('case-form')
const beside = document.getElementById('beside')
const saved = document.getElementById('saved')
const photosWaiting = []
let photosOnTheWay = 0
let unsaved = false
let saving = false
let failed = false
let timer = 0

function say(state) {
  if (saved.dataset.state === state) return
  saved.dataset.state = state
  saved.textContent = saved.dataset[state]
  document.getElementById('sign-in').hidden = state !== 'out'
}

function later(wait) {
  clearTimeout(timer)
  timer = setTimeout(keep, wait)
}

function keep() {
  clearTimeout(timer)
  if (sent) return
  if (unsaved) htmx.trigger(beside, 'keep')
  photosWaiting.splice(0).forEach(sendPhotos)
}

function typed() {
  unsaved = true
  if (!failed) say('unsaved')
  later(failed ? 3000 : 700)
}
form.addEventListener('input', typed)
form.addEventListener('change', typed)
window.addEventListener('online', keep)
document.addEventListener('visibilitychange', () => document.hidden && keep())

// Saving
beside.addEventListener('htmx:beforeRequest', event => {
  if (event.target !== beside) return
  unsaved = false
  saving = true
})
beside.addEventListener('htmx:afterRequest', async event => {
  if (event.target !== beside) return
  const status = event.detail.xhr.status
  saving = false
  failed = !event.detail.successful
  if (wanted) sendNow()
  if (!failed) {
    history.replaceState(null, '', `/console/drafts/${form.elements.draft.value}`)
    say(unsaved ? 'unsaved' : 'saved')
    return
  }
  unsaved = true
  if (status === 409 || status === 410) return say(status === 409 ? 'stale' : 'gone')
  if (status === 422) return say('full')
  say(status === 401 || status === 403 ? await newToken() : 'lost')
  later(3000)
})
// What was opened stays open, and the place where somebody is.
let opened = []
let focused = -1
const stops = () => [...beside.querySelectorAll('summary, button, a')]
beside.addEventListener('htmx:beforeSwap', () => {
  opened = [...beside.querySelectorAll('details[open]')].map(one => one.id)
  focused = stops().indexOf(document.activeElement)
})
beside.addEventListener('htmx:afterSwap', () => {
  for (const id of opened) document.getElementById(id)?.setAttribute('open', '')
  if (focused >= 0) stops()[focused]?.focus()
})

async function newToken() {
  const now = await standing(form.dataset.user)
  return { ready: 'unsaved', slow: 'lost' }[now] ?? now
}

// A button that fills in a field does it here, without a new page.
form.addEventListener('click', event => {
  const button = event.target.closest('button[name=set]')
  if (!button) return
  const [name] = button.value.split('=', 1)
  const field = document.getElementById(name)
  if (!field) return
  event.preventDefault()
  field.value = button.value.slice(name.length + 1)
  field.dispatchEvent(new Event('input', { bubbles: true }))
  if (!button.dataset.done) return field.focus()
  const done = document.createElement('strong')
  done.className = 'govuk-tag'
  done.textContent = button.dataset.done
  button.replaceWith(done)
})

// A slider that moved on meanwhile is not set back by an older answer; its own answer follows.
const slid = drop => [...drop.querySelectorAll('input[type=range]')].map(one => one.value).join()
form.addEventListener('htmx:beforeRequest', event => {
  const drop = event.target.closest('.drop')
  if (drop) drop.dataset.slid = slid(drop)
})
form.addEventListener('htmx:beforeSwap', event => {
  const drop = event.detail.target
  const asked = event.detail.requestConfig.elt
  if (asked.type === 'range' && drop.dataset.slid !== slid(drop)) event.detail.shouldSwap = false
})

// Photos: chosen, dropped, pasted or taken, they go to the draft at once.
function addPhotos(drop, files) {
  const images = [...files].filter(file => file.type.startsWith('image/'))
  if (images.length) sendPhotos({ drop, images })
}

async function sendPhotos(waiting) {
  const { drop, images } = waiting
  const place = `children/${drop.dataset.child}/photos`
  const body = new FormData(form)
  for (const name of new Set(body.keys())) if (/^(case|photos|children\/\d\/photos)$/.test(name)) body.delete(name)
  for (const image of images) body.append(place, image)
  const note = drop.querySelector('.saved')
  note.textContent = `${note.dataset.waiting} ${images.map(image => image.name).join(', ')}`
  const address = `/console/drafts/${form.elements.draft.value}/photos/${drop.dataset.child}`
  photosOnTheWay++
  const answer = await fetch(address, { method: 'POST', body, headers: { 'hx-request': 'true' } }).catch(() => null)
  photosOnTheWay--
  if (answer && answer.ok) {
    htmx.swap(drop, await answer.text(), { swapStyle: 'innerHTML' })
    unsaved = true
    return wanted ? sendNow() : keep()
  }
  if (answer && answer.status === 422) {
    note.textContent = note.dataset.refused
    return
  }
  if (answer && (answer.status === 401 || answer.status === 403)) say(await newToken())
  photosWaiting.push(waiting)
  later(3000)
}

form.addEventListener('change', event => {
  const field = event.target
  const drop = field.closest('.drop')
  if (!drop || field.type !== 'file') return
  addPhotos(drop, field.files)
  field.value = ''
})
for (const drop of document.querySelectorAll('.drop')) {
  drop.addEventListener('dragover', event => {
    event.preventDefault()
    drop.classList.add('drop--over')
  })
  drop.addEventListener('dragleave', () => drop.classList.remove('drop--over'))
  drop.addEventListener('drop', event => {
    event.preventDefault()
    drop.classList.remove('drop--over')
    addPhotos(drop, event.dataTransfer.files)
  })
}
document.addEventListener('paste', event => {
  const near = document.activeElement?.closest('fieldset')?.querySelector('.drop')
  const drop = near || document.querySelector('.drop')
  if (event.clipboardData.files.length) {
    event.preventDefault()
    addPhotos(drop, event.clipboardData.files)
  }
})

// Sending: once, after what is on its way has arrived, and only when nothing can get lost.
let sent = false
let wanted = null

function sendNow() {
  if (saving || photosOnTheWay) return
  const button = wanted
  wanted = null
  form.requestSubmit(button)
}

form.addEventListener('submit', event => {
  if (saving || photosOnTheWay) {
    event.preventDefault()
    wanted = event.submitter
    return
  }
  if (!sent && !failed && !photosWaiting.length && navigator.onLine) {
    sent = true
    clearTimeout(timer)
    return
  }
  event.preventDefault()
  if (sent) return
  const note = document.getElementById('not-sent')
  note.hidden = false
  note.textContent = saved.dataset.state && saved.dataset.state !== 'saved' ? saved.textContent : note.dataset.lost
  keep()
})
window.addEventListener('pageshow', () => { sent = false })
window.addEventListener('beforeunload', event => {
  if ((unsaved || photosWaiting.length) && !sent) event.preventDefault()
})
