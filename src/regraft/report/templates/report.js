"use strict";

// Tables: a heading becomes a button that sorts by its column; what is unknown stays at the end.
function sortBy(table, column, heading) {
  const first = heading.dataset.first || "ascending";
  const other = first === "ascending" ? "descending" : "ascending";
  const direction = heading.getAttribute("aria-sort") === first ? other : first;
  const sign = direction === "ascending" ? 1 : -1;
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const compare = heading.classList.contains("number") ? (a, b) => a - b : (a, b) => a.localeCompare(b, "en");
  const order = (a, b) => (a === "" || b === "" ? (a === "") - (b === "") : sign * compare(a, b));
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort((one, two) => order(value(one), value(two))));
  for (const each of heading.parentElement.cells) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, column, heading));
    heading.append(button);
  });
}

// Texts to copy: where the browser does not allow it, the text is marked so that a key press copies it.
async function copyFrom(text, said) {
  try {
    await navigator.clipboard.writeText(text.textContent);
    said.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(text);
    said.textContent = "the browser forbids copying: the text is marked, press Ctrl-C";
  }
}

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  const said = button.nextElementSibling;
  button.addEventListener("click", () => copyFrom(document.getElementById(button.dataset.of), said));
}
