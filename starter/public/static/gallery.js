// A button beside each line to copy; without it, or without leave to copy, the line is there to be selected.
"use strict";

for (const button of document.querySelectorAll("[data-copies]")) {
  const line = document.getElementById(button.dataset.copies);
  const copied = document.querySelector(`[data-copied="${button.dataset.copies}"]`);
  button.hidden = false;
  button.addEventListener("click", async () => {
    line.select();
    copied.hidden = !(await navigator.clipboard?.writeText(line.value).then(() => true, () => false));
  });
}
