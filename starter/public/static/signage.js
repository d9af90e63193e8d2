// The player: shows what Baken says should be seen, and takes it down by itself at the end of its lease, whatever the
// network does. Time is measured twice, on a clock that never jumps and on the wall clock: what is over by either is
// over. How much of a lease is left the server says, so a screen whose own clock is wrong is right all the same.
"use strict";

const EVERY = 2000, PATIENCE = 5000, LOOK = 250, TURN = 12000, TELL = 20000, SMALLEST = 0.3;
const settings = document.body.dataset;
const place = document.getElementById("place"), idle = document.getElementById("idle");
const own = new URLSearchParams(location.hash.slice(1));
let alerts = new Map(), turn = 0, turned = 0, told = "", toldAt = 0;

function remaining(alert) {
  return Math.min(alert.endsSteady - performance.now(), alert.endsWall - Date.now());
}

async function poll() {
  const steady = performance.now(), wall = Date.now();
  try {
    const answer = await fetch(settings.content, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (answer.ok) take(await answer.json(), steady, wall);
  } catch { /* the network is gone: the leases go on running */ }
  tell();
  setTimeout(poll, EVERY);
}

function take(told, steady, wall) {
  const newer = new Map();
  for (const one of told) {
    const left = one.lease_left * 1000, known = alerts.get(one.alert_id);
    const alert = known && known.html === one.html ? known : { html: one.html, node: made(one.html) };
    alert.endsSteady = steady + left;
    alert.endsWall = wall + left;
    newer.set(one.alert_id, alert);
  }
  alerts = newer;
  show();
}

// The words are there at once; a picture comes when all of it is, and stays without a network.
function made(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const node = document.importNode(page.querySelector(".screen"), true);
  for (const img of node.querySelectorAll("img")) img.decode().catch(() => img.remove());
  return node;
}

function show() {
  for (const [id, alert] of alerts) if (!(remaining(alert) > 0)) alerts.delete(id);
  const all = [...alerts.values()];
  if (performance.now() - turned > TURN) { turn += 1; turned = performance.now(); }
  const next = all.length ? all[turn % all.length].node : null;
  if (place.firstChild !== next) {
    place.replaceChildren(...(next ? [next] : []));
    if (next) fit(next);
  }
  idle.hidden = Boolean(next);
}

// Makes words smaller until all fit, then leaves out whole paragraphs: the story, the request, what the child looks like.
// Headline, where and when, plate and number stay.
function fit(node) {
  const giving = [...node.querySelectorAll("[data-give-way]")].sort((a, b) => a.dataset.giveWay - b.dataset.giveWay);
  for (const one of giving) one.hidden = false;
  const words = node.querySelector(".words");
  const fits = () => [node, words, ...node.querySelectorAll("p")].every(
    (one) => one.scrollHeight <= one.clientHeight + 1 && one.scrollWidth <= one.clientWidth + 1);
  for (;;) {
    for (let size = 1; size >= (giving.length ? 0.55 : SMALLEST); size -= 0.05) {
      node.style.setProperty("--baken-size", size);
      if (fits()) return;
    }
    if (!giving.length) return;
    giving.shift().hidden = true;
  }
}

// Read-back: what is in the document now, not what was received; at once when it changed, else now and then.
function tell() {
  if (!own.get("screen")) return;
  const shows = [...place.querySelectorAll(".screen")].map(
    (one) => ({ alert_id: one.dataset.alert, edition: Number(one.dataset.edition) }));
  const body = JSON.stringify({ screen: own.get("screen"), key: own.get("key"), shows });
  if (body === told && performance.now() - toldAt < TELL) return;
  fetch(settings.seen, { method: "POST", body, headers: { "content-type": "application/json" } })
    .then((answer) => { if (answer.ok) { told = body; toldAt = performance.now(); } })
    .catch(() => {});
}

setInterval(show, LOOK);
addEventListener("resize", () => { if (place.firstChild) fit(place.firstChild); });
poll();
