const TAIL_LETTERS = 10;
const NO_TEXT = /(?! )[\p{C}\p{Z}]/gu; // what Python, and so the server, calls not printable

/** The name of a local file without what is no text in it: control characters, marks that turn the direction. */
export function textOf(name) {
  return name.replace(NO_TEXT, "");
}

/**
 * Shows a file name on one line: a long one is cut in its middle, so that its end and extension stay. Each part is
 * isolated, because a name may carry marks that turn the direction of writing.
 */
export function showName(element, name) {
  const letters = [...name];
  const isLong = letters.length > 2 * TAIL_LETTERS;
  const head = part("name-head", isLong ? letters.slice(0, -TAIL_LETTERS) : letters);
  const tail = part("name-tail", isLong ? letters.slice(-TAIL_LETTERS) : []);
  element.replaceChildren(head, tail);
  element.title = name;
}

function part(className, letters) {
  const element = document.createElement("bdi");
  element.className = className;
  element.textContent = letters.join("");
  return element;
}
