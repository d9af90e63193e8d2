// The service worker: shows what Baken pushed to this browser. An alert is one notification, whose place every change
// and the end take; docs/channels/webpush.md says what a message has.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => event.waitUntil(inTurn(event.data.json())));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url));
});

// One after the other, so that each knows what the one before it was.
let last = Promise.resolve();
function inTurn(said) {
  last = last.catch(() => {}).then(() => show(said));
  return last;
}

async function show(said) {
  if (await overtaken(said)) return;
  await self.registration.showNotification(said.title, {
    tag: said.tag,
    body: said.body,
    lang: said.lang,
    image: said.image,
    data: { url: said.url },
    renotify: said.kind === "update",
    requireInteraction: said.kind !== "cancel",
  });
}

// Whether something newer of the alert came before: nobody promises that messages come in order. The newest is kept
// apart from what is shown, which may have been wiped away. A message of an older Baken has no order.
async function overtaken({ tag, edition, order = [0, 0, edition, 0] }) {
  const newest = await self.caches.open("newest"), place = `/newest/${encodeURIComponent(tag)}`;
  const known = await newest.match(place).then((kept) => (kept ? kept.json() : [-1]));
  const at = order.findIndex((number, index) => number !== known[index]);
  if (at >= 0 && order[at] < known[at]) return true;
  await newest.put(place, new Response(JSON.stringify(order)));
  return false;
}

async function open(url) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((one) => one.url.split("?")[0] === url);
  return there ? there.focus() : self.clients.openWindow(url);
}
