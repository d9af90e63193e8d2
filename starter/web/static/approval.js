// How long until the next group is called, second by second; without script the time alone says it.
"use strict";

for (const one of document.querySelectorAll("[data-until]")) {
  const at = Date.parse(one.dataset.until);
  const tell = () => {
    const left = Math.max(0, Math.round((at - Date.now()) / 1000));
    one.textContent = `(${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")})`;
  };
  tell();
  setInterval(tell, 1000);
}
