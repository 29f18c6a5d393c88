// A file that is too large is told before it is sent.
"use strict";
for (const input of document.querySelectorAll("input[data-largest]")) {
  input.addEventListener("change", () => {
    const large = [...input.files].some((file) => file.size > Number(input.dataset.largest));
    input.setCustomValidity(large ? "This file has more than 5 MB. On the machine, manage.py import_users takes files of any size." : "");
    input.reportValidity();
  });
}
