"use strict";
// Swagger UI of one document, in the colours that the browser prefers. Tokens are not kept.

const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
colour();
dark.addEventListener("change", colour);

const page = document.getElementById("swagger-ui");
SwaggerUIBundle({
  url: page.dataset.document,
  domNode: page,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});

// The dialog of "Authorize" opens at its end, where a key is asked for, and not where one logs in.
let dialog = null;
new MutationObserver(() => {
  const shown = page.querySelector(".dialog-ux .modal-ux-content");
  if (shown && shown !== dialog) shown.querySelector("input")?.focus();
  dialog = shown;
}).observe(page, { childList: true, subtree: true });
