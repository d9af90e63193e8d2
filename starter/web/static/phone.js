// An app on a phone that subscribed to a topic: it gets every alert and decides here whether to show it. Where the phone
// is stays in this page: it is in no request, and what is asked for is the same inside an area and outside of it.
"use strict";

const EVERY = 2000, LOOK = 250, EARTH_M = 6371008.8, RADIANS = Math.PI / 180;
const phone = document.getElementById("phone"), list = document.getElementById("alerts");
const quiet = document.getElementById("quiet"), said = document.getElementById("said");
const { messages, language, readOn } = phone.dataset;
const newest = new Map(), seen = new Set();
let here = null;

function point(text) {
  return text.split(",").map(Number);
}

function inside(data) {
  if (!data.circle && !data.polygons) return true;
  if (!here) return false;
  if (data.polygons) return data.polygons.split(";").some((ring) => within(ring.split(" ").map(point), here));
  const [centre, km] = data.circle.split(" ");
  return metres(point(centre), here) <= km * 1000;
}

function metres([lat, lon], [otherLat, otherLon]) {
  const north = Math.sin((otherLat - lat) * RADIANS / 2), east = Math.sin((otherLon - lon) * RADIANS / 2);
  const chord = north * north + Math.cos(lat * RADIANS) * Math.cos(otherLat * RADIANS) * east * east;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(chord)));
}

// Counts the sides north of the point: an odd number of them means inside.
function within(ring, [lat, lon]) {
  let odd = false;
  for (let i = 0, before = ring.length - 1; i < ring.length; before = i, i += 1) {
    const [aLat, aLon] = ring[i], [bLat, bLon] = ring[before];
    if ((aLon > lon) !== (bLon > lon) && lat < aLat + (bLat - aLat) * (lon - aLon) / (bLon - aLon)) odd = !odd;
  }
  return odd;
}

// What was there already, or is older than what is there, changes nothing; a change, a hold or the end replaces.
function take({ data }) {
  const before = newest.get(data.alert_id);
  if (seen.has(data.id) || (before && Number(data.edition) < Number(before.data.edition))) return;
  seen.add(data.id);
  if (data.kind === "cancel") {
    if (before && before.node) said.textContent = `${data[`title_${language}`]}: ${data[`body_${language}`]}`;
    if (before && before.node) before.node.remove();
    newest.set(data.alert_id, { data });
    return;
  }
  if (before && before.node) before.node.remove();
  // The picture is asked for before anybody looks whether it is shown: who serves it must not learn that.
  const picture = data.image ? Object.assign(new Image(), { alt: "", src: data.image }) : null;
  const until = Date.parse(data.until);
  newest.set(data.alert_id, { data, picture, until, asks: beforeEnd(until) });
}

// At a moment of its own, so that not all phones ask at once.
function beforeEnd(until) {
  const now = Date.now();
  return now + Math.max(EVERY / 4, (until - now) * (0.5 + Math.random() / 4));
}

// A refresh lengthens the lease without a message. This too is asked for wherever the phone is.
async function renew(one) {
  one.asks = Infinity;
  try {
    const answer = await fetch(`${one.data.url}/lease`, { signal: AbortSignal.timeout(5000), cache: "no-store" });
    if (answer.ok) one.until = Date.parse((await answer.json()).lease_until);
    else if (answer.status === 410) one.until = 0;
  } catch { /* no network: it goes at the end of the lease it has */ }
  one.asks = beforeEnd(one.until);
}

function made({ data, picture }) {
  const node = document.createElement("article"), title = document.createElement("h2");
  const body = document.createElement("p"), link = document.createElement("a");
  title.textContent = data[`title_${language}`];
  body.textContent = data[`body_${language}`];
  Object.assign(link, { href: data.url, textContent: readOn });
  node.append(title, ...(picture ? [picture] : []), body, link);
  return node;
}

function show() {
  for (const one of newest.values()) {
    const holds = one.data.kind !== "cancel" && Date.now() < one.until;
    if (holds && Date.now() >= one.asks) renew(one);
    const shows = holds && inside(one.data);
    if (shows && !one.node) {
      one.node = made(one);
      said.textContent = "";
      list.append(one.node);
    } else if (!shows && one.node) {
      one.node.remove();
      delete one.node;
    }
  }
  quiet.hidden = Boolean(list.firstChild || said.textContent);
}

async function listen() {
  try {
    const answer = await fetch(messages, { signal: AbortSignal.timeout(5000), cache: "no-store" });
    if (answer.ok) (await answer.json()).forEach(take);
  } catch { /* no network: what is there goes on until its lease ends */ }
  show();
  setTimeout(listen, EVERY);
}

document.getElementById("where").addEventListener("submit", (event) => {
  event.preventDefault();
  here = ["lat", "lon"].map((id) => document.getElementById(id).valueAsNumber);
  show();
});
setInterval(show, LOOK);
listen();
