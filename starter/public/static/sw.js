// The service worker: shows what Baken pushed to this browser. An alert is one notification, whose place every change
// and the end take; docs/channels/webpush.md says what a message has.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => event.waitUntil(show(event.data.json())));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url));
});

async function show(said) {
  const [before] = await self.registration.getNotifications({ tag: said.tag });
  // Nobody promises that messages come in order.
  if (before && before.data.edition > said.edition) return;
  await self.registration.showNotification(said.title, {
    tag: said.tag,
    body: said.body,
    lang: said.lang,
    image: said.image,
    data: { url: said.url, edition: said.edition },
    renotify: said.kind === "update",
    requireInteraction: said.kind !== "cancel",
  });
}

async function open(url) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((one) => one.url.split("?")[0] === url);
  return there ? there.focus() : self.clients.openWindow(url);
}
