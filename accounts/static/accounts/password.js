// What the pages do better with JavaScript: look at what was typed, and hear how hard it is to guess. The server decides.
"use strict";

const LEVELS = ["short", "weak", "fair", "good", "strong"];

function level(password, names) {
  const letters = [...password];
  if (letters.length < 8) return "short";
  const plain = names.reduce((rest, name) => rest.replaceAll(name, ""), password.toLowerCase());
  const surprises = [...plain].filter((letter, at, all) => at === 0 || Math.abs(letter.codePointAt() - all[at - 1].codePointAt()) > 1).length;
  const known = Math.min(surprises, 2 * new Set(plain).size);
  if (known < 7) return "weak";
  if (known < 12) return "fair";
  return known < 16 ? "good" : "strong";
}

function showStrength(hint) {
  const input = document.getElementById(hint.dataset.strengthOf);
  const words = hint.querySelector(".words");
  const names = input.dataset.strength.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((name) => name.length > 2);
  let pause;
  input.addEventListener("input", () => {
    const found = level(input.value, names);
    hint.hidden = !input.value;
    hint.dataset.level = LEVELS.indexOf(found) || 1;
    clearTimeout(pause); // a screen reader speaks when the typing stops
    pause = setTimeout(() => { words.textContent = hint.dataset[found]; }, 300);
  });
}

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? button.dataset.hide : button.dataset.show;
    button.setAttribute("aria-label", `${button.textContent}: ${button.dataset.name}`);
  };
  show(false);
  button.hidden = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false)); // or the browser would offer what was typed to other forms
}

document.querySelectorAll("[data-reveal]").forEach(reveal);
document.querySelectorAll("[data-strength-of]").forEach(showStrength);
