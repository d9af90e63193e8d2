// The tip page where script runs: "here" by one press, smaller photos, and nothing lost without a network. Without
// script the form does the same, save that.
"use strict";

const { alert: alertId } = document.body.dataset;
const form = document.getElementById("tip"), said = document.getElementById("said");
const fields = form.elements, queue = self.bakenTips;
const LARGEST = 1600, AGAIN = 15000;

function say(state) {
  for (const one of document.querySelectorAll("[data-when]")) one.hidden = !one.dataset.when.split(" ").includes(state);
}

// After a press: there the eyes shall be.
function answer(state) {
  say(state);
  said.focus();
}

// Sending; one at a time, so that what became of a tip is said once

let sending = false;
async function submit(event) {
  event.preventDefault();
  const filled = ["where", "lat", "direction", "text"].some((name) => fields[name].value.trim());
  if (!filled && !fields.photo.files.length) return answer("empty");
  const buttons = form.querySelectorAll("button:not([type])");
  for (const one of buttons) one.disabled = true;
  sending = true;
  try {
    await deliver(await written());
  } finally {
    for (const one of buttons) one.disabled = false;
    sending = false;
  }
}

async function written() {
  const told = [...new FormData(form)].filter(([name]) => name !== "photo");
  const photo = fields.photo.files.length ? await smaller(fields.photo.files[0]) : null;
  return { id: fields.id.value, alert: alertId, action: form.getAttribute("action"), fields: told, photo, written: Date.now() };
}

// Kept first, so that not even a browser that is closed now loses it.
async function deliver(tip) {
  const kept = await queue.keep(tip).then(() => true, () => false);
  const state = await queue.send(tip);
  if (state !== "later" && kept) await queue.forget(tip);
  if (state === "later" && !kept) return answer("failed");
  if (["empty", "wrong", "refused", "too_large"].includes(state)) return answer(state);
  if (state === "later") await later();
  begin();
  return answer(state === "later" ? "kept" : state);
}

// The form as for the next tip.
function begin() {
  const number = fields.call_back.value;
  form.reset();
  fields.call_back.value = number;
  nowhere();
  renew();
}

function renew() {
  fields.id.value = [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
}

async function later() {
  const worker = await navigator.serviceWorker?.getRegistration("/tip/");
  await worker?.sync?.register("tips").catch(() => {});
}

async function smaller(file) {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob((blob) => resolve(blob || file), "image/jpeg", 0.85));
  } catch {
    return file; // the server may know its kind
  }
}

// Sending what waits

async function flush() {
  if (sending) return;
  sending = true;
  try {
    tell(await queue.flush());
  } catch { /* nothing can be kept here, so nothing waits */ } finally {
    sending = false;
  }
}

// The worst that became of what was told about this alert.
function tell(became) {
  const here = became.filter(({ alert }) => alert === alertId).map(({ state }) => state);
  const worst = here.find((state) => state === "later") ?? here.find((state) => !state.startsWith("sent")) ?? here[0];
  if (worst) say(worst === "later" ? "kept" : worst);
}

// Where

function place(state) {
  for (const one of document.querySelectorAll("[data-place]")) one.hidden = one.dataset.place !== state;
}

function nowhere() {
  for (const name of ["lat", "lon", "accuracy"]) fields[name].value = "";
  place("");
}

function here() {
  place("asking");
  navigator.geolocation.getCurrentPosition(({ coords }) => {
    fields.lat.value = coords.latitude.toFixed(6);
    fields.lon.value = coords.longitude.toFixed(6);
    fields.accuracy.value = Math.round(coords.accuracy);
    document.getElementById("accuracy").textContent = Math.round(coords.accuracy);
    place("known");
  }, () => { nowhere(); place("denied"); }, { enableHighAccuracy: true, timeout: 15000, maximumAge: 30000 });
}

renew(); // a page that was kept has the id of a tip that may be sent already
form.addEventListener("submit", submit);
fields.minutes.addEventListener("input", () => { fields.when.value = "ago"; });
fields.clock.addEventListener("input", () => { fields.when.value = "at"; });
document.getElementById("here").addEventListener("click", here);
document.getElementById("not-here").addEventListener("click", nowhere);
document.querySelector("[data-here]").hidden = !("geolocation" in navigator);
self.addEventListener("online", flush);
setInterval(flush, AGAIN);
flush();
navigator.serviceWorker?.addEventListener("message", ({ data }) => tell(data));
navigator.serviceWorker?.register("/tip/sw.js").then(() => navigator.serviceWorker.ready)
  .then(() => caches.open("tip-pages")).then((kept) => kept.add(location.pathname + location.search)).catch(() => {});
