// Small help where script runs; everything works without it.

// Say so when the live part may be old.
function showLost(lost) {
  const note = document.getElementById('lost')
  if (note) note.hidden = !lost
}
document.addEventListener('htmx:sseError', () => showLost(true))
document.addEventListener('htmx:sseOpen', () => showLost(false))
window.addEventListener('offline', () => showLost(true))

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

// A form that takes long to fill in is not sent into a void.
document.addEventListener('submit', event => {
  if (!event.target.matches('.guarded:not(.columns--form)') || navigator.onLine) return
  event.preventDefault()
  const note = document.getElementById('not-sent')
  note.hidden = false
  note.textContent = note.dataset.lost
})
