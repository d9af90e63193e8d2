// The service worker of the console: shows that an alert waits for approval, and leads to it.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => event.waitUntil(show(event.data.json())));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});

function show({ title, body, url, tag, lang }) {
  return self.registration.showNotification(title, {
    body, tag, lang, data: { url }, renotify: true, requireInteraction: true,
  });
}
