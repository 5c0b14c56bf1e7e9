// What a reader sees of a page: where things stand, and how well its text can be told from its ground.

function visible(element) {
  return element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
}

// Elements that stick out of the page, except inside of what scrolls by itself.
function stickingOut() {
  const width = document.documentElement.clientWidth;
  return [...document.body.querySelectorAll("*")]
    .filter((element) => visible(element) && !element.parentElement.closest(".scroll, pre"))
    .filter((element) => !element.parentElement.closest("svg"))
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.left < -0.5 || box.right > width + 0.5))
    .map(([element, box]) => `${element.tagName}.${element.getAttribute("class")} ${box.left}..${box.right}`);
}

const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

// The colour that lies on top when all these are painted one after the other: red, green, blue.
function painted(colours) {
  pen.fillStyle = "white";
  pen.fillRect(0, 0, 1, 1);
  for (const colour of colours) {
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
  }
  return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

// https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
function luminance(colour) {
  const [r, g, b] = colour.map((byte) => {
    const value = byte / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(element) {
  const grounds = [];
  for (let place = element; place; place = place.parentElement) {
    grounds.unshift(getComputedStyle(place).backgroundColor);
  }
  const style = getComputedStyle(element);
  const ink = element.closest("svg") ? style.fill : style.color;
  const [one, other] = [luminance(painted([...grounds, ink])), luminance(painted(grounds))];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

// Every text with less contrast than WCAG AA asks for: 4.5, or 3 where it is large. The number of all texts is told too.
function paleTexts() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const pale = [];
  let count = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !visible(element) || element.closest("title, script")) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const found = contrast(element);
    count += 1;
    if (found < (large ? 3 : 4.5)) pale.push(`${found.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return { pale, count };
}
