// Where an alert is shown: names found while typing, lists that are the control, and a map that mirrors them and draws.
// Without script each button sends the form and brings it back; here the same buttons do the same at once.

const picker = document.getElementById('area-picker')
const form = picker.closest('form')
const by = (id) => document.getElementById(id)
const field = (name) => form.elements.namedItem(name)
const fresh = (id) => by(id).content.firstElementChild.cloneNode(true)
const WAIT = 250

// Which kind of area: one of five, of which the others' fields are put away.

const kind = () => field('area').value
function choose(value) {
  field('area').value = value
  showPanel()
}
function showPanel() {
  for (const panel of picker.querySelectorAll('[data-panel]')) panel.hidden = panel.dataset.panel !== kind()
}

// Areas by name.

let names = null
const plain = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
async function listed() {
  names ??= fetch('/console/areas.json').then((answer) => (answer.ok ? answer.json() : []))
  return names
}
async function find() {
  const word = plain(field('area/search').value.trim())
  const all = await listed()
  const found = all
    .filter((one) => word && plain(`${one.name} ${one.code}`).includes(word))
    .sort((a, b) => !plain(a.name).startsWith(word) - !plain(b.name).startsWith(word) || b.people - a.people)
  const list = document.createElement('ul')
  list.className = 'area__list'
  list.append(...found.slice(0, 12).map((one) => row('area-found-one', `add ${one.code}`, one)))
  by('area-found').replaceChildren(...(found.length ? [list] : word ? [fresh('area-nothing')] : []))
}
function row(template, action, one) {
  const item = fresh(template)
  const button = item.querySelector('button')
  button.value = action
  button.setAttribute('aria-label', `${button.textContent} ${one.name}`)
  item.dataset.code = one.code
  item.querySelector('strong').textContent = one.name
  item.querySelector('.quiet').textContent = one.what
  return item
}
const codes = () => field('area/named').value.split(/[\s,]+/).filter(Boolean)
async function name(code, wanted) {
  const one = (await listed()).find((other) => other.code === code)
  if (code === 'NL') return choose(wanted ? 'nation' : '')
  const kept = codes().filter((other) => other !== code)
  for (const item of by('area-chosen').querySelectorAll(`[data-code="${code}"]`)) item.remove()
  if (wanted && one) {
    kept.push(code)
    by('area-chosen').append(row('area-chosen-one', `remove ${code}`, one))
    choose('municipalities')
  }
  field('area/named').value = kept.join(', ')
  picker.querySelector('.area__none').hidden = kept.length > 0
}

// Corners of a polygon.

const corners = () => [...by('area-corners').querySelectorAll('input')].map((input) => input.value)
function setCorners(texts) {
  const items = texts.map((text, n) => {
    const item = fresh('area-corner-one')
    const input = item.querySelector('input')
    input.id = input.name = `area/polygon/${n}`
    input.value = text
    item.querySelector('label').htmlFor = input.id
    item.querySelector('[data-n]').textContent = n + 1
    for (const button of item.querySelectorAll('button')) button.value = button.value.replace('N', n)
    return item
  })
  by('area-corners').replaceChildren(...items)
  field('area/corners').value = texts.length
}
function pointOf(text) {
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text)
  const dutch = /^\s*(-?\d+,\d+)\s*[;\s]\s*(-?\d+,\d+)\s*$/.exec(text)?.map((part) => part.replace(',', '.'))
  const point = dutch ?? found
  return point && [Number(point[1]), Number(point[2])]
}
function moveCorner(action, n) {
  const texts = corners()
  if (action === 'corner-add') texts.push('')
  if (action === 'corner-remove') texts.splice(n, 1)
  const other = action === 'corner-up' ? n - 1 : n + 1
  if (/up|down/.test(action) && other in texts) [texts[n], texts[other]] = [texts[other], texts[n]]
  setCorners(texts)
  choose('polygon')
  // Whoever works by keyboard stays with the corner, or gets to the one that took its place.
  const now = action === 'corner-add' ? texts.length - 1 : /up|down/.test(action) && other in texts ? other : n
  const place = by('area-corners').children[Math.min(now, texts.length - 1)]
  const next = place?.querySelector(action === 'corner-add' ? 'input' : `button[value^="${action} "]`)
  ;(next ?? by('area/polygon')).focus()
}

// The circle.

function setCircle(values) {
  for (const [part, value] of Object.entries({ place: '', ...values })) field(`area/circle/${part}`).value = value
  const placed = field('area/circle/placed')
  if (placed) placed.value = ''
  choose('circle')
}

// How many people that is: worked out by the server, which says so in words and gives the shape for the map.

let turn = 0
let waiting
function changed() {
  clearTimeout(waiting)
  waiting = setTimeout(() => {
    form.dispatchEvent(new Event('change'))  // what was chosen by a button or on the map is kept like what was typed
    reach()
  }, WAIT)
}
async function reach() {
  const mine = ++turn
  const body = new URLSearchParams()
  for (const [key, value] of new FormData(form)) {
    if (/^(area|last_seen\/|token$|programme$)/.test(key) && typeof value === 'string') body.append(key, value)
  }
  const answer = await fetch('/console/areas/reach', { method: 'POST', body }).catch(() => null)
  if (mine !== turn || !answer?.ok || answer.redirected) return
  by('area-reach').innerHTML = await answer.text()
  const looked = by('area-shape').dataset
  if (field('area/circle/place').value.trim()) {
    field('area/circle/lat').value = looked.lat
    field('area/circle/lon').value = looked.lon
  }
  mirror()
}

// What people do.

picker.addEventListener('click', async (event) => {
  const button = event.target.closest('button[name="area/do"]')
  if (!button) return
  event.preventDefault()
  const [action, what] = button.value.split(' ')
  if (action === 'search') await find()
  else if (action.startsWith('corner')) moveCorner(action, Number(what))
  else if (action === 'seen') setCircle({ lat: field('last_seen/lat').value, lon: field('last_seen/lon').value })
  else {
    await name(what, action === 'add')
    field('area/search').value = ''
    by('area-found').replaceChildren()
    field('area/search').focus()
  }
  field('area/searched').value = field('area/search').value.trim()
  changed()
})
picker.addEventListener('input', async (event) => {
  if (event.target.name === 'area/search') {
    field('area/searched').value = event.target.value.trim()
    return find()
  }
  const panel = event.target.closest('[data-panel]')
  if (panel) choose(panel.dataset.panel)
  if (event.target.name === 'area') field('area/decided').value = 'yes'
  if (/circle\/(lat|lon)$/.test(event.target.name)) field('area/circle/place').value = ''
  showPanel()
  changed()
})
field('area/search').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return
  event.preventDefault()
  const first = by('area-found').querySelector('button')
  if (first) first.focus()
})
form.addEventListener('change', (event) => {
  if (/^(programme$|last_seen\/(lat|lon)$)/.test(event.target.name)) changed()
})

// The map.

let map = null
let shown = null
let handles = null
let drawing = false
const flipped = (ring) => ring.map(([lon, lat]) => [lat, lon])
const said = (place) => `${place.lat.toFixed(5)}, ${place.lng.toFixed(5)}`

function start() {
  const box = by('area-map')
  box.hidden = false
  by('area-draw').hidden = false
  const most = Number(box.dataset.zoom ?? 15)
  const moves = !matchMedia('(prefers-reduced-motion: reduce)').matches
  const calm = { zoomAnimation: moves, fadeAnimation: moves, markerZoomAnimation: moves, inertia: moves }
  map = L.map(box, { ...calm, scrollWheelZoom: false, zoomControl: false, maxZoom: most }).setView([52.2, 5.3], 7)
  L.control.zoom({ zoomInTitle: box.dataset.in, zoomOutTitle: box.dataset.out }).addTo(map)
  map.attributionControl.setPrefix(false).addAttribution(box.dataset.borders)
  if (box.dataset.tiles) {
    const words = document.createElement('span')
    words.textContent = box.dataset.attribution
    L.tileLayer(box.dataset.tiles, { attribution: words.innerHTML, maxZoom: most }).addTo(map)
  }
  box.addEventListener('focus', () => map.scrollWheelZoom.enable())
  box.addEventListener('blur', () => map.scrollWheelZoom.disable())
  map.pm.setLang(document.documentElement.lang)
  map.pm.setGlobalOptions({ snappable: false, allowSelfIntersection: false })
  map.on('pm:drawstart pm:drawend', (event) => {
    drawing = event.type === 'pm:drawstart'
    for (const button of by('area-draw').children) button.hidden = drawing === Boolean(button.dataset.draw)
  })
  map.on('pm:create', ({ layer, shape }) => {
    layer.remove()
    if (shape === 'Circle') fromCircle(layer)
    else fromPolygon(layer)
  })
  // What is dragged is for mouse and finger alone: by keyboard there are the fields, so it is no stop on the way.
  new MutationObserver(() => {
    for (const marker of map.getPane('markerPane').querySelectorAll('[tabindex], [role]')) {
      marker.removeAttribute('tabindex')
      marker.removeAttribute('role')
    }
  }).observe(map.getPane('markerPane'), { childList: true, subtree: true, attributes: true })
  mirror()
  borders()
}
async function borders() {
  const answer = await fetch('/console/areas/borders.json')
  const { nation, towns } = answer.ok ? await answer.json() : { nation: [], towns: {} }
  const country = { className: 'area__nation', interactive: false, pmIgnore: true }
  for (const [code, rings] of Object.entries(towns)) {
    const town = L.polygon(rings.map(flipped), { className: 'area__town', pmIgnore: true }).addTo(map).bringToBack()
    town.on('click', async () => {
      if (drawing || handles) return
      await name(code, !codes().includes(code))
      changed()
    })
  }
  L.polygon(nation.map(flipped), country).addTo(map).bringToBack()
}
function fromPolygon(layer) {
  setCorners(layer.getLatLngs()[0].map(said))
  choose('polygon')
  changed()
}
function fromCircle(layer) {
  const { lat, lng } = layer.getLatLng()
  setCircle({ lat: lat.toFixed(5), lon: lng.toFixed(5), radius_m: Math.max(100, Math.round(layer.getRadius() / 100) * 100) })
  changed()
}
function mirror() {
  if (!map) return
  shown?.remove()
  handles?.remove()
  const rings = JSON.parse(by('area-shape').dataset.shape)
  shown = L.polygon(rings.map(flipped), { className: 'area__shown', interactive: false, pmIgnore: true }).addTo(map)
  handles = editable()
  if (handles) {
    handles.addTo(map).pm.enable({ allowSelfIntersection: false, draggable: true })
    handles.on('pm:edit pm:vertexremoved', () => (kind() === 'circle' ? fromCircle(handles) : fromPolygon(handles)))
  }
  if (rings.length && !drawing) map.fitBounds(shown.getBounds(), { animate: false, padding: [20, 20] })
}
function editable() {
  const figure = (part) => Number(field(`area/circle/${part}`).value.replace(',', '.'))
  const [lat, lon, radius] = ['lat', 'lon', 'radius_m'].map(figure)
  if (kind() === 'circle' && lat && radius) return L.circle([lat, lon], { radius, className: 'area__handles' })
  const points = corners().map(pointOf)
  const whole = kind() === 'polygon' && points.length > 2 && points.every(Boolean)
  return whole ? L.polygon(points, { className: 'area__handles' }) : null
}
by('area-draw').addEventListener('click', (event) => {
  const shape = event.target.closest('button')?.dataset.draw
  if (shape) map.pm.enableDraw(shape)
  else if (shape === '') map.pm.disableDraw()
})

showPanel()
picker.querySelector('button[value="show"]')?.setAttribute('hidden', '')
listed()
if (window.L) start()
