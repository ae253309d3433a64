const TAIL_LETTERS = 10;

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
