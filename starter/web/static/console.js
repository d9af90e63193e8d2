// Small help where script runs; everything works without it.

import { standing } from './session.js'

// The live part follows its alert. What is new is morphed in, so that focus, open details and where one reads stay.
const KEPT = {
  morphStyle: 'innerHTML',
  callbacks: { beforeAttributeUpdated: (name, element) => !(name === 'open' && element.tagName === 'DETAILS') },
}
const live = document.querySelector('[data-events]')
const lost = document.getElementById('lost')
if (live) follow(live, lost, document.getElementById('news'))
else if (lost) {
  document.addEventListener('htmx:sseError', () => { lost.hidden = false })
  document.addEventListener('htmx:sseOpen', () => { lost.hidden = true })
  addEventListener('offline', () => { lost.hidden = false })
}

function follow(live, lost, news) {
  const SILENT = 10_000 // the server says something every four seconds
  let source, again, heard = Date.now(), tried = heard, ended = false
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: 'Europe/Amsterdam', timeStyle: 'medium' })
  const say = (text) => { news.textContent = text }

  const open = () => {
    source?.close()
    clearTimeout(again)
    tried = Date.now()
    source = new EventSource(live.dataset.events)
    source.addEventListener('live', (event) => { hear(); Idiomorph.morph(live, event.data, KEPT) })
    source.addEventListener('news', (event) => { hear(); say(event.data) })
    source.addEventListener('beat', hear)
    source.addEventListener('done', () => { hear(); ended = true; source.close() })
    source.addEventListener('error', () => {
      if (ended) return
      missing()
      // A browser tries again by itself, save where it was answered with something else, as while Baken starts.
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, 2_000)
    })
  }
  const hear = () => {
    heard = Date.now()
    if (lost.hidden) return
    lost.hidden = true
    say(news.dataset.back)
  }
  const missing = () => {
    if (!lost.hidden) return
    document.getElementById('heard').textContent = clock.format(heard)
    lost.hidden = false
  }
  // A line that was cut says nothing, not even that it was cut.
  const watch = () => {
    if (ended || Date.now() - Math.max(heard, tried) < SILENT) return
    missing()
    open()
  }

  open()
  setInterval(watch, 1_000)
  document.addEventListener('visibilitychange', watch)
  addEventListener('offline', () => { source.close(); missing() })
  addEventListener('online', open)
}

// Without a connection or a login: say that it was not sent, and keep the page. Where it is only slow, send it.
const unsent = document.getElementById('unsent')
document.addEventListener('submit', async (event) => {
  const { target: form, submitter } = event
  if (!unsent || !form.matches('.command, .guarded') || form.dataset.going) return
  event.preventDefault()
  const why = await standing(unsent.dataset.user)
  unsent.hidden = why === 'ready' || why === 'slow'
  if (!unsent.hidden) {
    for (const one of unsent.children) one.hidden = one.dataset.why !== why
    const place = submitter ?? form.firstElementChild
    place.before(unsent)
    unsent.scrollIntoView({ block: 'nearest' })
    return
  }
  form.dataset.going = 'yes'
  form.requestSubmit(submitter)
})
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('[data-going]')) delete form.dataset.going
})

// Single keys bring one to places and press nothing; "?" lists them. They can be switched off (WCAG 2.1.4).
const list = document.getElementById('shortcuts')
if (list) shortcuts(list, document.getElementById('shortcuts-open'), document.getElementById('shortcuts-on'))

function shortcuts(list, opener, on) {
  const place = (key) => document.querySelector(`[data-key="${CSS.escape(key)}"]`)
  const show = () => {
    for (const row of list.querySelectorAll('[data-shortcut]')) {
      row.hidden = row.dataset.shortcut !== '?' && !place(row.dataset.shortcut)
    }
    list.showModal() // it keeps the focus, and gives it back
  }
  opener.hidden = false
  opener.addEventListener('click', show)
  on.checked = localStorage.getItem('baken-keys') !== 'off'
  on.addEventListener('change', () => localStorage.setItem('baken-keys', on.checked ? 'on' : 'off'))
  document.addEventListener('keydown', (event) => {
    if (!on.checked || list.open || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return
    if (event.target.closest('input, select, textarea, [contenteditable]')) return
    if (event.key === '?') {
      event.preventDefault()
      show()
      return
    }
    const goal = /^[a-z]$/.test(event.key) && place(event.key)
    if (!goal) return
    event.preventDefault()
    if (goal.tagName === 'A') location.assign(goal.href)
    else goal.focus()
  })
}

// Characters left, while typing.
for (const field of document.querySelectorAll('[data-most]')) {
  const left = document.createElement('p')
  left.className = 'left'
  left.setAttribute('aria-live', 'polite')
  field.after(left)
  const count = () => {
    const rest = Number(field.dataset.most) - field.value.length
    left.textContent = field.value ? `${rest} ${field.dataset.left}` : ''
  }
  field.addEventListener('input', count)
  count()
}

// A refused form: begin where it says so.
const summary = document.querySelector('.govuk-error-summary[tabindex]')
if (summary) summary.focus()
