"use strict";

function addCopyButton(block) {
  const code = block.querySelector("code");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy: " + code.textContent.trim().slice(0, 60));
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent.trim());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  block.append(button);
}

function searchWhileTyping(field) {
  const place = field.dataset.live;
  let timer = 0;
  let latest = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const number = ++latest;
      const address = field.form.action + "?" + new URLSearchParams({ q: field.value });
      const answer = await fetch(address, { credentials: "same-origin" }).catch(() => null);
      if (!answer || !answer.ok || number !== latest) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.querySelector(place);
      if (found) document.querySelector(place).replaceChildren(...found.childNodes);
      history.replaceState(null, "", field.value ? address : field.form.action);
    }, 150);
  });
}

if (navigator.clipboard) document.querySelectorAll(".code").forEach(addCopyButton);
document.querySelectorAll("input[data-live]").forEach(searchWhileTyping);
